"""Nearest vectors under a filter, in memory: a projection chooses candidates, full rows decide.

The vectors live in the index file's vec0 table, where partition keys and metadata make filtered
searches possible from SQL. sqlite-vec 0.1.9 scans them at 17–23 ms for 43k passages, so the store
reads them once at start and scans here: about 2 ms, in 1,152 bytes a passage. Of the quicker ways,
96 principal axes and 512 rows compared in full keep recall@10 at 0.996; 384 sign bits and 600 rows
only 0.956. Measured with tests/bench/bench_search.py.
"""

from __future__ import annotations

from datetime import date

import apsw
import numpy as np
from numpy.typing import NDArray

from appliance.ports import Filters, Vector
from appliance.store.index_schema import FAR_FUTURE, FAR_PAST, PRODUCT, load_vectors_extension
from appliance.store.token_rows import Numbers

EXACT_ROWS = 4_096  # an index of so many passages is compared in full
AXES = 96  # of the projection, for larger ones
COARSE = 512  # candidates the projection chooses
GATHER_SHARE = 3  # copying a row costs about twice as much as reading one in its place
_SAMPLE = 8_192  # rows the axes are fitted to
_BLOCK_ELEMENTS = 1 << 17
_CACHED_FILTERS = 64


class VectorScan:
    """All vectors and filter columns of one index; immutable, so any thread may search."""

    def __init__(self, db: apsw.Connection, *, dim: int) -> None:
        """Read the vectors and columns.

        Raises:
            ValueError: The table's rows do not fit the passages.
            apsw.Error: The file is damaged.
        """
        rows = list(
            db.execute(
                "SELECT audience, language, department, kind, document, effective_from,"
                " effective_to FROM passages ORDER BY number"
            )
        )
        self.size = len(rows)
        columns = list(zip(*rows, strict=True)) if rows else [()] * 7
        self._audience = _codes(columns[0])
        self._language = _codes(columns[1])
        self._department = _codes(columns[2])
        self._kind = _codes(columns[3])
        self.is_product = _one_of(self._kind, (PRODUCT,))
        self.document = _codes(columns[4])[0]  # (n,), a small number per document
        self._from = np.array(columns[5], dtype=np.int32)
        self._to = np.array(columns[6], dtype=np.int32)
        self._rows = self._read(db, dim=dim)
        self._axes = _principal_axes(self._rows) if self.size > EXACT_ROWS else None
        full = self._rows.astype(np.float32)
        self._near = full if self._axes is None else full @ self._axes
        self._masks: dict[Filters, NDArray[np.bool_]] = {}

    def _read(self, db: apsw.Connection, *, dim: int) -> NDArray[np.float16]:
        load_vectors_extension(db)
        rows = np.zeros((self.size, dim), dtype=np.float16)
        seen = 0
        for number, blob in db.execute("SELECT number, embedding FROM vectors"):
            if not 1 <= number <= self.size or len(blob) != dim * 4:
                raise ValueError(f"vector {number} of {len(blob)} bytes fits no passage")
            rows[number - 1] = np.frombuffer(blob, dtype="<f4")
            seen += 1
        if seen != self.size:
            raise ValueError(f"{seen:,} vectors for {self.size:,} passages")
        return rows

    def mask(self, filters: Filters) -> NDArray[np.bool_]:
        """Return which passages the filters allow, shape (n,), index = number − 1."""
        found = self._masks.get(filters)
        if found is None:
            found = self._allowed(filters)
            if len(self._masks) >= _CACHED_FILTERS:
                self._masks.clear()
            self._masks[filters] = found
        return found

    def search(self, vector: Vector, *, k: int, mask: NDArray[np.bool_]) -> tuple[Numbers, Vector]:
        """Return up to k (number, cosine) among the allowed, best first, ties by number."""
        query = np.asarray(vector, dtype=np.float32)
        allowed = np.flatnonzero(mask)
        if self._axes is None:
            cosine = self._dot_near(query, allowed)
        else:
            coarse = max(COARSE, 2 * k)
            if len(allowed) > coarse:
                near = self._dot_near(query @ self._axes, allowed)
                allowed = np.sort(allowed[np.argpartition(-near, coarse)[:coarse]])
            cosine = dot(self._rows[allowed].astype(np.float32), query)
        best = np.lexsort((allowed, -cosine))[:k]
        return allowed[best] + 1, cosine[best]

    def _dot_near(self, query: Vector, allowed: Numbers) -> Vector:
        """Return the products with the allowed rows; few of many are taken out first."""
        if len(allowed) * GATHER_SHARE < self.size:
            return dot(self._near[allowed], query)
        return dot(self._near, query)[allowed]

    def cosines(self, vector: Vector, numbers: Numbers) -> Vector:
        """Return the cosine of each numbered passage, shape (len(numbers),)."""
        rows: Vector = self._rows[numbers - 1].astype(np.float32)
        return dot(rows, np.asarray(vector, dtype=np.float32))

    def row(self, number: int) -> Vector:
        """Return one passage's vector."""
        row: Vector = self._rows[number - 1].astype(np.float32)
        return row

    def _allowed(self, filters: Filters) -> NDArray[np.bool_]:
        mask = _one_of(self._audience, filters.audiences)
        if filters.language is not None:
            mask &= _one_of(self._language, (filters.language,))
        if filters.department is not None:
            mask &= _one_of(self._department, (filters.department, "all"))
        if filters.kinds:
            mask &= _one_of(self._kind, filters.kinds)
        if filters.on is not None:
            mask &= self._in_force(filters.on)
        return mask

    def _in_force(self, on: date) -> NDArray[np.bool_]:
        number = min(max(on.toordinal(), FAR_PAST), FAR_FUTURE)
        return (self._from <= number) & (number <= self._to)


def _codes(values: tuple[str, ...]) -> tuple[NDArray[np.int32], dict[str, int]]:
    """Return small numbers for repeated strings, and which number is which string's."""
    names = {name: i for i, name in enumerate(dict.fromkeys(values))}
    return np.array([names[v] for v in values], dtype=np.int32), names


def _one_of(
    column: tuple[NDArray[np.int32], dict[str, int]], values: tuple[str, ...]
) -> NDArray[np.bool_]:
    codes, names = column
    wanted = [names[v] for v in values if v in names]
    result: NDArray[np.bool_] = np.isin(codes, wanted)
    return result


def dot(rows: NDArray[np.float32], vector: Vector) -> Vector:
    """Return rows @ vector, shape (n,), on the calling thread.

    OpenBLAS hands a large product to a thread per core and waits for all of them; on a busy store
    machine that wait is a time slice, 16 ms, for 2 ms of work. Blocks this small stay here.
    """
    out = np.empty(len(rows), dtype=np.float32)
    step = max(1, _BLOCK_ELEMENTS // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        np.dot(rows[start : start + step], vector, out=out[start : start + step])
    return out


def _principal_axes(rows: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the axes that hold most of the rows' dot products, shape (dim, AXES)."""
    step = max(1, len(rows) // _SAMPLE)
    sample = rows[::step].astype(np.float32)
    _, axes = np.linalg.eigh(sample.T @ sample)  # eigenvalues ascend
    return np.ascontiguousarray(axes[:, -AXES:], dtype=np.float32)

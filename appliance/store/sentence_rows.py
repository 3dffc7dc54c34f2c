"""The vectors of all sentences that have one, held in memory as the file packs them.

388 bytes a sentence; products' have none. Read per ask from SQL they took 1.5 ms.
"""

from __future__ import annotations

from typing import cast

import apsw
import numpy as np
from numpy.typing import NDArray

from appliance.ports import Vector
from appliance.store.token_rows import Numbers
from appliance.store.vector_scan import dot

_SCALE_BYTES = 4


class SentenceRows:
    """Immutable, so any thread may search."""

    def __init__(self, db: apsw.Connection, *, passages: int, dim: int) -> None:
        """Read the sentences.

        Raises:
            ValueError: A vector is not of `dim` elements, or belongs to no passage.
            apsw.Error: The file is damaged.
        """
        rows = cast(
            "list[tuple[int, bytes]]",
            db.execute(
                "SELECT passage, vector FROM sentences WHERE vector IS NOT NULL"
                " ORDER BY passage, start"
            ).fetchall(),
        )
        owner = np.array([number for number, _ in rows], dtype=np.int64)
        table = np.frombuffer(b"".join(blob for _, blob in rows), dtype=np.uint8)
        table = table.reshape(len(rows), dim + _SCALE_BYTES)
        self._scales = np.ascontiguousarray(table[:, :_SCALE_BYTES]).view("<f4")
        self._rows: NDArray[np.int8] = np.ascontiguousarray(table[:, _SCALE_BYTES:]).view(np.int8)
        if len(owner) and not 1 <= owner[0] <= owner[-1] <= passages:
            raise ValueError(f"sentences of passages {owner[0]} to {owner[-1]}")
        self._starts = np.searchsorted(owner, np.arange(1, passages + 2))

    def nearest(self, vector: Vector, numbers: Numbers) -> Vector:
        """Return the best cosine over each numbered passage's sentences, -2 where it has none."""
        starts = self._starts[numbers - 1]
        counts = self._starts[numbers] - starts
        best = np.full(len(numbers), -2.0, dtype=np.float32)
        if not counts.any():
            return best
        owner = np.repeat(np.arange(len(numbers)), counts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        at = starts[owner] + within
        rows = self._rows[at].astype(np.float32) * self._scales[at]
        np.maximum.at(best, owner, dot(rows, np.asarray(vector, dtype=np.float32)))
        return best

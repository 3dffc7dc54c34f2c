"""Questions headquarters has labelled, each with the sentence that answers it.

People ask more like other people than like a handbook: the nearest known question often finds the
sentence that no word of the new one does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.damage import BROKEN_ARRAYS, found
from appliance.errors import DamagedRelease
from appliance.ports import Asked, IndexedSentence, KnownAnswer, Vector
from appliance.store.vector_scan import dot

HINT = "Fetch the release again, or make it: backroom models run RECIPE --from router"


@dataclass(frozen=True, slots=True)
class KnownAsks:
    """`ports.Known` over a release's `known/asks.json` and `known/vectors.npy`.

    Attributes:
        places: (passage id, start, end) of each ask's answering sentence.
        texts: The asks, prepared as an ask is.
        vectors: (asks, dim), unit rows.
    """

    places: tuple[tuple[str, int, int], ...]
    texts: tuple[str, ...]
    vectors: NDArray[np.float32]
    _of: dict[str, list[int]] = field(init=False, repr=False, compare=False)  # passage -> rows

    def __post_init__(self) -> None:
        rows: dict[str, list[int]] = {}
        for row, (passage, _, _) in enumerate(self.places):
            rows.setdefault(passage, []).append(row)
        object.__setattr__(self, "_of", rows)

    @classmethod
    def load(cls, table: Path, vectors: Path) -> KnownAsks:
        """Load both files.

        Raises:
            DamagedRelease: One is missing or foreign, or they do not fit each other.
        """
        try:
            rows = json.loads(table.read_text(encoding="utf-8"))
            places = tuple((str(r["passage"]), int(r["start"]), int(r["end"])) for r in rows)
            texts = tuple(str(r["text"]) for r in rows)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
            raise DamagedRelease(
                f"{table} holds no known asks: expected a list of passage, start, end and text as"
                f" JSON, found {found(exc)}.",
                hint=HINT,
            ) from exc
        matrix = _vectors(vectors)
        if len(matrix) != len(places):
            raise DamagedRelease(
                f"{vectors} has shape {matrix.shape}; {table.name} has {len(places)} asks.",
                hint=HINT,
            )
        return cls(places, texts, matrix)

    def nearest(self, vector: Vector, *, k: int, but: str = "") -> list[KnownAnswer]:
        """Return the k best sentences, each by its nearest ask, best first.

        Args:
            vector: Of the question, (dim,).
            k: Sentences at most.
            but: An ask to leave out: training must not find the very ask it learns from.
        """
        if not len(self.vectors):
            return []
        cosines = dot(self.vectors, vector)
        found: dict[tuple[str, int, int], float] = {}
        for row in _best(cosines, 6 * k):
            if self.texts[row] != but:
                found.setdefault(self.places[row], float(cosines[row]))
            if len(found) == k:
                break
        return [KnownAnswer(*place, cosine) for place, cosine in found.items()]

    def asked(
        self, vector: Vector, sentences: Sequence[IndexedSentence], *, but: str = ""
    ) -> list[Asked]:
        """Return, for each sentence, the questions that it answers, in the file's order.

        Args:
            vector: Of the ask that they are compared with, (dim,).
            sentences: Of passages of the index.
            but: An ask to leave out, as in `nearest`.
        """
        mine = [[r for r in self._of.get(s.passage, ()) if self._answers(r, s)] for s in sentences]
        rows = sorted({row for found in mine for row in found})
        cosines = dict(zip(rows, (self.vectors[rows] @ vector).tolist(), strict=True))
        kept = [[r for r in found if self.texts[r] != but] for found in mine]
        return [
            Asked(tuple(self.texts[r] for r in found), tuple(cosines[r] for r in found))
            for found in kept
        ]

    def _answers(self, row: int, sentence: IndexedSentence) -> bool:
        _, start, end = self.places[row]
        return start < sentence.end and sentence.start < end


def _vectors(path: Path) -> NDArray[np.float32]:
    try:
        with path.open("rb") as file:
            return unpacked(np.load(file, allow_pickle=False))
    except BROKEN_ARRAYS as exc:
        raise DamagedRelease(
            f"{path} holds no vectors of known asks: expected numbers of shape (asks, dim), found"
            f" {found(exc, path=path)}.",
            hint=HINT,
        ) from exc


def packed(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return unit rows as int8, each row by its own scale: half a float16 file's bytes.

    The scale is not kept: a row's direction is all that is read (`unpacked`).
    """
    scale = 127 / np.abs(vectors).max(axis=1, keepdims=True)
    rows: NDArray[np.int8] = np.rint(vectors * scale).astype(np.int8)
    return rows


def unpacked(rows: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return packed rows at unit length again; cosines are off by about 0.001.

    Raises:
        ValueError: The rows are not two-dimensional.
    """
    if rows.ndim != 2:
        raise ValueError(f"vectors of shape {rows.shape}, expected (asks, dim)")
    wide = rows.astype(np.float32)
    vectors: NDArray[np.float32] = wide / np.maximum(
        np.linalg.norm(wide, axis=1, keepdims=True), 1e-6
    )
    return vectors


def _best(cosines: NDArray[np.float32], k: int) -> Sequence[int]:
    """Return the rows of the k highest values, highest first."""
    k = min(k, len(cosines))
    rows = np.argpartition(-cosines, k - 1)[:k]
    return [int(r) for r in rows[np.argsort(-cosines[rows], kind="stable")]]

"""Which answer card's known asks lie nearest to a question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.damage import BROKEN_ARRAYS, found
from appliance.errors import DamagedRelease
from appliance.ports import Vector
from appliance.store.cards import Card, Cards


class CardVectors:
    """The vectors of every card's asks, in the order of `cards.json`."""

    def __init__(self, cards: Cards, vectors: NDArray[np.float32]) -> None:
        """Keep (asks, dim) unit rows.

        Raises:
            DamagedRelease: There is not one row for each ask.
        """
        self._cards: list[Card] = [card for card in cards for _ in card.asks]
        self._vectors = vectors
        if vectors.ndim != 2 or len(vectors) != len(self._cards):
            raise DamagedRelease(
                f"cards/vectors.npy has shape {vectors.shape}; the cards have"
                f" {len(self._cards)} asks.",
                hint="Cards and vectors are of different releases. Fetch the release again.",
            )

    @classmethod
    def load(cls, cards: Cards, path: Path) -> CardVectors:
        """Load the vectors written beside the cards.

        Raises:
            DamagedRelease: The file is missing or foreign.
        """
        try:
            with path.open("rb") as file:
                # read_array, not np.load: an archive or a pickle is no array of vectors.
                rows = np.lib.format.read_array(file, allow_pickle=False).astype(np.float32)
        except BROKEN_ARRAYS as exc:
            raise DamagedRelease(
                f"{path} is not an array of card vectors: expected numbers of shape (asks, dim),"
                f" found {found(exc, path=path)}.",
                hint="Fetch the release again.",
            ) from exc
        return cls(cards, rows)

    def nearest(
        self, vector: Vector, *, audiences: Sequence[str], language: str, on: date
    ) -> tuple[str, float]:
        """Return (card id, cosine) of the nearest readable card in force; ('', 0.0) when none."""
        if not len(self._vectors):
            return "", 0.0
        cosines = self._vectors @ vector
        for row in np.argsort(-cosines):
            card = self._cards[int(row)]
            if card.is_in_force(on) and card.audience in audiences and card.language == language:
                return card.id, float(cosines[row])
        return "", 0.0

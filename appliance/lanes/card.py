"""An answer that headquarters approved, word for word."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.lanes.api import nothing
from appliance.records import Draft, LaneName, Sentence, Source, Stitched
from appliance.stages.text import sentence_spans
from appliance.store.cards import Cards


@dataclass(frozen=True, slots=True)
class CardLane:
    """Speaks the card that routing found nearest."""

    cards: Cards
    name: LaneName = LaneName.CARD
    is_model: bool = False

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:  # noqa: ARG002
        """Return the card's sentences."""
        card = self.cards.get(stitched.card)
        if card is None:
            return nothing(self.name, "no card is near this ask")
        sentences = tuple(
            Sentence(card.text[a:b], (Source(f"card:{card.id}", card.title, a, b),))
            for a, b in sentence_spans(card.text)
        )
        p = next((o.p for o in stitched.lanes if o.lane is self.name), 0.0)
        return Draft(self.name, sentences, p=p)

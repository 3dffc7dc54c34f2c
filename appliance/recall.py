"""A conversation as OpenAI's clients tell it, read as the thread it would have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from appliance.ports import Index
from appliance.records import Ask, Query, Turn
from appliance.stages.followup import MAX_TURNS
from appliance.stages.prepare import Prepare
from appliance.stages.subject import IDENTIFIED, subject_of


@dataclass(frozen=True, slots=True)
class Recall:
    """Exchanges in words -> turns: what each was about, as far as its words tell."""

    prepare: Prepare
    index: Index

    def __call__(self, exchanges: Sequence[tuple[str, str]], *, at: datetime) -> tuple[Turn, ...]:
        """Return the latest turns of (question, answer) pairs, oldest first."""
        turns: tuple[Turn, ...] = ()
        for text, answer in exchanges[-MAX_TURNS:]:
            query = self.prepare(Ask(id="", text=text, asked_at=at, turns=turns)).query
            subject = self._subject(query, answer)
            turns = (*turns, Turn(query.text, answer, subject=subject, topic=query.standalone))
        return turns

    def _subject(self, query: Query, answer: str) -> tuple[str, ...]:
        """Return the products an exchange was about: named by number, or by name in the answer.

        A thread keeps them for lookups alone, whose sentences print the product's name.
        """
        found = subject_of(query, self.index)
        said = answer.casefold()
        return tuple(
            sku for sku in found.skus if found.score >= IDENTIFIED or self._name(sku) in said
        )

    def _name(self, sku: str) -> str:
        return (self.index.product(sku) or {}).get("name", sku).casefold()

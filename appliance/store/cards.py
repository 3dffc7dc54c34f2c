"""Answer cards: what headquarters approved word for word; which one fits is found elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from appliance.damage import found
from appliance.errors import DamagedRelease
from appliance.records import Role

FORMAT = 1
LANGUAGES = ("en", "es")
_KEYS = frozenset(
    [
        "id",
        "title",
        "text",
        "approved_by",
        "approved_at",
        "audience",
        "language",
        "effective_from",
        "effective_to",
        "asks",
    ]
)


@dataclass(frozen=True, slots=True)
class Card:
    """One approved answer and the ways people ask for it."""

    id: str
    title: str
    text: str  # the answer, word for word
    asks: tuple[str, ...]
    approved_by: str
    approved_at: date
    audience: Role
    language: str  # en | es
    effective_from: date
    effective_to: date | None = None  # inclusive

    def is_in_force(self, on: date) -> bool:
        """Whether the card may be said on a day."""
        return self.effective_from <= on and (self.effective_to is None or on <= self.effective_to)


class Cards:
    """The cards of a release, by id; iterates in the file's order."""

    def __init__(self, cards: Sequence[Card]) -> None:
        self._by_id: Mapping[str, Card] = {card.id: card for card in cards}

    @classmethod
    def load(cls, path: Path) -> Cards:
        """Read a release's `cards.json`.

        Raises:
            DamagedRelease: The file is missing, cut short or not of this form.
        """
        try:
            raw = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise _damaged(path, f"it cannot be read: {error.strerror}") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise _damaged(path, f"expected JSON, found {found(error)}") from error
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise _damaged(path, f"expected an object of format {FORMAT}")
        rows = raw.get("cards")
        if not isinstance(rows, list):
            raise _damaged(path, "key 'cards': expected a list")
        cards = []
        for number, row in enumerate(rows):
            try:
                cards.append(read_card(row))
            except ValueError as error:
                raise _damaged(path, f"cards[{number}]: {error}") from error
        ids = [card.id for card in cards]
        if len(set(ids)) < len(ids):
            raise _damaged(path, f"two cards have the id {max(ids, key=ids.count)!r}")
        return cls(cards)

    def __iter__(self) -> Iterator[Card]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, card_id: str) -> Card | None:
        """Return one card, or None."""
        return self._by_id.get(card_id)

    def readable(
        self, *, audiences: Sequence[str], on: date, language: str | None = None
    ) -> list[Card]:
        """Return the cards these audiences may be told on a day, in any language by default."""
        return [
            card
            for card in self
            if card.audience in audiences
            and card.is_in_force(on)
            and language in {None, card.language}
        ]


def read_card(row: Any) -> Card:
    """Return a card from plain data (JSON or front matter).

    Raises:
        ValueError: A key is missing, unknown, or not of its form.
    """
    if not isinstance(row, dict):
        raise ValueError("expected an object")
    if unknown := row.keys() - _KEYS:
        raise ValueError(f"unknown key {min(unknown)!r}")
    asks = row.get("asks")
    if not isinstance(asks, list) or not asks:
        raise ValueError("key 'asks': expected a list with at least one ask")
    if row.get("language") not in LANGUAGES:
        raise ValueError(f"key 'language': expected one of {', '.join(LANGUAGES)}")
    ends = row.get("effective_to")
    card = Card(
        id=_words(row, "id"),
        title=_words(row, "title"),
        text=_words(row, "text"),
        asks=tuple(_words({"asks": ask}, "asks") for ask in asks),
        approved_by=_words(row, "approved_by"),
        approved_at=_day(row, "approved_at"),
        audience=_role(row, "audience"),
        language=row["language"],
        effective_from=_day(row, "effective_from"),
        effective_to=None if ends is None else _day(row, "effective_to"),
    )
    if card.effective_to is not None and card.effective_to < card.effective_from:
        raise ValueError("key 'effective_to': before effective_from")
    return card


def _words(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"key {key!r}: expected text")
    return value


def _role(row: Mapping[str, Any], key: str) -> Role:
    value = _words(row, key)
    try:
        return Role(value)
    except ValueError as error:
        roles = ", ".join(role.value for role in Role)
        raise ValueError(f"key {key!r}: expected one of {roles}, found {value!r}") from error


def _day(row: Mapping[str, Any], key: str) -> date:
    value = row.get(key)
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(_words(row, key))
    except ValueError as error:
        raise ValueError(f"key {key!r}: expected a date like 2026-02-01") from error


def _damaged(path: Path, why: str) -> DamagedRelease:
    return DamagedRelease(
        f"The answer cards {path} cannot be used: {why}.",
        hint="Fetch the release again, or rebuild the cards with: backroom models corpus",
    )

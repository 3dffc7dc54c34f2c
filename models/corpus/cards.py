"""Hand-written answer cards (`cards/*.md`) to the release's `cards.json`."""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from appliance.errors import BadInput
from appliance.store.cards import FORMAT, read_card

FEWEST_ASKS, MOST_ASKS = 6, 10


def cards_json() -> str:
    """Return the release part, cards in the order of their file names.

    Raises:
        BadInput: A card's front matter or text is not of the form the store will accept.
    """
    folder = files(__package__) / "cards"
    sources = sorted((s for s in folder.iterdir() if s.name.endswith(".md")), key=lambda s: s.name)
    cards = [_card(source) for source in sources]
    return json.dumps({"format": FORMAT, "cards": cards}, ensure_ascii=False, indent=1) + "\n"


def _card(source: Traversable) -> dict[str, Any]:
    _, front, body = source.read_text("utf-8").split("---\n", 2)
    try:
        # BaseLoader: every scalar stays the text that was written.
        row = {**yaml.load(front, Loader=yaml.BaseLoader), "text": body.strip()}  # noqa: S506
        card = read_card(row)
    except (yaml.YAMLError, ValueError) as error:
        raise BadInput(f"cards/{source.name}: {error}.") from error
    if f"{card.id}.md" != source.name:
        raise BadInput(f"cards/{source.name}: its id is {card.id!r}.", hint="Rename one of them.")
    if not FEWEST_ASKS <= len(card.asks) <= MOST_ASKS:
        raise BadInput(
            f"cards/{source.name}: {len(card.asks)} asks, expected {FEWEST_ASKS} to {MOST_ASKS}."
        )
    return row

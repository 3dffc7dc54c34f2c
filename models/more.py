"""More ways to ask, for training alone: everyday wordings, Spanish, a thesaurus, and strays.

Templates follow made_up.toml and intents.toml, which other parts read too and which stay as they
are, so that the exam of one run can be compared with the next.
"""

from __future__ import annotations

import random
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
MORE_ASKS = CORPUS / "more_asks.toml"
STRAYS = CORPUS / "strays.toml"
THESAURUS = CORPUS / "thesaurus.toml"


@dataclass(frozen=True, slots=True)
class Asks:
    """Templates of one family of facts or one made-up topic."""

    english: tuple[str, ...]
    spanish: tuple[str, ...]
    spanish_held_out: tuple[str, ...]
    held_out: tuple[str, ...] = ()  # where intents.toml and made_up.toml have none


@dataclass(frozen=True, slots=True)
class MoreAsks:
    """Templates by family, and by topic in made_up.toml's order."""

    families: Mapping[str, Asks]
    topics: tuple[Asks, ...]


@dataclass(frozen=True, slots=True)
class Thesaurus:
    """Single words to what may stand for them, in English and in Spanish."""

    rings: Mapping[str, tuple[str, ...]]
    spanish: Mapping[str, tuple[str, ...]]

    def reworded(self, rng: random.Random, text: str, *, share: float) -> str:
        """Return `text` with about a share of the words that have others replaced by one."""
        said = text.split()
        for at, word in enumerate(said):
            others = self.rings.get(word.strip(",?."))
            if others and rng.random() < share:
                said[at] = rng.choice(others)
        return " ".join(said)


@cache
def more_asks() -> MoreAsks:
    """Return the templates of more_asks.toml."""
    table = tomllib.loads(MORE_ASKS.read_text(encoding="utf-8"))
    return MoreAsks(
        {name: _asks(row) for name, row in table["family"].items()},
        tuple(_asks(row) for row in table["topic"]),
    )


@cache
def strays(*, held_out: bool) -> Mapping[str, tuple[str, ...]]:
    """Return asks that nothing answers, by kind."""
    table = tomllib.loads(STRAYS.read_text(encoding="utf-8"))
    return {k: tuple(v) for k, v in table["held_out" if held_out else "train"].items()}


@cache
def thesaurus() -> Thesaurus:
    """Return the rings of thesaurus.toml by their single words, and the Spanish of words."""
    table = tomllib.loads(THESAURUS.read_text(encoding="utf-8"))
    rings: dict[str, set[str]] = defaultdict(set)
    for ring in table["rings"]:
        for word in ring:
            if " " not in word:
                rings[word] |= set(ring) - {word}
    return Thesaurus(
        {k: tuple(sorted(v)) for k, v in rings.items()},
        {k: tuple(v) for k, v in table["es"].items()},
    )


def _asks(row: Mapping[str, Sequence[str]]) -> Asks:
    parts = (row.get(key, ()) for key in ("en", "es", "es_held_out", "held_out"))
    return Asks(*(tuple(p) for p in parts))

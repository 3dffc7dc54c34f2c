"""Store shorthand and synonyms, as the release's lexicon gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r"[^\s,;:?!.()]+(?:\.[^\s,;:?!.()]+)*")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """`shorthand` maps a lower-case token to its expansion; `synonyms` a word to its equals."""

    shorthand: Mapping[str, str]
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def expand(self, text: str) -> str:
        """Return `text` with every shorthand token written out; the rest is left as it stands."""
        return _TOKEN.sub(lambda m: self._expansion(m.group()), text)

    def _expansion(self, token: str) -> str:
        return self.shorthand.get(token.lower(), token)

    def phrases(self) -> list[tuple[str, str]]:
        """Return (phrase, head word) pairs of the synonyms, longest phrase first."""
        pairs = [(p.lower(), head) for head, equals in self.synonyms.items() for p in equals]
        return sorted(pairs, key=lambda p: (-len(p[0]), p))

    def with_synonyms(self, text: str) -> str:
        """Return `text` followed by the head word of every synonym phrase it contains."""
        lowered = f" {' '.join(_WORD.findall(text.lower()))} "
        heads = [h for p, h in self.phrases() if f" {p} " in lowered and f" {h} " not in lowered]
        return " ".join([text, *dict.fromkeys(heads)])

"""Store shorthand and synonyms, as the release's lexicon gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r"[^\s,;:?!.()]+(?:\.[^\s,;:?!.()]+)*")


# "3 pm" is a time; "$75 pm" and "pm on a tv" are price matches.
_HOUR = re.compile(r"(?<![\d$.,/-])(?:1[0-2]|0?[1-9])(?::[0-5]\d)? ?\Z")
_AFTER_HOUR = frozenset({"am", "pm"})
# A code's prefix stays as it is: "ORD 12345678" is no word for order.
_CODE = re.compile(r" ?#?\d{6,}")
_HOUR_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Lexicon:
    """`shorthand` maps a lower-case token to its expansion; `synonyms` a word to its equals."""

    shorthand: Mapping[str, str]
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _phrases: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pairs = [(p.lower(), head) for head, equals in self.synonyms.items() for p in equals]
        ordered = sorted(pairs, key=lambda p: (-len(p[0]), p))  # longest phrase first
        object.__setattr__(self, "_phrases", tuple((f" {p} ", f" {h} ") for p, h in ordered))

    def expand(self, text: str) -> str:
        """Return `text` with every shorthand token written out; the rest is left as it stands."""
        return _TOKEN.sub(self._expansion, text)

    def _expansion(self, match: re.Match[str]) -> str:
        token, text = match.group(), match.string
        written = self.shorthand.get(token.lower())
        if written is None or (token.isupper() and _CODE.match(text, match.end())):
            return token
        before = text[max(0, match.start() - _HOUR_CHARACTERS) : match.start()]
        if token.lower() in _AFTER_HOUR and _HOUR.search(before):
            return token
        return written

    def with_synonyms(self, text: str) -> str:
        """Return `text` followed by the head word of every synonym phrase it contains."""
        lowered = f" {' '.join(_WORD.findall(text.lower()))} "
        heads = [
            head for phrase, head in self._phrases if phrase in lowered and head not in lowered
        ]
        return " ".join([text, *(head[1:-1] for head in dict.fromkeys(heads))])

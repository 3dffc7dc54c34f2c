"""Personal data out, numbered tokens in, and the way back: "[NAME_1]", "[PHONE_1]".

Numbers tell two people of one ask apart, which "[NAME]" does not, so that whoever answers can
speak of both. What `find_personal` does not find is not masked; its figures come from
``python -m tests.bench.bench_personal``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from appliance.records import Span
from appliance.stages.personal import find_personal

KINDS = ("name", "email", "phone", "card", "address", "order", "loyalty")
_KIND = "|".join(kind.upper() for kind in KINDS)
# As models give them back: in another case, without brackets, with Markdown's backslash.
_TOKEN = re.compile(rf"\[?\b({_KIND})\\?_(\d{{1,3}})\b\]?", re.IGNORECASE)
LEAST_CHARS = 3  # of a found text that is looked for in the other texts as it stands


@dataclass(frozen=True, slots=True)
class Masking:
    """Texts without personal data, and what stands for what."""

    texts: tuple[str, ...]
    tokens: Mapping[str, str]  # "NAME_1" -> as it was given

    def restored(self, text: str) -> str:
        """Return `text` with every token that was given put back."""
        return _TOKEN.sub(lambda m: self.tokens.get(_name(m), m[0]), text)

    def strangers(self, text: str) -> tuple[str, ...]:
        """Return tokens in `text` that stand for nothing: whoever wrote them made them up."""
        return tuple(name for m in _TOKEN.finditer(text) if (name := _name(m)) not in self.tokens)


def masked_together(texts: Sequence[str]) -> Masking:
    """Return the texts masked with one numbering: the same person is the same token in all.

    The same texts in the same order give the same numbers; those of the first depend on it alone.
    A text that brings what looks like a token of ours has it disarmed: "(NAME_1)".
    """
    numbering = _Numbering({}, {})
    return Masking(tuple(numbering.mask(text) for text in texts), numbering.tokens)


@dataclass(frozen=True, slots=True)
class _Numbering:
    """Which token stands for what, as far as the texts have been read."""

    tokens: dict[str, str]
    known: dict[str, str]  # found text, case folded -> token

    def mask(self, text: str) -> str:
        text = _TOKEN.sub(lambda m: f"({_name(m)})", text)
        out, at = [], 0
        for span in self._spans(text):
            out += [text[at : span.start], f"[{self._token(text[span.start : span.end], span)}]"]
            at = span.end
        return "".join([*out, text[at:]])

    def _spans(self, text: str) -> list[Span]:
        """Return what is personal here, and where it or what was found before stands again."""
        found = list(find_personal(text))
        taken = bytearray(len(text))
        for span in found:
            taken[span.start : span.end] = b"\x01" * (span.end - span.start)
            self._token(text[span.start : span.end], span)
        for span in self._again(text):
            if not any(taken[span.start : span.end]):
                taken[span.start : span.end] = b"\x01" * (span.end - span.start)
                found.append(span)
        return sorted(found, key=lambda s: s.start)

    def _again(self, text: str) -> Iterator[Span]:
        for token, known in sorted(self.tokens.items(), key=lambda t: -len(t[1])):
            if len(known) < LEAST_CHARS:
                continue
            kind = token.rpartition("_")[0].lower()
            for match in re.finditer(rf"(?<!\w){re.escape(known)}(?!\w)", text, re.IGNORECASE):
                # A single word counts as a name does: who is called Long is not how long it takes.
                if not known.isalpha() or match[0] == known or match[0][0].isupper():
                    yield Span(match.start(), match.end(), kind)

    def _token(self, found: str, span: Span) -> str:
        known = self.known.get(found.casefold())
        if known is None:
            prefix = f"{span.kind.upper()}_"
            known = f"{prefix}{1 + sum(name.startswith(prefix) for name in self.tokens)}"
            self.known[found.casefold()] = known
            self.tokens[known] = found
        return known


def _name(match: re.Match[str]) -> str:
    return f"{match[1].upper()}_{int(match[2])}"

"""Ask -> Prepared: fold, expand shorthand, find entities and personal data, resolve follow-ups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.records import Ask, Entity, Prepared, Query, Span, ValueKind
from appliance.stages.followup import resolve, subject_of
from appliance.stages.lexicon import Lexicon
from appliance.stages.personal import find_personal
from appliance.stages.text import fold, language
from appliance.values import find_values

_SKU = re.compile(r"\bLM[- ]?(\d{6})\b", re.IGNORECASE)
_EAN = re.compile(r"(?<!\d)(\d{13}|\d{12}|\d{8})(?!\d)")
_ORDER = re.compile(
    r"\b(?:ORD[- ]?|(?:order|pedido) (?:(?:number|no\.|número|#) ?)?#?)(\d{8})\b", re.IGNORECASE
)
_RECEIPT = re.compile(r"\bR\d{4}-\d{6}\b", re.IGNORECASE)
_BADGE = re.compile(r"\bbadge\s*(?:no\.?|number|#)?\s*([A-Z]?\d{3,6})\b", re.IGNORECASE)
# A model number mixes letters and digits, at least four characters: "QW-300B", "XR55".
_MODEL = re.compile(r"(?<![\w-])[A-Z0-9]{1,20}(?:-[A-Z0-9]{1,20}){0,4}(?![\w-])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prepare:
    """Ask -> Prepared."""

    lexicon: Lexicon

    def __call__(self, ask: Ask) -> Prepared:
        """Return the ask made ready; never raises on any text."""
        spans = find_personal(ask.text)
        text = fold(ask.text)
        # The shorthand is English: in a Spanish ask "exp", "max" or "ap" mean other things.
        text = self.lexicon.expand(text) if language(text) == "en" else text
        standalone, is_follow_up, keeps_subject = resolve(text, ask.turns)
        entities = find_entities(text)
        named = any(e.kind in {"sku", "ean"} for e in entities)
        query = Query(
            text=text,
            standalone=standalone,
            language=language(text if len(text) > 12 else standalone),
            entities=entities,
            subject=subject_of(ask.turns) if keeps_subject and not named else (),
            is_follow_up=is_follow_up,
        )
        return Prepared(ask=ask, query=query, masked=mask(ask.text, spans), spans=spans)


def mask(text: str, spans: Sequence[Span]) -> str:
    """Return `text` with each span replaced by its kind in capitals: "[EMAIL]"."""
    out, at = [], 0
    for span in sorted(spans, key=lambda s: s.start):
        out += [text[at : span.start], f"[{span.kind.upper()}]"]
        at = span.end
    return "".join([*out, text[at:]])


def find_entities(text: str) -> tuple[Entity, ...]:
    """Return identifiers and typed values named in folded text, in reading order."""
    found = [
        *(_entity("sku", f"LM-{m[1]}", m) for m in _SKU.finditer(text)),
        *(_entity("order", f"ORD-{m[1]}", m) for m in _ORDER.finditer(text)),
        *(_entity("receipt", m[0].upper(), m) for m in _RECEIPT.finditer(text)),
        *(_entity("badge", m[1].upper(), m) for m in _BADGE.finditer(text)),
        *(_entity("ean", ean13(m[1]), m) for m in _EAN.finditer(text) if ean13(m[1])),
    ]
    taken = {at for e in found for at in range(e.start, e.end)}
    found += [
        _entity("model", m[0].upper(), m)
        for m in _MODEL.finditer(text)
        if _is_model(m[0]) and taken.isdisjoint((m.start(), m.end() - 1))
    ]
    found += [
        Entity(v.kind.value, v.text, v.start, v.end)
        for v in find_values(text)
        if v.kind not in {ValueKind.SKU, ValueKind.EAN, ValueKind.ORDER}
    ]
    return tuple(sorted(found, key=lambda e: (e.start, e.end)))


def ean13(digits: str) -> str:
    """Return the EAN-13 of an EAN-13 or UPC-A with a right check digit, else ''."""
    if len(digits) == 12:
        digits = f"0{digits}"
    if len(digits) != 13 or not digits.isascii():
        return ""
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits[:12]))
    return digits if (10 - total % 10) % 10 == int(digits[12]) else ""


def _entity(kind: str, value: str, match: re.Match[str]) -> Entity:
    return Entity(kind, value, match.start(), match.end())


def _is_model(code: str) -> bool:
    return len(code) >= 4 and any(c.isdigit() for c in code) and any(c.isalpha() for c in code)

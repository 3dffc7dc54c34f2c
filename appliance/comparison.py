"""Compare the values of two sources by arithmetic, and tell whether a comparison is true.

A model cites the two sources; that one value is less than the other is never its to say. Only one
value of a kind on each side is compared: of "$10 until March 1, else $15" none is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from appliance.records import Value, ValueKind
from appliance.values import find_values

# What an ask says when it wants to know which is more, or how two times stand to each other.
_ASKED = re.compile(
    r"\b(?:cheap|cheaper|cheapest|expensive|compar\w+|versus|vs|against|differ\w*|than|more|less|"
    r"fewer|most|least|longer|shorter|higher|lower|bigger|smaller|better|earlier|later|sooner|"
    r"first|same|equal|alike|ago|still|too late|más|menos|mayor|menor|barat[oa]|car[oa]|igual|"
    r"diferencia|que dura|hace|todavía|antes)\b",
    re.IGNORECASE,
)
_TIMED = re.compile(
    r"\b(?:ago|still|too late|in time|bought|hace|todavía|compró|a tiempo)\b", re.IGNORECASE
)
# Kinds in the order they are looked at when an ask does not say which it means.
_KINDS = {
    ValueKind.MONEY: r"cheap|expensive|price|cost|fee|charge|deposit|barat|car[oa]\b|precio|cuest",
    ValueKind.DURATION: r"long|short|window|warrant|time|days|ago|still|late|interval|garant|hace",
    ValueKind.PERCENT: r"percent|off|discount|fee|deal|descuento",
    ValueKind.DATE: r"first|earl|soon|later|arriv|before|antes",
    ValueKind.TIME: r"open|clos|earl|later|hour|abre|cierra",
    ValueKind.AGE: r"\bage|old|edad",
    ValueKind.COUNT: r"more|fewer|limit|stock|how many|más|menos",
    ValueKind.SIZE: r"big|small|high|low|weight|temperature|degrees|peso",
}
_HOURS = {"minute": Decimal(1) / 60, "hour": Decimal(1), "day": Decimal(24), "week": Decimal(168)}
_MONTHS = {"month": Decimal(1), "year": Decimal(12)}
_MONTH_HOURS = (Decimal(28 * 24), Decimal(31 * 24))  # shortest and longest
_WORDS = {
    "en": {-1: "is less than", 0: "is the same as", 1: "is more than"},
    "es": {-1: "es menos que", 0: "es lo mismo que", 1: "es más que"},
}
_IN_TIME = {
    "en": {-1: "is earlier than", 0: "is the same as", 1: "is later than"},
    "es": {-1: "es antes que", 0: "es lo mismo que", 1: "es después que"},
}
_SIGNS = {text: sign for table in (_WORDS, _IN_TIME) for row in table.values()
          for sign, text in row.items()}  # fmt: skip
_SAID = re.compile(rf"^(.{{1,40}}?) ({'|'.join(map(re.escape, _SIGNS))}) (.{{1,40}}?)\.$")


def compared(
    first: Sequence[Value],
    second: Sequence[Value],
    *,
    ask: str,
    language: str = "en",
    are_alike: bool = True,
) -> str:
    """Return "$10 is less than $15.", or "" where it was not asked or no one pair is meant.

    Args:
        first: Values of the source cited first.
        second: Values of the other.
        ask: Says which kind is meant where both have more than one.
        language: en | es; other languages are answered in English.
        are_alike: Both say the same kind of thing: two prices, two rules. Of a purchase and a rule
            only the times are compared, and only where the ask is about time.
    """
    if not (_ASKED if are_alike else _TIMED).search(ask):
        return ""
    kinds = tuple(_KINDS) if are_alike else (ValueKind.DURATION,)
    pairs = [p for kind in kinds if (p := _pair(first, second, kind)) is not None]
    meant = [p for p in pairs if re.search(_KINDS[p[0].kind], ask, re.IGNORECASE)]
    if len(pairs) > 1:
        pairs = meant[:1]
    if not pairs:
        return ""
    a, b = pairs[0]
    in_time = a.kind in {ValueKind.DATE, ValueKind.TIME}
    words = (_IN_TIME if in_time else _WORDS)["es" if language == "es" else "en"]
    return f"{a.text} {words[order(a, b) or 0]} {b.text}."


def is_true(text: str) -> bool:
    """Tell whether `text` is nothing but a comparison of two values, and right."""
    said = _SAID.match(text)
    if said is None:
        return False
    left, right = find_values(said[1]), find_values(said[3])
    if len(left) != 1 or len(right) != 1 or (left[0].text, right[0].text) != (said[1], said[3]):
        return False
    in_time = left[0].kind in {ValueKind.DATE, ValueKind.TIME}
    fits = any(said[2] in row.values() for row in (_IN_TIME if in_time else _WORDS).values())
    return fits and order(left[0], right[0]) == _SIGNS[said[2]]


def order(a: Value, b: Value) -> int | None:
    """Return -1, 0 or 1 as `a` is less than, equal to or more than `b`; None: no telling."""
    if a.kind is not b.kind or a.amount is None or b.amount is None:
        return None
    if a.unit == b.unit:
        return _sign(a.amount, b.amount)
    if {a.unit, b.unit} == set(_MONTHS):
        return _sign(a.amount * _MONTHS[a.unit], b.amount * _MONTHS[b.unit])
    return _lengths(a, b) if a.kind is ValueKind.DURATION else None


def _lengths(a: Value, b: Value) -> int | None:
    """Compare two durations of different units; overlapping ones cannot be told apart."""
    first, second = _span(a), _span(b)
    if first is None or second is None:
        return None
    if first[1] < second[0]:
        return -1
    if first[0] > second[1]:
        return 1
    return 0 if first == second and first[0] == first[1] else None


def _pair(
    first: Sequence[Value], second: Sequence[Value], kind: ValueKind
) -> tuple[Value, Value] | None:
    """Return the only values of a kind on both sides, where they can be compared."""
    a, b = ([v for v in side if v.kind is kind] for side in (first, second))
    if len(a) != 1 or len(b) != 1 or order(a[0], b[0]) is None:
        return None
    return a[0], b[0]


def _span(value: Value) -> tuple[Decimal, Decimal] | None:
    """Return the hours a duration lasts at least and at most; a month is no fixed number."""
    assert value.amount is not None
    if value.unit in _HOURS:
        hours = value.amount * _HOURS[value.unit]
        return hours, hours
    if value.unit in _MONTHS:
        months = value.amount * _MONTHS[value.unit]
        return months * _MONTH_HOURS[0], months * _MONTH_HOURS[1]
    return None


def _sign(a: Decimal, b: Decimal) -> int:
    return (a > b) - (a < b)

"""Find typed values in text, give them slots, put them back, compare them.

One reading of values for training, serving and governance: a value that only one of them saw would
be a hole. English and Spanish. What is not read: ordinals ("2nd floor"), number words without a
unit ("one of them"), fractions in words, numbers inside names such as ``WH-1000XM5``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from appliance.errors import BadInput, EngineError
from appliance.records import Fact, Passage, Value, ValueKind
from appliance.value_patterns import (
    DURATIONS,
    JOIN,
    MONTHS,
    NUMBER,
    NUMBER_WORD,
    PATTERNS,
    SIZES,
    TO,
    WORDS,
)

REMEMBERED_CHARS = 2_000
SLOT = re.compile(r"⟦(v\d+)⟧")
BRACKETS = str.maketrans("", "", "⟦⟧")

_ALL = re.compile("|".join(f"(?P<{kind}>{p})" for kind, p in PATTERNS.items()), re.IGNORECASE)
_HINT = re.compile(rf"\d|{NUMBER_WORD}", re.IGNORECASE)  # without one of these nothing is a value
# Every pattern begins at a dollar sign or where a word does: tried there alone, a text is read four
# times faster than by searching at each letter. Test: unit/test_values.py.
_START = re.compile(r"\$|\b\w")
_NUMBER = re.compile(NUMBER, re.IGNORECASE)
_RANGE_END = re.compile(rf"{TO}$", re.IGNORECASE)
_RANGED = frozenset({ValueKind.PERCENT, ValueKind.DURATION, ValueKind.SIZE})
_CODES = frozenset({ValueKind.SKU, ValueKind.EAN, ValueKind.AISLE, ValueKind.ORDER})
_UNITS = {
    unit: re.compile(rf"{NUMBER}(?:{TO}{NUMBER})?{JOIN}(?:{pattern})(?!\w)", re.IGNORECASE)
    for unit, pattern in (*DURATIONS.items(), *SIZES.items())
}


def find_values(text: str) -> tuple[Value, ...]:
    """Return the typed values of `text` in reading order, never overlapping, without slots."""
    return _remembered(text) if len(text) <= REMEMBERED_CHARS else _found(text)


def _found(text: str) -> tuple[Value, ...]:
    if not _HINT.search(text):  # most asks: ten times faster than reading for every kind
        return ()
    found: list[Value] = []
    at = 0
    for start in _START.finditer(text):
        if start.start() < at:
            continue
        match = _ALL.match(text, start.start())
        if match:
            found.append(_read(match, text))
            at = match.end()
    return tuple(found)


# A passage is read at every ask that finds it: reading its values again took half the time of
# stitching. Long texts are not kept: 4,096 of them at most, 2 kB each.
_remembered = lru_cache(maxsize=4_096)(_found)


def assign_slots(passages: Iterable[Passage], facts: Iterable[Fact] = ()) -> tuple[Value, ...]:
    """Return every value of the evidence with its slot: passages in order, then facts.

    `origin` is ``passage:<id>`` or ``fact:<id>``; offsets are into that text. A fact's values are
    the ones its family typed, a passage's are found.
    """
    found = [(f"passage:{p.id}", find_values(p.text)) for p in passages]
    found += [(f"fact:{f.id}", f.values or find_values(f.text)) for f in facts]
    return name_slots(found)


def name_slots(found: Iterable[tuple[str, Sequence[Value]]]) -> tuple[Value, ...]:
    """Return the values of (origin, values) pairs named ``v0``, ``v1`` … in the order given.

    The same value printed the same way shares one slot, so a slot says one thing only.
    """
    slots: dict[tuple[ValueKind, str], str] = {}
    named = []
    for origin, values in found:
        for value in sorted(values, key=lambda v: v.start):
            slot = slots.setdefault((value.kind, value.text), f"v{len(slots)}")
            at = value.start, value.end  # written out: `replace` takes four times as long
            named.append(Value(value.kind, value.text, value.amount, value.unit, *at, slot, origin))
    return tuple(named)


def slotted(text: str, values: Sequence[Value]) -> str:
    """Return `text` with each of its values written as ``⟦v3⟧``.

    Args:
        text: The text that `values` were found in; brackets ⟦ ⟧ of its own are removed.
        values: Values of this text alone, with slots.

    Raises:
        BadInput: A value has no slot or does not stand where it says.
    """
    parts, at = [], 0
    for value in sorted(values, key=lambda v: v.start):
        if not value.slot or text[value.start : value.end] != value.text:
            raise BadInput(
                f"Value {value.text!r} (slot {value.slot or 'none'}) does not stand at "
                f"{value.start}–{value.end} of its text, which has {len(text)} characters."
            )
        parts += [text[at : value.start].translate(BRACKETS), f"⟦{value.slot}⟧"]
        at = value.end
    return "".join([*parts, text[at:].translate(BRACKETS)])


def restore(text: str, values: Sequence[Value]) -> str:
    """Return slotted `text` with each slot replaced by its value as printed.

    Raises:
        EngineError: A slot names no value.
    """
    printed = {v.slot: v.text for v in values if v.slot}
    unknown = [m[1] for m in SLOT.finditer(text) if m[1] not in printed]
    if unknown:
        raise EngineError(
            f"Slot {unknown[0]} names no value; the evidence has {len(printed)} slots."
        )
    return SLOT.sub(lambda m: printed[m[1]], text)


def slots_of(text: str) -> tuple[str, ...]:
    """Return the slot names in slotted `text`, in reading order."""
    return tuple(m[1] for m in SLOT.finditer(text))


def same_value(a: Value, b: Value) -> bool:
    """Tell whether two values are equal as typed things, however they are printed."""
    if a.kind != b.kind:
        return False
    if a.amount is None or b.amount is None:
        return _key(a.text) == _key(b.text)
    return a.amount == b.amount and a.unit == b.unit


def _key(text: str) -> str:
    return re.sub(r"\W+", " ", text.casefold()).strip()


def _read(m: re.Match[str], text: str) -> Value:
    kind = ValueKind(m.lastgroup or "count")
    printed, start = m[0], m.start()
    end = m.end()
    ranged = _RANGE_END.search(printed)
    if kind in _RANGED and ranged:  # "3 to " of "3 to 5 days": keep the number only
        end -= len(ranged[0])
        printed = text[start:end]
    amount, unit = _measure(kind, printed, text[start : end + 40] if ranged else printed)
    return Value(kind=kind, text=printed, amount=amount, unit=unit, start=start, end=end)


def _measure(kind: ValueKind, printed: str, context: str) -> tuple[Decimal | None, str]:
    """Return (amount, unit); `context` reaches to the unit when `printed` is a range's start."""
    if kind in _CODES:
        return None, ""
    if kind is ValueKind.DATE:
        return _date(printed)
    amount = _time(printed) if kind is ValueKind.TIME else _number(printed)
    match kind:
        case ValueKind.TIME:
            unit = "minute of day"
        case ValueKind.MONEY:
            amount /= 100 if re.search("cent", printed, re.IGNORECASE) else 1
            unit = "USD"
        case ValueKind.PERCENT:
            unit = "percent"
        case ValueKind.AGE:
            unit = "year"
        case ValueKind.DURATION:
            unit = _unit(context, DURATIONS)
        case ValueKind.SIZE:
            unit = _unit(context, SIZES)
        case _:
            unit = ""
    return amount, unit


def _number(printed: str) -> Decimal:
    found = _NUMBER.search(printed)
    word = found[0].casefold() if found else "0"
    return Decimal(WORDS[word]) if word in WORDS else Decimal(word.replace(",", ""))


def _unit(printed: str, units: Mapping[str, str]) -> str:
    found = (unit for unit in units if _UNITS[unit].match(printed))
    return next(found, "spf" if "spf" in printed.casefold() else "")


def _date(printed: str) -> tuple[Decimal, str]:
    """Return yyyymmdd and "date", or mmdd and "month-day" where no year is printed."""
    numbers = [int(n) for n in re.findall(r"\d+", printed)]
    name = next((w for w in re.findall(r"[^\W\d_]+", printed.casefold()) if w in MONTHS), None)
    if name:
        day, year = numbers[0], numbers[1] if len(numbers) > 1 else 0
        month = MONTHS[name]
    elif "-" in printed:
        year, month, day = numbers
    else:
        month, day, year = numbers
    return Decimal(year * 10_000 + month * 100 + day), "date" if year else "month-day"


def _time(printed: str) -> Decimal:
    numbers = [int(n) for n in re.findall(r"\d+", printed)]
    hour, minute = numbers[0], numbers[1] if len(numbers) > 1 else 0
    half = re.search(r"([ap])\.?\s?m", printed, re.IGNORECASE)
    if half:
        hour = hour % 12 + (12 if half[1].casefold() == "p" else 0)
    return Decimal(hour * 60 + minute)

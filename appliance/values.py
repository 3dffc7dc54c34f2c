"""Find typed values in text, give them slots, put them back, compare them.

One reading of values for training, serving and governance: a value that only one of them saw would
be a hole. English and Spanish. What is not read: ordinals ("2nd floor"), number words without a
unit ("one of them"), fractions in words, numbers inside names such as ``WH-1000XM5``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from appliance.errors import BadInput, EngineError
from appliance.records import Fact, Passage, Value, ValueKind

SLOT = re.compile(r"⟦(v\d+)⟧")
BRACKETS = str.maketrans("", "", "⟦⟧")

WORDS = {
    **dict(zip("one two three four five six seven eight nine ten eleven twelve".split(), range(1, 13), strict=True)),
    **dict(zip("dos tres cuatro cinco seis siete ocho nueve diez once doce".split(), range(2, 13), strict=True)),
    "un": 1,
    "una": 1,
    "uno": 1,
}  # fmt: skip

DURATIONS = {
    "second": r"seconds?|secs?|segundos?",
    "minute": r"minutes?|mins?|minutos?",
    "hour": r"hours?|hrs?|horas?",
    "day": r"(?:(?:business|calendar|working|consecutive)[ -])?days?|días?(?: (?:hábiles|naturales|laborables))?|dias?",
    "week": r"weeks?|wks?|semanas?",
    "month": r"months?|mos|meses|mes",
    "year": r"years?|yrs?|años?",
}
SIZES = {
    "inch": r"inch(?:es)?|pulgadas?|in\.|\"|”|″",
    "foot": r"feet|foot|ft|pies?",
    "yard": r"yards?|yds?",
    "mile": r"miles?|mi|millas?",
    "square foot": r"square feet|sq\.? ?ft",
    "millimetre": r"millimet(?:er|re)s?|mm|milímetros?",
    "centimetre": r"centimet(?:er|re)s?|cm|centímetros?",
    "metre": r"met(?:er|re)s?|m|metros?",
    "kilometre": r"kilomet(?:er|re)s?|km|kilómetros?",
    "fluid ounce": r"fl\.? ?oz|fluid ounces?",
    "ounce": r"ounces?|oz|onzas?",
    "pound": r"pounds?|lbs?|libras?",
    "gram": r"grams?|g|gramos?",
    "kilogram": r"kilograms?|kilos?|kg",
    "cubic foot": r"cubic feet|cu\.? ?ft",
    "gallon": r"gallons?|gal|galones|galón",
    "quart": r"quarts?|qt",
    "pint": r"pints?",
    "litre": r"lit(?:er|re)s?|l|litros?",
    "millilitre": r"millilit(?:er|re)s?|ml|mililitros?",
    "gigabyte": r"gigabytes?|gb",
    "terabyte": r"terabytes?|tb",
    "watt": r"watts?|w|vatios?",
    "kilowatt": r"kilowatts?|kw",
    "volt": r"volts?|v|voltios?",
    "amp": r"amps?|amperes?",
    "milliamp hour": r"mah",
    "hertz": r"hz|hertz",
    "megapixel": r"megapixels?|mp",
    "lumen": r"lumens?|lm",
    "decibel": r"decibels?|db",
    "btu": r"btus?",
    "degree F": r"°\s?f|degrees(?: fahrenheit)?|grados",
    "degree C": r"°\s?c|degrees celsius",
    "spf": r"spf",
    "piece pack": r"(?:count|ct|pack|pk|piece)(?=\b)",
}
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan enero ene", "february feb febrero", "march mar marzo",
            "april apr abril abr", "may mayo", "june jun junio", "july jul julio",
            "august aug agosto ago", "september sept sep septiembre", "october oct octubre",
            "november nov noviembre", "december dec diciembre dic",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
# Nouns after which a number word is a count; after digits no noun is needed.
COUNTED = (
    r"items?|pieces?|people|persons?|associates?|employees?|customers?|times?|units?|boxes|box|bags?|"
    r"coupons?|offers?|copies|copy|keys?|cages?|steps?|signatures?|managers?|leads?|receipts?|cards?|"
    r"returns?|exchanges?|pairs?|packs?|guests?|attempts?|photos?|forms?|bottles?|cartons?|batteries|"
    r"personas?|artículos?|veces|vez|empleados?|clientes?|unidades|cajas?|bolsas?|copias?|firmas?"
)

_N = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_W = "|".join(sorted(WORDS, key=len, reverse=True))
_D = "|".join(f"(?:{p})" for p in DURATIONS.values())
_S = "|".join(f"(?:{p})" for p in SIZES.values())
_M = "|".join(sorted(MONTHS, key=len, reverse=True))
_B = r"(?<![\w$.,/-])"  # nothing number-like or word-like before …
_E = r"(?![\w])"  # … nor after
_J = r"(?:\s?|-)"  # between a number and its unit: "30 days", "30days", "30-day"
_TO = r"(?:\s?[-–—]\s?|\s(?:to|or|and|a|o|y)\s)"  # "3 to 5 days": the first number has the second's unit
_PCT = r"%|percent\b|per cent\b|por ciento\b"

_PATTERNS: tuple[tuple[str, str], ...] = (
    ("order", r"(?<![\w-])ORD-\d{8}(?!\w)"),
    ("sku", r"(?<![\w-])[A-Z]{2,6}-\d{5,8}(?![\w-])"),
    ("ean", r"(?<![\w-])\d{12,13}(?![\w-])"),
    (
        "aisle",
        r"\b(?:aisle|pasillo)\s+[A-Z]?\d{1,3}\b(?:,?\s+(?:bay|bahía)\s+\d{1,3}\b)?"
        r"|(?<![\w-])[A-Z]\d{1,3}-B\d{1,3}(?!\w)|\b(?:bay|bahía)\s+\d{1,3}\b",
    ),
    (
        "money",
        rf"(?<![\w$])\$\s?(?:{_N})(?!\w)|{_B}(?:{_N})\s(?:dollars?|bucks?|dólares|cents?|centavos){_E}"
        rf"|\b(?:{_W})\s(?:dollars?|bucks?|dólares|cents?){_E}",
    ),
    (
        "date",
        rf"(?<![\w-])\d{{4}}-\d{{2}}-\d{{2}}(?![\w-])|(?<![\w/])\d{{1,2}}/\d{{1,2}}/\d{{4}}(?![\w/])"
        rf"|\b(?:{_M})\.?\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?(?![\w:])"
        rf"|{_B}\d{{1,2}}\s(?:de\s)?(?:{_M})(?:,?\s(?:de[l]?\s)?\d{{4}})?{_E}",
    ),
    (
        "time",
        rf"(?<![\w:.$])\d{{1,2}}:\d{{2}}(?:\s?[ap](?:\.\s?m\.|m\b))?(?![:\d])"
        rf"|{_B}\d{{1,2}}\s?(?:[ap]\.\s?m\.|[ap]m\b)",
    ),
    ("percent", rf"{_B}(?:{_N})(?:{_TO}(?=(?:{_N})\s?(?:{_PCT}))|[\s-]?(?:{_PCT}))|\b(?:{_W})\s(?:percent|per cent)\b"),
    (
        "age",
        rf"{_B}\d{{1,2}}(?:[ -]years?[ -](?:old|of age)|\saños de edad){_E}"
        rf"|(?<=\bage )\d{{1,2}}{_E}|(?<=\bages )\d{{1,2}}{_E}|(?<=\baged )\d{{1,2}}{_E}"
        rf"|(?<=\bage of )\d{{1,2}}{_E}|(?<=\blooks under )\d{{1,2}}{_E}|(?<=\blook under )\d{{1,2}}{_E}"
        rf"|(?<=\byounger than )\d{{1,2}}{_E}|(?<=\bolder than )\d{{1,2}}{_E}"
        rf"|{_B}\d{{1,2}}(?=\s(?:or older|and older|or over|and over|and up|o más años|años o más)\b)"
        rf"|(?<=\bmayores de )\d{{1,2}}(?:\saños)?{_E}|(?<=\bmenores de )\d{{1,2}}(?:\saños)?{_E}"
        rf"|{_B}\d{{1,2}}\+(?!\w)",
    ),
    ("duration", rf"(?:{_B}(?:{_N})|\b(?:{_W}))(?:{_TO}(?=(?:{_N}|{_W}){_J}(?:{_D}){_E})|{_J}(?:{_D}){_E})"),
    ("size", rf"(?:{_B}(?:{_N})|\b(?:{_W}))(?:{_TO}(?=(?:{_N}|{_W}){_J}(?:{_S})(?!\w))|{_J}(?:{_S})(?!\w))|\bSPF\s?\d+\b"),
    ("count", rf"{_B}(?:{_N})(?![\w%]|-\w|[.,]\d|/\d|:\d)|\b(?:{_W})(?=\s(?:[a-zé]+\s)?(?:{COUNTED})\b)"),
)  # fmt: skip
_ALL = re.compile("|".join(f"(?P<{kind}>{p})" for kind, p in _PATTERNS), re.IGNORECASE)
_HINT = re.compile(rf"\d|\b(?:{_W})\b", re.IGNORECASE)  # without one of these nothing is a value
_NUMBER = re.compile(rf"{_N}|(?<!\w)(?:{_W})(?!\w)", re.IGNORECASE)
_RANGE_END = re.compile(rf"{_TO}$", re.IGNORECASE)


def find_values(text: str) -> tuple[Value, ...]:
    """Return the typed values of `text` in reading order, never overlapping, without slots."""
    if not _HINT.search(text):  # most asks: ten times faster than reading for every kind
        return ()
    return tuple(_read(m, text) for m in _matches(text))


def assign_slots(passages: Iterable[Passage], facts: Iterable[Fact] = ()) -> tuple[Value, ...]:
    """Return every value of the evidence with its slot: passages in order, then facts.

    `origin` is ``passage:<id>`` or ``fact:<id>``; offsets are into that text. A fact's values are the
    ones its family typed, a passage's are found.
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
            named.append(replace(value, slot=slot, origin=origin))
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


def _matches(text: str) -> Iterator[re.Match[str]]:
    for m in _ALL.finditer(text):
        # Case is ignored for words, never for codes: "or-12345" or "a1-b2" in prose is no code.
        if m.lastgroup == "sku" and not m[0][:2].isupper():
            continue
        yield m


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


_RANGED = frozenset({ValueKind.PERCENT, ValueKind.DURATION, ValueKind.SIZE})


def _measure(kind: ValueKind, printed: str, context: str) -> tuple[Decimal | None, str]:
    """Return (amount, unit); `context` reaches to the unit when `printed` is a range's start."""
    match kind:
        case ValueKind.SKU | ValueKind.EAN | ValueKind.AISLE | ValueKind.ORDER:
            return None, ""
        case ValueKind.DATE:
            return _date(printed)
        case ValueKind.TIME:
            return _time(printed), "minute of day"
        case ValueKind.MONEY:
            cents = re.search(r"cent", printed, re.IGNORECASE)
            return _number(printed) / (100 if cents else 1), "USD"
        case ValueKind.PERCENT:
            return _number(printed), "percent"
        case ValueKind.AGE:
            return _number(printed), "year"
        case ValueKind.DURATION:
            return _number(printed), _unit(context, DURATIONS)
        case ValueKind.SIZE:
            return _number(printed), _unit(context, SIZES)
        case _:
            return _number(printed), ""


def _number(printed: str) -> Decimal:
    found = _NUMBER.search(printed)
    word = found[0].casefold() if found else "0"
    return Decimal(WORDS[word]) if word in WORDS else Decimal(word.replace(",", ""))


def _unit(printed: str, units: dict[str, str]) -> str:
    number = rf"(?:{_N}|(?<!\w)(?:{_W}))"
    for unit, pattern in units.items():
        if re.match(rf"{number}(?:{_TO}{number})?{_J}(?:{pattern})(?!\w)", printed, re.IGNORECASE):
            return unit
    return "spf" if "spf" in printed.casefold() else ""


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

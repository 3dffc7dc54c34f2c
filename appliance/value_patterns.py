"""The shapes of typed values in English and Spanish text, as regular expressions."""

from __future__ import annotations

_ENGLISH = "one two three four five six seven eight nine ten eleven twelve"
_SPANISH = "uno dos tres cuatro cinco seis siete ocho nueve diez once doce"
WORDS = {
    **{word: n for n, word in enumerate(_ENGLISH.split(), start=1)},
    **{word: n for n, word in enumerate(_SPANISH.split(), start=1)},
    "un": 1,
    "una": 1,
}

DURATIONS = {
    "second": r"seconds?|secs?|segundos?",
    "minute": r"minutes?|mins?|minutos?",
    "hour": r"hours?|hrs?|horas?",
    "day": r"(?:(?:business|calendar|working|consecutive)[ -])?days?"
    r"|días?(?: (?:hábiles|naturales|laborables))?|dias?",
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
JOIN = r"(?:\s?|-)"  # between a number and its unit: "30 days", "30days", "30-day"
# "3 to 5 days": the first number has the second's unit.
TO = r"(?:\s?[-–—]\s?|\s(?:to|or|and|a|o|y)\s)"
_PCT = r"%|percent\b|per cent\b|por ciento\b"


def _any(*patterns: str) -> str:
    return "|".join(patterns)


def _measured(units: str) -> str:
    """Return a number, digits or a word, with a unit; or the first number of a range."""
    number = rf"(?:{_N}|{_W})"
    return (
        rf"(?:{_B}(?:{_N})|\b(?:{_W}))"
        rf"(?:{TO}(?={number}{JOIN}(?:{units})(?!\w))|{JOIN}(?:{units})(?!\w))"
    )


# Order matters: at one place the first that fits is the value.
PATTERNS: dict[str, str] = {
    "order": r"(?<![\w-])ORD-\d{8}(?!\w)",
    "sku": r"(?<![\w-])[A-Z]{2,6}-\d{5,8}(?![\w-])",
    "ean": r"(?<![\w-])\d{12,13}(?![\w-])",
    "aisle": _any(
        r"\b(?:aisle|pasillo)\s+[A-Z]?\d{1,3}\b(?:,?\s+(?:bay|bahía)\s+\d{1,3}\b)?",
        r"(?<![\w-])[A-Z]\d{1,3}-B\d{1,3}(?!\w)",
        r"\b(?:bay|bahía)\s+\d{1,3}\b",
    ),
    "money": _any(
        rf"(?<![\w$])\$\s?(?:{_N})(?!\w)",
        rf"{_B}(?:{_N})\s(?:dollars?|bucks?|dólares|cents?|centavos){_E}",
        rf"\b(?:{_W})\s(?:dollars?|bucks?|dólares|cents?){_E}",
    ),
    "date": _any(
        r"(?<![\w-])\d{4}-\d{2}-\d{2}(?![\w-])",
        r"(?<![\w/])\d{1,2}/\d{1,2}/\d{4}(?![\w/])",
        rf"\b(?:{_M})\.?\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?(?![\w:])",
        rf"{_B}\d{{1,2}}\s(?:de\s)?(?:{_M})(?:,?\s(?:de[l]?\s)?\d{{4}})?{_E}",
    ),
    "time": _any(
        r"(?<![\w:.$])\d{1,2}:\d{2}(?:\s?[ap](?:\.\s?m\.|m\b))?(?![:\d])",
        rf"{_B}\d{{1,2}}\s?(?:[ap]\.\s?m\.|[ap]m\b)",
    ),
    "percent": _any(
        rf"{_B}(?:{_N})(?:{TO}(?=(?:{_N})\s?(?:{_PCT}))|[\s-]?(?:{_PCT}))",
        rf"\b(?:{_W})\s(?:percent|per cent)\b",
    ),
    "age": _any(
        rf"{_B}\d{{1,2}}(?:[ -]years?[ -](?:old|of age)|\saños de edad){_E}",
        *(
            rf"(?<=\b{cue} )\d{{1,2}}(?:\saños)?{_E}"
            for cue in (
                "age", "ages", "aged", "age of", "looks under", "look under", "younger than",
                "older than", "mayores de", "menores de",
            )
        ),
        rf"{_B}\d{{1,2}}(?=\s(?:(?:or|and) (?:older|over)|and up|o más años|años o más)\b)",
        rf"{_B}\d{{1,2}}\+(?!\w)",
    ),
    "duration": _measured(_D),
    "size": _any(_measured(_S), r"\bSPF\s?\d+\b"),
    "count": _any(
        rf"{_B}(?:{_N})(?![\w%]|-\w|[.,]\d|/\d|:\d)",
        rf"\b(?:{_W})(?=\s(?:[a-zé]+\s)?(?:{COUNTED})\b)",
    ),
}  # fmt: skip
NUMBER = rf"(?:{_N}|(?<!\w)(?:{_W})(?!\w))"
NUMBER_WORD = rf"\b(?:{_W})\b"

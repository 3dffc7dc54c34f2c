"""Whether an answer says what it must: letters compared, one way of writing for numbers and units.

Reads letters, not meaning: an answer that holds the value and denies it passes.
"""

from __future__ import annotations

import re
import unicodedata

_SMALL = {
    word: number
    for number, words in enumerate(
        (
            "one", "two dos", "three tres", "four cuatro", "five cinco", "six seis", "seven siete",
            "eight ocho", "nine nueve", "ten diez", "eleven", "twelve doce", "thirteen trece",
            "fourteen catorce", "fifteen quince", "sixteen", "seventeen", "eighteen", "nineteen",
        ),
        start=1,
    )
    for word in words.split()
}  # fmt: skip
_TENS = {
    word: number * 10
    for number, words in enumerate(
        (
            "twenty veinte", "thirty treinta", "forty cuarenta", "fifty cincuenta",
            "sixty sesenta", "seventy setenta", "eighty ochenta", "ninety noventa",
        ),
        start=2,
    )
    for word in words.split()
}  # fmt: skip
_ONES = "|".join(word for word, number in _SMALL.items() if number < 10)
_UNITS = {
    "day": "days", "hour": "hours hrs hr h", "minute": "minutes mins min", "week": "weeks wks wk",
    "month": "months mos", "year": "years yrs yr", "mile": "miles", "pound": "pounds lbs lb",
    "dia": "dias", "hora": "horas", "minuto": "minutos", "semana": "semanas", "mes": "meses",
    "ano": "anos", "milla": "millas", "libra": "libras",
}  # fmt: skip
_MONTHS = {
    "jan": "january", "feb": "february", "mar": "march", "apr": "april", "jun": "june",
    "jul": "july", "aug": "august", "sep": "september", "sept": "september", "oct": "october",
    "nov": "november", "dec": "december",
}  # fmt: skip


def holds(text: str, wanted: str) -> bool:
    """Tell whether one of the alternatives of `wanted` ("30 days|thirty days") occurs in `text`."""
    said = normalise(text)
    return any(_pattern(normalise(alternative)).search(said) for alternative in wanted.split("|"))


def normalise(text: str) -> str:
    """Return `text` with one way of writing for case, spaces, numbers, units and times."""
    said = unicodedata.normalize("NFKD", text.casefold().replace("\u00ba", "\u00b0"))
    said = "".join(c for c in said if not unicodedata.combining(c))
    said = re.sub("[\u2010-\u2015\u2212]", "-", re.sub("[\u2018\u2019]", "'", said))
    said = re.sub(r"\s*\u00b0\s*", "\u00b0", _numbers(said))
    said = re.sub(r"\s*(?:%|\bper ?cent\b|\bpor ciento\b)", "%", said)
    said = re.sub(r"(?<![\d$])(\d+(?:\.\d+)?)\s(?:dollars?|dolares|bucks)\b", r"$\1", said)
    said = re.sub(r"\$\s?(\d+)\.00?(?!\d)", r"$\1", re.sub(r"\$\s+", "$", said))
    said = _times(said)
    said = re.sub(r"(\d)\s?-\s?(?=\d)", r"\1 to ", said)  # "5-7 days" is "5 to 7 days"
    said = re.sub(r"(?<![a-z\d])(\d+)-?(?=[a-z]{2})(?!st|nd|rd|th)", r"\1 ", said)  # "30-day"
    for unit, others in _UNITS.items():
        said = re.sub(rf"\b(?:{'|'.join(others.split())})\b", unit, said)
    said = re.sub(rf"\b({'|'.join(_MONTHS)})\b\.?(?= \d)", lambda m: _MONTHS[m[1]], said)
    said = re.sub(r"\b(\d{1,2})(?:st|nd|rd|th)\b", r"\1", said)
    return " ".join(said.split())


def _numbers(said: str) -> str:
    def tens(m: re.Match[str]) -> str:
        return str(_TENS[m[1]] + (_SMALL[m[2]] if m[2] else 0))

    said = re.sub(rf"\b({'|'.join(_TENS)})(?:[ -]({_ONES}))?\b", tens, said)
    said = re.sub(rf"\b({'|'.join(_SMALL)})\b", lambda m: str(_SMALL[m[1]]), said)
    return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", said)


def _times(said: str) -> str:
    def clock(m: re.Match[str]) -> str:
        hour = int(m[1]) % 12 + (12 if m[3] == "p" else 0) if m[3] else int(m[1])
        return f"{hour}:{m[2] or '00'}"

    said = re.sub(r"\bnoon\b", "12:00", said)
    said = re.sub(r"\b(\d{1,2})(?::(\d{2}))?\s?([ap])\.?m\b\.?", clock, said)
    return re.sub(r"\b(\d{1,2}):(\d{2})()\b", clock, said)


def _pattern(wanted: str) -> re.Pattern[str]:
    """Return what finds `wanted` as whole words: "5 days" is not in "45 days"."""
    end = r"(?!%)" if wanted[-1:].isdigit() else r"(?:e?s)?" if wanted[-1:].isalpha() else ""
    return re.compile(rf"(?<![\w$])(?<!\d[.:]){re.escape(wanted)}{end}(?!\w)(?![.:]\d)")

"""SKU, EAN and model numbers: how they are folded, and which parts of them find their product."""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.store.words import ngrams

MIN_PART = 4  # characters of what may name a product ("xm5" alone names nothing)
MIN_DIGITS = 5  # of what is digits only: "2026", "1000" are rarely a product
MAX_KEY = 48
_PIECE = 4  # characters of a word that may begin a number: "wh 1000 xm5"
_JOIN = 3  # words joined into one identifier: "wh 1000 xm5"
_AMOUNT = re.compile(
    r"\d{1,5}(packs?|pk|pcs?|ct|count|pairs?|qt|oz|lbs?|kg|g|mg|ml|cl|l|gal|w|kw|v|ah|mah|gb|tb|mb|hz|ghz"
    r"|mm|cm|m|km|in|inch|inches|ft|feet|yd|days?|weeks?|months?|years?|yr|hrs?|hours?|min|mins|am|pm"
    r"|usd|dollars?|bucks|percent|pct|off|st|nd|rd|th|x)"
)
_DIGIT = re.compile("[0-9]")
MAX_CANDIDATES = 64  # per ask


def fold(identifier: str) -> str:
    """Return an identifier as lower-case letters and digits only."""
    return re.sub(r"[^0-9a-z]", "", identifier.casefold())[:MAX_KEY]


def keys(identifier: str) -> list[tuple[str, bool]]:
    """Return (key, is the whole identifier) under which it is found; the whole one first.

    Parts begin after punctuation, and where leading letters end: "LM-104233" is also "104233".
    """
    whole = fold(identifier)
    if not whole:
        return []
    found = {whole: True}
    starts = [match.end() for match in re.finditer(r"[^0-9A-Za-z]+|^[A-Za-z]+", identifier)]
    for start in starts:
        part = fold(identifier[start:])
        if is_telling(part):
            found.setdefault(part, False)
    if whole.isdigit() and whole.startswith("0"):
        # A UPC-A printed as an EAN-13, and what a spreadsheet makes of one.
        found.setdefault(whole[1:], True)
        found.setdefault(whole.lstrip("0"), True)
    return list(found.items())


def is_telling(key: str) -> bool:
    """Whether a key may name a product by itself: digits enough, and no amount like "500ml"."""
    if not any(c.isdigit() for c in key) or _AMOUNT.fullmatch(key):
        return False
    return len(key) >= (MIN_DIGITS if key.isdigit() else MIN_PART)


def candidates(text: str) -> Iterator[str]:
    """Yield the folded runs of an ask that may be identifiers, longest joins first, each once."""
    if not _DIGIT.search(text):  # no key is without one, and most asks are
        return
    raw = ngrams(text)
    has_digit = [any(c.isdigit() for c in run) for run in raw]
    seen: set[str] = set()
    for width in range(_JOIN, 0, -1):
        for start in range(len(raw) - width + 1):
            if not any(has_digit[start : start + width]):
                continue
            # Only what holds a digit or is short can be a piece of a number: not "the price".
            if width > 1 and not has_digit[start] and len(raw[start]) > _PIECE:
                continue
            key = fold("".join(raw[start : start + width]))
            if key not in seen and is_telling(key):
                seen.add(key)
                yield key
            if len(seen) >= MAX_CANDIDATES:
                return

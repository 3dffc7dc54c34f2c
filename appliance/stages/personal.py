"""Find personal data in an ask: names, e-mail, phones, cards, addresses, order and loyalty ids.

Own rules, not presidio or scrubadub: those rest on spaCy models, which are too heavy for a store's
mini-PC. Pure and linear in the text: every repetition is bounded, every list has a fixed length.
What it does not find: a surname no list knows without a cue before it, names typed in lower case
without a cue, addresses without a street word, birthdays, passport and tax numbers. Figures:
``python -m tests.bench.bench_personal``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from appliance.records import Span
from appliance.stages.addresses import find_addresses
from appliance.stages.names import find_names

# Between the groups of a number: a space, a no-break or thin space, a dash of any length.
_GAP = "[ \u00a0\u2009\u202f\u2010-\u2014-]"
_JOIN = f"{_GAP}{{0,2}}"
_NEAR = 40  # characters before and after a number in which a word may say what it is

_EMAIL = re.compile(
    r"(?<![\w.%+'’-])\w[\w.%+'’-]{0,63}@[^\W_][\w-]{0,62}(?:\.[^\W_][\w-]{0,62}){1,5}(?![\w@])"
)
_SPOKEN_EMAIL = re.compile(
    r"(?<![\w.%+-])[\w.%+-]{1,64} ?(?:\(at\)|\[at\]|\bat\b|\barroba\b) ?"
    r"(?:gmail|yahoo|hotmail|outlook|icloud|aol|proton(?:mail)?|live|msn)"
    r"(?:\.| dot | punto )(?:com|net|me|es|mx)\b",
    re.IGNORECASE,
)
_CARD = re.compile(
    rf"(?<![\w-])(?:\d{{13,19}}|\d{{4}}{_JOIN}\d{{4}}{_JOIN}\d{{4}}{_JOIN}\d{{1,4}}(?:{_JOIN}\d{{1,3}})?"
    rf"|\d{{4}}{_JOIN}\d{{6}}{_JOIN}\d{{4,5}})(?![\w-]|[.,]\d)"
)
_CARD_WORD = re.compile(
    r"\b(?:cards?|visa|master ?card|amex|american express|discover|debit|credit|cc|tarjetas?"
    r"|débito|crédito)\b",
    re.IGNORECASE,
)
# North American numbers: area and exchange begin with 2–9. Toll-free areas are companies' lines,
# printed in handbooks and on boxes: nobody's own number.
_AREA = r"(?!8(?:00|33|44|55|66|77|88))[2-9]\d{2}"
_SEP = "[ .\u00a0\u2009\u202f\u2010-\u2014-]{1,2}"
_PHONE = re.compile(
    rf"(?<![\w.,$/-])(?<!\d )(?:(?:\+?1{_SEP}|\+1)?(?:\({_AREA}\) ?|{_AREA}{_SEP})"
    rf"[2-9]\d{{2}}{_SEP}\d{{4}}"
    rf"|\+1{_AREA}[2-9]\d{{6}}|\+(?!1\b)[1-9]\d{{0,2}}(?:{_SEP}\(?\d{{1,4}}\)?){{2,5}}"
    rf"|\+(?!1)[1-9]\d{{9,13}})(?![\w-]|[.,]\d)(?: ?(?:x|ext\.?) ?\d{{1,5}}\b)?",
    re.IGNORECASE,
)
_BARE_PHONE = re.compile(
    rf"(?<![\w.,$/-])(?:1?{_AREA}[2-9]\d{{6}}|[2-9]\d{{2}}{_SEP}\d{{4}})(?![\w-]|[.,]\d)"
)
_PHONE_WORD = re.compile(
    r"\b(?:phones?|call(?:ed|s)?|text(?:ed)?|cells?|mobile|tel|telephone|contact|reach|sms"
    r"|(?:ring|dial) (?:her|him|them|me|the)"
    r"|whatsapp|ph|tel[eé]fonos?|celular|m[oó]vil|llam[aáeo]r?(?:le|la|lo)?|ll[aá]m[ea](?:n|nme|le)?)\b",
    re.IGNORECASE,
)
_LOYALTY = re.compile(rf"(?<![\w-])LC{_JOIN}\d{{8,10}}(?![\w-])", re.IGNORECASE)
_FILLER = (
    r"(?:[ :,]{0,2}(?:\b(?:numbers?|num|nbr|no|nr|id|ids|code|account|acct|card|is|was|with|it'?s"
    r"|says?|n[uú]mero|n[uú]m|tarjeta|cuenta|de|es|del|cliente)\b|[#.:º°])){0,5}[ :,]{0,2}"
)
_LOYALTY_CUE = re.compile(
    rf"\b(?:loyalty|lyl|rewards?|members?|membership|circle|lealtad|fidelidad|soci[oa]s?|membres[ií]a)\b"
    rf"{_FILLER}(?P<id>(?:LC)?\d{{6,12}}|\d{{3}}{_GAP}\d{{3}}{_GAP}\d{{3}})(?![\w-]|[.,]\d|%)",
    re.IGNORECASE,
)
_ORDER = re.compile(rf"(?<![\w-])ORD{_JOIN}#?\d{{6,12}}(?![\w-])", re.IGNORECASE)
_HASH_ORDER = re.compile(r"(?<![\w#])#[A-Z]{1,2}\d{6,9}(?![\w-])")
_ORDER_ID = r"#?(?:[A-Z]{1,3}-?)?(?:\d{6,12}|\d{2,4}-\d{5,8})(?![\w-]|[.,]\d|%)"
_ORDER_CUE = re.compile(
    rf"\b(?:orders?|ords?|ordr|pedidos?|[oó]rden(?:es)?|confirmation|confirmaci[oó]n|pick-?up)\b"
    rf"{_FILLER}(?P<id>{_ORDER_ID})",
    re.IGNORECASE,
)
_NEXT_ID = re.compile(rf"(?: ?,| and| or| y| o| &) ?(?P<id>{_ORDER_ID})", re.IGNORECASE)
_SKU = re.compile(r"#?LM", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_SPOKEN_END = re.compile(r"(?:\.| dot | punto )(?:com|net|me|es|mx)\b", re.IGNORECASE)
LEAST_DIGITS = 6  # of a number that is a person's, but for one with a + before it
MAX_LISTED = 20


def find_personal(text: str) -> tuple[Span, ...]:
    """Return personal data in `text`, in reading order, never overlapping.

    Where two readings overlap the surer one stays: e-mail, loyalty, order, card, phone, address,
    name, in this order.
    """
    taken: list[Span] = []
    free = bytearray(b"\x01") * len(text)
    for span in _candidates(text):
        if span.start < span.end and all(free[span.start : span.end]):
            free[span.start : span.end] = bytes(span.end - span.start)
            taken.append(span)
    return tuple(sorted(taken, key=lambda s: s.start))


def _candidates(text: str) -> Iterator[Span]:
    if "@" in text:
        yield from _spans("email", _EMAIL.finditer(text))
    if _SPOKEN_END.search(text):
        yield from _spans("email", _SPOKEN_EMAIL.finditer(text))
    # Most texts hold no number or a short one, and the patterns of numbers are slow to say so.
    digits = len(_DIGIT.findall(text))
    if digits >= LEAST_DIGITS or (digits and "+" in text):
        yield from _numbers(text)
    if digits:
        yield from find_addresses(text)
    yield from find_names(text)


def _numbers(text: str) -> Iterator[Span]:
    yield from _spans("loyalty", _LOYALTY.finditer(text))
    yield from _spans("order", _ORDER.finditer(text))
    yield from _spans("order", _HASH_ORDER.finditer(text))
    yield from _cards(text)
    yield from _spans("phone", _PHONE.finditer(text))
    yield from _loyalty(text)
    yield from _orders(text)
    for match in _BARE_PHONE.finditer(text):
        if _PHONE_WORD.search(_around(text, match)):
            yield Span(match.start(), match.end(), "phone")


def _cards(text: str) -> Iterator[Span]:
    for match in _CARD.finditer(text):
        digits = "".join(c for c in match[0] if c.isdigit())
        if not 13 <= len(digits) <= 19 or not passes_luhn(digits):
            continue
        # One in ten barcodes passes Luhn by chance; none of a shop's asks should lose its product.
        if is_gtin(digits) and not _CARD_WORD.search(_around(text, match)):
            continue
        yield Span(match.start(), match.end(), "card")


def _loyalty(text: str) -> Iterator[Span]:
    for match in _LOYALTY_CUE.finditer(text):
        if not is_gtin(match["id"]):
            yield Span(match.start("id"), match.end("id"), "loyalty")


def _orders(text: str) -> Iterator[Span]:
    for match in _ORDER_CUE.finditer(text):
        found: re.Match[str] | None = match
        for _ in range(MAX_LISTED):  # "orders 40012345, 40012346 and 40012347"
            if not found or _SKU.match(found["id"]) or is_gtin(found["id"].lstrip("#")):
                break
            yield Span(found.start("id"), found.end("id"), "order")
            found = _NEXT_ID.match(text, found.end())


def _spans(kind: str, matches: Iterable[re.Match[str]]) -> Iterator[Span]:
    return (Span(m.start(), m.end(), kind) for m in matches)


def _around(text: str, match: re.Match[str]) -> str:
    """Return the words near a match, the match itself left out."""
    before = text[max(0, match.start() - _NEAR) : match.start()]
    return f"{before} … {text[match.end() : match.end() + _NEAR]}"


def passes_luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit of ISO/IEC 7812-1 (Luhn)."""
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def is_gtin(digits: str) -> bool:
    """Tell whether `digits` is a UPC-A, EAN-13 or GTIN-14 with a right check digit."""
    if len(digits) not in {12, 13, 14} or not digits.isdecimal():
        return False
    weighed = sum(int(d) * (1 if i % 2 else 3) for i, d in enumerate(reversed(digits[:-1])))
    return (10 - weighed % 10) % 10 == int(digits[-1])

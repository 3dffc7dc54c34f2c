"""Text, folded: one spelling for what people type, and which language it is in."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator

# Bidirectional controls and zero-width characters change what a person sees without changing what
# a machine reads; the slot brackets ⟦ ⟧ are ours alone: an ask that brings its own is disarmed.
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BRACKETS = re.compile(r"[⟦⟧]|<\|[^|<>]{0,40}\|>")
_SPACE = re.compile(r"\s+")
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


def word_set(text: str) -> frozenset[str]:
    """Return the words of a list written as one string."""
    return frozenset(text.split())


_SPANISH = word_set(
    "el la los las un una de del que qué en por para con sin es son está están puedo puede cuánto"
    " cuánta cuántos cuesta cuestan dónde donde cuándo cómo como cliente tienda y o si sí mi su"
    " devolver devolución recibo tarjeta regalo precio días hay tiene tengo hacer hago debo"
    " necesita necesito quiere producto cuanto cuantos cual cuál quién quien hora hasta al lo le"
    " cierra cierran abre abren derrame pedido recoger igualar edad años"
)
_ENGLISH = word_set(
    "the a an of to in on for with without is are can do does how what where when who which my"
    " your customer store return receipt card gift price days have has need want wants i we it"
    " and or if about this that there any much many long from at be will should"
)


def fold(text: str) -> str:
    """Return `text` in NFKC without control, invisible and slot characters, spaces collapsed."""
    text = unicodedata.normalize("NFKC", _CONTROL.sub(" ", text))
    text = _BRACKETS.sub(" ", _INVISIBLE.sub("", text))
    return _SPACE.sub(" ", text).strip()


def words(text: str) -> list[str]:
    """Return the words of `text`, lower case, in order."""
    return [w.lower() for w in WORD.findall(text)]


def interned(found: Iterable[str]) -> Iterator[str]:
    """Yield the same strings, each word one object: what is kept of many texts shares its words."""
    return map(sys.intern, found)


def language(text: str) -> str:
    """Return 'es' when Spanish function words outnumber English ones, else 'en'; ties are 'en'."""
    found = words(text)
    spanish = sum(w in _SPANISH for w in found) + ("¿" in text or "¡" in text)
    english = sum(w in _ENGLISH for w in found)
    return "es" if spanish > english else "en"


_ABBREVIATIONS = re.compile(r"\b(?:e\.g|i\.e|vs|approx|St|No|Mr|Mrs|Dr|Sr|Sra|p\.m|a\.m)\.$")
_PAIRS = (("“", "”"), ("«", "»"))
_STRAIGHT = re.compile(r'(?<!\d)"')  # not the inches of 55"
_BEFORE_CLOSING = ".,;:!?…)%"
_END = re.compile(r"[.!?…](?:[\"”’)\]])?(?=\s|$)")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each sentence of `text`; line breaks end one too."""
    spans: list[tuple[int, int]] = []
    offset = 0
    for line in text.splitlines(keepends=True):
        start = 0
        for match in _END.finditer(line):
            # A slice of fixed length: the whole line before each full stop is quadratic work.
            if _ABBREVIATIONS.search(line[max(0, match.end() - 8) : match.end()]):
                continue
            _keep(spans, line, start, match.end(), offset)
            start = match.end()
        _keep(spans, line, start, len(line), offset)
        offset += len(line)
    return spans


def balanced(text: str) -> str:
    """Return `text` with each quote mark in a pair: one whose partner was cut off gets it back.

    An inch mark (55") is none, and ’ is left alone: it is mostly an apostrophe.
    """
    for opening, closing in _PAIRS:
        unopened = unclosed = 0
        for mark in text:
            if mark == opening:
                unclosed += 1
            elif mark == closing and unclosed:
                unclosed -= 1
            elif mark == closing:
                unopened += 1
        text = f"{opening * unopened}{text}{closing * unclosed}"
    marks = list(_STRAIGHT.finditer(text))
    if len(marks) % 2 == 0 or text.count('"') % 2 == 0:
        return text
    last = marks[-1].start()
    is_opening = last == 0 or not (text[last - 1].isalnum() or text[last - 1] in _BEFORE_CLOSING)
    return f'{text}"' if is_opening else f'"{text}'


def _keep(spans: list[tuple[int, int]], line: str, start: int, end: int, offset: int) -> None:
    piece = line[start:end]
    stripped = piece.strip()
    if stripped:
        lead = start + len(piece) - len(piece.lstrip())
        spans.append((offset + lead, offset + lead + len(stripped)))

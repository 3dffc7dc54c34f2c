"""Words of asks and passages, split and stemmed exactly as the index's FTS5 tables do it."""

from __future__ import annotations

import math
import re
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import apsw

from appliance.store.index_schema import TOKENIZER

MAX_CHARACTERS = 2_000  # of an ask: what follows is not searched for
MAX_TERMS = 32  # distinct terms of an ask that are searched for, rarest first
_local = threading.local()

# Function words, English and Spanish, folded. They never choose a passage by themselves.
_FUNCTION_WORDS = """
a about am an and any are as at be been being but by can could did do does doing for from get
gets got had has have having he her here hers him his how i if in into is it its just let me my
no of off on or our ours out please she should so some than that the their them then there these
they this those to too up us very was we were what whats when where which who whom whose why
will with would you your yours s t d ll m re ve
al algo como con cual cuando cuanto cuantos cuanta de del donde el ella en es esta este esto hay
la las le lo los me mi mis no o para pero por puede puedo que quien se si sin su sus tengo tiene
un una unas unos y ya
"""
STOP_WORDS = frozenset(_FUNCTION_WORDS.split())


@dataclass(frozen=True, slots=True)
class Word:
    """One token of a text: how it is written there, folded, and the stem that is indexed."""

    surface: str
    stem: str

    @property
    def is_stop(self) -> bool:
        """Whether it is a function word."""
        return _is_stop(self.surface)


@dataclass(frozen=True, slots=True)
class Term:
    """A stem of an ask as the index knows it; `id` is 0 for a stem in no passage."""

    word: Word
    id: int
    passages: int
    products: int
    idf: float
    place: int  # position among the ask's words


@lru_cache(maxsize=4_096)
def _is_stop(surface: str) -> bool:
    return fold(surface) in STOP_WORDS


def fold(text: str) -> str:
    """Return text lower-cased and without diacritics."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def clean(text: str, *, limit: int = MAX_CHARACTERS) -> str:
    """Return text that SQLite can take: bounded, no NUL, no lone surrogates."""
    bounded = text[:limit].replace("\x00", " ")
    return bounded.encode("utf-8", "replace").decode("utf-8")


def words(text: str) -> list[Word]:
    """Split and stem; the same tokens FTS5 makes."""
    raw = text.encode("utf-8", "replace")
    found: list[Word] = []
    tokens = _tokenizer()(raw, apsw.FTS5_TOKENIZE_DOCUMENT, None, include_colocated=True)
    for start, end, stem, *_ in cast("list[tuple[int, int, str]]", tokens):
        found.append(Word(raw[start:end].decode("utf-8", "replace"), stem))
    return found


def stems(text: str) -> list[str]:
    """Return only the stems of a text, in order."""
    raw = text.encode("utf-8", "replace")
    flags = apsw.FTS5_TOKENIZE_DOCUMENT
    found = _tokenizer()(raw, flags, None, include_offsets=False, include_colocated=False)
    return [str(stem) for stem in found]


def idf(passages: int, *, total: int) -> float:
    """Return BM25's inverse document frequency, always positive.

    Source: Robertson & Zaragoza 2009, with 1 added under the logarithm.
    """
    return math.log(1.0 + (total - passages + 0.5) / (passages + 0.5))


def is_one_slip(a: str, b: str) -> bool:
    """Whether one letter was missed, added, changed or swapped with its neighbour."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    start = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    if len(a) == len(b):
        swapped = a[start + 1 : start + 2] + a[start : start + 1] + a[start + 2 :]
        return a[start + 1 :] == b[start + 1 :] or swapped == b[start:]
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return longer[start + 1 :] == shorter[start:]


def any_of(surfaces: Sequence[str]) -> str:
    """Return an FTS5 expression that matches any of the words.

    Every word is quoted: unquoted, ``LM-104233`` or ``NOT`` would be read as query syntax.
    """
    return " OR ".join('"' + surface.replace('"', '""') + '"' for surface in surfaces)


def ngrams(text: str) -> list[str]:
    """Return the runs of non-space characters of an ask, punctuation at their ends removed."""
    return [part for raw in text.split() if (part := re.sub(r"^\W+|\W+$", "", raw))]


def _tokenizer() -> apsw.FTS5Tokenizer:
    """Return this thread's tokenizer; it belongs to a connection, and those are not shared."""
    if not hasattr(_local, "tokenizer"):
        _local.connection = apsw.Connection(":memory:")
        name, arguments = TOKENIZER
        _local.tokenizer = _local.connection.fts5_tokenizer(name, arguments)
    tokenizer: apsw.FTS5Tokenizer = _local.tokenizer
    return tokenizer

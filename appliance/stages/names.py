"""Find people's names in an ask: by a cue before them, or by lists of first names and surnames."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from appliance.records import Span
from appliance.stages.name_lists import (
    AMBIGUOUS,
    BRANDS,
    GIVEN,
    GOODS,
    STOP,
    SURNAMES,
    WORD_SURNAMES,
)
from appliance.stages.text import word_set

_TOKEN = re.compile(r"[^\W\d_]{1,40}(?:['’-][^\W\d_]{1,40}){0,3}")
_BETWEEN = re.compile(r"\.?[ \u00a0]{1,2}\Z")  # inside a name
_AFTER_CUE = re.compile(r"[.:,\"“'# \u00a0-]{1,4}\Z")
_AFTER_WORD = re.compile(r"[: \u00a0]{1,2}\Z")
_PARTS = re.compile("[’-]")
_POSSESSIVES = frozenset({"'s", "’s", "'S", "’S", "'ſ", "’ſ"})
MAX_WORDS = 4
CUE_WORDS = 4


class Cue(IntEnum):
    """How surely the words before a place announce a person, weakest first."""

    NONE = 0
    WEAK = 1  # for, ask, associate
    PERSON = 2  # customer, cliente
    TITLE = 3  # Mrs., señora
    NAMED = 4  # my name is, a nombre de


_WEAK = word_set(
    "for to by from with and or ask tell call called told text email contact see is are does did do"
    " has had was if when can could should will associate associates assoc cashier manager mgr lead"
    " supervisor coworker employee teammate driver husband wife son daughter mother father brother"
    " sister friend hi thanks para por con y o asociado asociada gerente cajero cajera empleado"
    " empleada esposo esposa hijo hija madre padre compañero compañera a de"
)
_PERSON = word_set(
    "customer customers cust cstmr cx client guest shopper member mbr buyer lady gentleman patron"
    " recipient attn contact cliente clienta socio socia comprador compradora invitado"
)
_TITLES = word_set(
    "mr mrs ms miss mister mx dr doctor prof sr sra srta señor señora señorita don doña senora"
    " senor familia"
)
_CUES = (
    "name is, names is, name's, name was, named, name of, the name, name, under, signed by, attn,"
    " addressed to, on file, account, se llama, me llamo, llamado, llamada, nombre de, nombre es,"
    " nombre"
)
_NAMED = tuple(tuple(cue.split()) for cue in _CUES.split(","))
# These cues count before a listed name or with a colon after them only.
_LOOSE = frozenset(
    {("under",), ("the", "name"), ("name",), ("nombre",), ("account",), ("on", "file")}
)
# "The product name is QuietWave": a name, but of a thing.
_THINGS = word_set(
    "product brand model item store file company street collection color marca modelo"
)
_PARTICLES = word_set("de del la las los van von der den da dos di al bin el")
# What people do, and goods do not: "Siobhan Gutierrez says".
_DOES = word_set(
    "lives says said called asked asks claims forgot complained complains wants lost paid bought"
    " left came insists dice quiere vive pregunta llamó compró perdió pagó"
)
_NOT_NAMES = STOP | GOODS


def _plain(text: str) -> str:
    """Return `text` in lower case without accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    key: str  # lower case, without accents
    start: int
    end: int

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper()

    @property
    def is_word(self) -> bool:
        return self.key in _NOT_NAMES

    @property
    def is_listed(self) -> bool:
        return self.key in GIVEN or self.key in AMBIGUOUS or self.is_surname

    @property
    def is_surname(self) -> bool:
        return _is_surname(self.key)


def find_names(text: str) -> Iterator[Span]:
    """Yield people's names in `text`, titles left out, in reading order."""
    matches = list(_TOKEN.finditer(text))
    if not any(map(_may_begin, matches)):  # most texts name nobody
        return
    tokens = [_token(m) for m in matches]
    at = 0
    while at < len(tokens):
        count = _count(tokens, at, text)
        if count:
            yield Span(tokens[at].start, tokens[at + count - 1].end, "name")
        at += max(count, 1)


def _may_begin(match: re.Match[str]) -> bool:
    """Tell whether a word can begin a name; no word that does is left out."""
    text = match[0]
    key = _plain(text[:-2] if text[-2:] in _POSSESSIVES else text)
    if key in _NOT_NAMES:
        return False
    return text[0].isupper() or key in GIVEN or key in AMBIGUOUS or _is_surname(key)


def _is_surname(key: str) -> bool:
    if key.isalpha():
        return key in SURNAMES
    return any(part in SURNAMES for part in _PARTS.split(key.replace("'", "")))


def _token(match: re.Match[str]) -> _Token:
    text, start = match[0], match.start()
    if text[-2:] in _POSSESSIVES:
        text = text[:-2]
    return _Token(text, _plain(text), start, start + len(text))


def _count(tokens: list[_Token], at: int, text: str) -> int:
    """Return how many tokens from `at` are a name; 0 when none begins here."""
    first = tokens[at]
    if first.is_word or len(first.text) < 2 or not (first.is_capital or first.is_listed):
        return 0
    if _is_brand(tokens, at) or (first.key in _TITLES and first.key not in GIVEN):
        return 0
    cue = _cue(tokens, at, text)
    if first.is_capital:
        return _capital(tokens, at, text, cue)
    return _lower(tokens, at, text, cue)


def _capital(tokens: list[_Token], at: int, text: str, cue: Cue) -> int:
    length = _run(tokens, at, text)
    if cue >= Cue.TITLE:
        return length
    if tokens[at].is_surname and _is_reversed(tokens, at, text):
        return 2
    after = tokens[at + length].key if at + length < len(tokens) else ""
    return length if _is_person(tokens[at : at + length], cue, acts=after in _DOES) else 0


def _is_person(run: list[_Token], cue: Cue, *, acts: bool) -> bool:
    """Tell whether a run of capitalised words is a person; `acts`: a verb of people follows."""
    first, last = run[0], run[-1]
    is_full = len(run) > 1
    if first.key in GIVEN:
        return is_full or cue >= Cue.WEAK
    if first.key in AMBIGUOUS and is_full and last.is_surname:
        # "Hunter Green" is a paint too: two plain words need a cue.
        return cue >= Cue.WEAK or acts or last.key not in WORD_SURNAMES
    # Unknown words count by their company, unless the ask is shouted: then all is capital.
    is_full = is_full and not first.text.isupper()
    if cue == Cue.PERSON:
        return is_full or first.is_surname
    # At a sentence's head the first may be any verb: "Return Garcia …".
    is_surname_clear = cue == Cue.WEAK and last.key not in WORD_SURNAMES
    return is_full and last.is_surname and (acts or is_surname_clear)


def _lower(tokens: list[_Token], at: int, text: str, cue: Cue) -> int:
    first = tokens[at]
    known = first.key in GIVEN
    follows = at + 1 < len(tokens) and _is_joined(tokens, at, text)
    second = tokens[at + 1] if follows else None
    has_surname = second is not None and second.is_surname and not _is_brand(tokens, at)
    if cue >= Cue.TITLE:
        return 2 if has_surname else int(known or first.is_surname)
    if has_surname and second is not None:
        if known and (cue >= Cue.WEAK or second.key not in WORD_SURNAMES):
            return 2
        if first.key in AMBIGUOUS and cue == Cue.PERSON:
            return 2
    return int(known and cue == Cue.PERSON)


def _run(tokens: list[_Token], at: int, text: str) -> int:
    """Return the length of the run of capitalised words from `at`, particles between them taken."""
    length = 1
    while length < MAX_WORDS and at + length < len(tokens):
        if not _is_joined(tokens, at + length - 1, text):
            break
        step = 0
        while (
            step < 2
            and at + length + step + 1 < len(tokens)
            and tokens[at + length + step].key in _PARTICLES
            and _is_joined(tokens, at + length + step, text)
        ):
            step += 1
        token = tokens[at + length + step]
        if not token.is_capital or (token.is_word and len(token.text) > 1):
            break
        length += step + 1
    return length


def _is_joined(tokens: list[_Token], at: int, text: str) -> bool:
    gap = text[tokens[at].end : tokens[at + 1].start]
    # A full stop joins only after an initial: "Robert T. Jackson", but "for Ana. Gold tier".
    return bool(_BETWEEN.match(gap)) and (gap[0] != "." or len(tokens[at].text) == 1)


def _is_reversed(tokens: list[_Token], at: int, text: str) -> bool:
    """Tell whether "Lopez, Maria" stands at `at`."""
    if at + 1 >= len(tokens) or text[tokens[at].end : tokens[at + 1].start] != ", ":
        return False
    second = tokens[at + 1]
    return second.is_capital and second.key in GIVEN


def _is_brand(tokens: list[_Token], at: int) -> bool:
    around = tokens[max(0, at - 1) : at + 2]
    return any((a.key, b.key) in BRANDS for a, b in pairwise(around))


def _cue(tokens: list[_Token], at: int, text: str) -> Cue:
    """Return the strongest cue that ends right before `at`."""
    gap = text[tokens[at - 1].end : tokens[at].start] if at else ""
    if not _AFTER_CUE.match(gap.removeprefix("'s").removeprefix("’s")):
        return Cue.NONE
    keys = tuple(t.text.casefold() for t in tokens[max(0, at - CUE_WORDS) : at])
    if keys[-1] in _TITLES and (keys[-1] not in {"don", "miss"} or tokens[at].key in GIVEN):
        return Cue.TITLE
    if _THINGS.intersection(keys):
        return Cue.NONE
    is_sure = ":" in gap or _is_known(tokens[at])
    if any(keys[-len(cue) :] == cue and (is_sure or cue not in _LOOSE) for cue in _NAMED):
        return Cue.NAMED
    weaker = Cue.WEAK if keys[-1] in _WEAK and _AFTER_WORD.match(gap) else Cue.NONE
    # "The gentleman's Oxford Brogues": what a person owns is not the person.
    return Cue.PERSON if keys[-1] in _PERSON and gap[0] not in "'’" else weaker


def _is_known(token: _Token) -> bool:
    return token.is_capital and (token.key in GIVEN or token.is_surname)

"""Find people's names in an ask: by a cue before them, or by lists of first names and surnames."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from appliance.records import Span
from appliance.stages.given_names import AMBIGUOUS, BRANDS, GIVEN, SURNAMES, WORD_SURNAMES

_TOKEN = re.compile(r"[^\W\d_]{1,40}(?:['’-][^\W\d_]{1,40}){0,3}")
_BETWEEN = re.compile(r"\.?[ \u00a0]{1,2}\Z")  # inside a name
_AFTER_CUE = re.compile(r"[.:,\"“'# \u00a0-]{1,4}\Z")
_AFTER_WORD = re.compile(r"[: \u00a0]{1,2}\Z")
_PARTS = re.compile("[’-]")
_POSSESSIVE = re.compile(r"['’]s\Z", re.IGNORECASE)
MAX_WORDS = 4
CUE_WORDS = 4


class Cue(IntEnum):
    """How surely the words before a place announce a person, weakest first."""

    NONE = 0
    WEAK = 1  # for, ask, associate
    PERSON = 2  # customer, cliente
    TITLE = 3  # Mrs., señora
    NAMED = 4  # my name is, a nombre de


_WEAK = frozenset(
    "for to by from with and or ask tell call called told text email contact see is are does did do has had was if when can"
    " could should will"
    " associate associates assoc cashier manager mgr lead supervisor coworker employee teammate driver"
    " husband wife son daughter mother father brother sister friend hi thanks para por con y o asociado asociada"
    " gerente cajero cajera empleado empleada esposo esposa hijo hija madre padre compañero compañera a de".split()
)
_PERSON = frozenset(
    "customer customers cust cstmr cx client guest shopper member mbr buyer lady gentleman patron recipient"
    " attn contact cliente clienta socio socia comprador compradora invitado".split()
)
_TITLES = frozenset(
    "mr mrs ms miss mister mx dr doctor prof sr sra srta señor señora señorita don doña senora senor familia".split()
)
_NAMED = tuple(
    tuple(cue.split())
    for cue in (
        "name is,names is,name's,name was,named,name of,the name,name,se llama,me llamo,llamado,llamada,nombre de"
        ",nombre es,nombre,under,signed by,attn,addressed to,on file,account"
    ).split(",")
)
# Cues that need a capital, a list or a colon after them before they count.
_LOOSE = frozenset(
    {("under",), ("the", "name"), ("name",), ("nombre",), ("account",), ("on", "file")}
)
_PARTICLES = frozenset("de del la las los van von der den da dos di al bin el y".split())

# What people do, and goods do not: "Siobhan Gutierrez says".
_DOES = frozenset(
    "lives says said called asked asks claims forgot complained complains wants lost paid bought left"
    " came insists dice quiere vive pregunta llamó compró perdió pagó".split()
)
# Words that are never part of a name here, however they are written.
_STOP = frozenset(
    """
    a about after all also am an and any are as at back be been before but by call came can cannot card code could
    customer date did do does doesn done email even exactly for from get gets give given got had has have he her here
    hers him his how i id if in is isn it its just like listed me mine missing misspelled must my name need needs no
    not now number of off ok on one only or order other our out paid phone pick picked please printed returned
    returning said same saying says she should shows since so some spelled still than that the their them then there
    they this to today tomorrow too trying two under until up us want wanted wants was wasn we were what when where
    which who whose why will with without would wrong yes yet you your different required blank hidden first last
    asking asks bought buying comes coming left lost needing never opened own owns returns spends using used visa
    el la los las un una de del que y o en con sin por para su sus mi se lo al es está quiere tiene cuando como
    cliente pide dice empresa tienda señora señor a mismo misma no si ya pregunta perdió cual
    """.split()
)
_GOODS = frozenset(
    """
    january february march april june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday christmas thanksgiving halloween easter gold silver basic platinum circle larkmoor
    fernway nordvale service services desk support care returns return refund refunds exchange receipt receipts policy
    price match warranty order orders pickup delivery layaway gift card cards store stores department dept electronics
    appliance appliances home garden toys sports apparel tools beauty grocery hardware furniture automotive pharmacy
    bakery deli produce dairy jewelry shoes clothing kitchen bath bedding outdoor office pets baby health manager
    associate lead cashier member members guest rewards loyalty tier adam code id ids number numbers account email
    phone name names address info information app wifi wi-fi parking entrance lot drill mixer tv laptop tablet
    headphones earbuds speaker camera phone watch jeans shirt jacket dress sneakers shoe boots whiskey vodka beer wine
    tequila soda candle knife grill mower blender toaster vacuum washer dryer refrigerator fridge oven microwave mattress
    sofa chair table lamp paint glue battery batteries set kit pack pro max ultra mini plus classic deluxe series
    edition collection brand cookware soap shampoo lotion perfume cologne samsung sony bosch makita dyson lg apple
    google amazon walmart target costco nike adidas lego dell hp lenovo whirlpool ge milwaukee dewalt ryobi sale
    special coupon coupons discount discounts street avenue road drive lane court texas california york antonio diego
    francisco jose orleans angeles vegas united states inc llc corp company co foundation hospital school university
    church bank club restaurant enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre
    diciembre lunes martes miércoles jueves viernes sábado domingo electrónica pasillo oro plata
    """.split()
) - {"jose", "diego", "francisco", "antonio"}


def _plain(text: str) -> str:
    """Return `text` in lower case without accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


_WORDS = frozenset(map(_plain, _STOP | _GOODS))


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
        return self.key in _WORDS

    @property
    def is_listed(self) -> bool:
        return self.key in GIVEN or self.key in AMBIGUOUS or self.is_surname

    @property
    def is_surname(self) -> bool:
        if self.key.isalpha():
            return self.key in SURNAMES
        return any(part in SURNAMES for part in _PARTS.split(self.key.replace("'", "")))


def find_names(text: str) -> Iterator[Span]:
    """Yield people's names in `text`, titles left out, in reading order."""
    tokens = [_token(m) for m in _TOKEN.finditer(text)]
    at = 0
    while at < len(tokens):
        count = _count(tokens, at, text)
        if count:
            yield Span(tokens[at].start, tokens[at + count - 1].end, "name")
        at += max(count, 1)


def _token(match: re.Match[str]) -> _Token:
    text = _POSSESSIVE.sub("", match[0])
    return _Token(text, _plain(text), match.start(), match.start() + len(text))


def _count(tokens: list[_Token], at: int, text: str) -> int:
    """Return how many tokens from `at` are a name; 0 when none begins here."""
    first = tokens[at]
    if not (first.is_capital or first.is_listed) or first.is_word or len(first.text) < 2:
        return 0
    if _is_brand(tokens, at) or (first.key in _TITLES and first.key not in GIVEN):
        return 0
    cue = _cue(tokens, at, text)
    if first.is_capital:
        return _capital(tokens, at, text, cue)
    return _lower(tokens, at, text, cue)


def _capital(tokens: list[_Token], at: int, text: str, cue: Cue) -> int:
    first, length = tokens[at], _run(tokens, at, text)
    if cue >= Cue.TITLE:
        return length
    if first.is_surname and _is_reversed(tokens, at, text):
        return 2
    last = tokens[at + length - 1]
    if first.key in GIVEN and first.key not in AMBIGUOUS:
        if length > 1:
            return length
        return int(cue >= Cue.WEAK)
    if first.key in AMBIGUOUS and length > 1 and last.is_surname:
        return length
    if cue == Cue.PERSON:
        # An unknown pair counts after "customer", unless the ask is shouted: then all is capital.
        return length if (length > 1 and not first.text.isupper()) or first.is_surname else 0
    # Two words, the second a well-known surname: "Siobhan Gutierrez", but not at a sentence's head
    # where the first may be any verb.
    is_pair = length > 1 and last.is_surname and not first.text.isupper()
    acts = at + length < len(tokens) and tokens[at + length].text.casefold() in _DOES
    if is_pair and (acts or (cue == Cue.WEAK and last.key not in WORD_SURNAMES)):
        return length
    return 0


def _lower(tokens: list[_Token], at: int, text: str, cue: Cue) -> int:
    first = tokens[at]
    known = first.key in GIVEN and first.key not in AMBIGUOUS
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
    return second.is_capital and second.key in GIVEN and second.key not in AMBIGUOUS


def _is_brand(tokens: list[_Token], at: int) -> bool:
    around = tokens[max(0, at - 1) : at + 2]
    pairs = zip(around, around[1:], strict=False)
    return any((a.key, b.key) in BRANDS for a, b in pairs)


def _cue(tokens: list[_Token], at: int, text: str) -> Cue:
    """Return the strongest cue that ends right before `at`."""
    if at == 0:
        return Cue.NONE
    gap = text[tokens[at - 1].end : tokens[at].start]
    if not _AFTER_CUE.match(gap.removeprefix("'s").removeprefix("’s")):
        return Cue.NONE
    keys = tuple(t.text.casefold() for t in tokens[max(0, at - CUE_WORDS) : at])
    if keys[-1] in _TITLES and (keys[-1] not in {"don", "miss"} or tokens[at].key in GIVEN):
        return Cue.TITLE
    for cue in _NAMED:
        if keys[-len(cue) :] == cue and (cue not in _LOOSE or ":" in gap or _is_known(tokens[at])):
            return Cue.NAMED
    if keys[-1] in _PERSON:
        return Cue.PERSON
    return Cue.WEAK if keys[-1] in _WEAK and _AFTER_WORD.match(gap) else Cue.NONE


def _is_known(token: _Token) -> bool:
    return token.is_capital and (token.key in GIVEN or token.is_surname)

"""Two products set side by side: which two an ask names, and how what was read of them compares.

"Which is cheaper, the A or the B?" Only a comparison that code can settle is taken for one: of
prices, stock, warranties and of measures that both products have. Which one is better is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from appliance.comparison import order
from appliance.ports import Index
from appliance.records import Fact, Query, Sentence, Source, Value, ValueKind
from appliance.stages.subject import Subject, named

PRICE, STOCK, WARRANTY, SPEC = "price", "stock", "warranty", "spec"
SIDES_AT_MOST = 8  # places looked at where one side may end and the other begin
_SPLIT = re.compile(
    r"(?:,|\b(?:or|vs\.?|versus|than|against|compared (?:to|with)|and|o|u|que|contra|y))(?=\s)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Contest:
    """What a comparing word is about, and how its outcome is said.

    Attributes:
        family: Of the facts it is settled by.
        cue: What an ask says.
        attributes: Of a specification, the ones it may mean, likeliest first.
        wins: The sign of the side that is named: -1 the one that is less, 1 the one that is more.
        said: By language, with {name} and, of a specification, {attribute}.
    """

    family: str
    cue: re.Pattern[str]
    attributes: tuple[str, ...]
    wins: int
    said: tuple[tuple[str, str], ...]


def _contest(
    family: str, cue: str, *, wins: int, en: str, es: str, of: tuple[str, ...] = ()
) -> Contest:
    return Contest(family, re.compile(cue, re.IGNORECASE), of, wins, (("en", en), ("es", es)))


_LESS, _MORE = -1, 1
SAME = {"en": "{} is the same as {}.", "es": "{} es lo mismo que {}."}  # as `comparison.is_true`
_GREATER = {"en": "The greater {attribute} is that of {name}.", "es": "{attribute}: más, {name}."}
# In this order: "longer warranty" is about warranty, "more in stock" about stock, "costs more"
# about price; what is then "more" or "longer" is about a measure.
CONTESTS = (
    _contest(
        WARRANTY,
        r"\b(?:longer|better|shorter|more|m[aá]s|mejor)\b.{0,20}\b(?:warranty|guarantee|garant[ií]a)"
        r"|\b(?:warranty|guarantee|garant[ií]a)\b.{0,30}\b(?:longer|shorter|m[aá]s larga)\b",
        wins=_MORE,
        en="The longer warranty is that of {name}.",
        es="La garantía más larga es la de {name}.",
    ),
    _contest(
        STOCK,
        r"\b(?:more|most|fewer|less|m[aá]s|menos)\b.{0,20}\b(?:in stock|on hand|left|in the back|"
        r"existencias?|inventario|en tienda)\b|\b(?:do|did) we have (?:more|fewer)\b"
        r"|\b(?:tenemos|quedan|hay) (?:m[aá]s|menos)\b",
        wins=_MORE,
        en="We have more of {name}.",
        es="Tenemos más de {name}.",
    ),
    _contest(
        PRICE,
        r"\b(?:cheap(?:er|est)?|(?:less|more) expensive|dearer|costs? (?:more|less)|lower price|"
        r"higher price|price difference|(?:m[aá]s|menos) (?:barat|car)[oa]s?|"
        r"cuestan? (?:m[aá]s|menos))\b",
        wins=_LESS,
        en="The cheaper one is {name}.",
        es="El precio más bajo es el de {name}.",
    ),
    _contest(
        SPEC,
        r"\b(?:heavier|lighter|weighs? (?:more|less)|pesa (?:m[aá]s|menos))\b",
        of=("weight",),
        wins=_MORE,
        **_GREATER,
    ),
    _contest(
        SPEC,
        r"\bbattery\b.{0,30}\b(?:longer|more|better)\b|\b(?:longer|more|better)\b.{0,20}\bbattery\b"
        r"|\bbater[ií]a\b.{0,30}\bm[aá]s\b|\bm[aá]s\b.{0,20}\bbater[ií]a\b",
        of=("battery", "runtime"),
        wins=_MORE,
        **_GREATER,
    ),
    _contest(
        SPEC,
        r"\b(?:stronger|more power(?:ful)?|more watts|m[aá]s (?:potente|potencia|vatios))\b",
        of=("power",),
        wins=_MORE,
        **_GREATER,
    ),
    _contest(
        SPEC,
        r"\b(?:holds (?:more|less)|roomier|more (?:room|space|storage)|le cabe m[aá]s)\b",
        of=("capacity", "volume"),
        wins=_MORE,
        **_GREATER,
    ),
    _contest(
        SPEC,
        r"\b(?:bigger|smaller|larger|taller|wider|"
        r"m[aá]s (?:grande|peque[nñ][oa]|anch[oa]|alt[oa]))\b",
        of=("size", "screen", "volume", "capacity", "width", "height", "length"),
        wins=_MORE,
        **_GREATER,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pair:
    """The two products of a comparison, in the order they were named, and what is compared."""

    subject: Subject
    contest: Contest


def contest_of(text: str) -> Contest | None:
    """Return what a question compares; None when it compares nothing that code can settle."""
    return next((c for c in CONTESTS if c.cue.search(text)), None)


def pair_of(query: Query, index: Index) -> Pair | None:
    """Return the two products that a question compares, or None.

    Identifiers are two products by themselves; else the question is cut at each word that may
    stand between two names, and the cut is taken whose worse side names its product best.
    """
    contest = contest_of(query.standalone)
    if contest is None:
        return None
    given = [e.value for e in query.entities if e.kind in {"sku", "ean", "model"}]
    rows = [row for key in dict.fromkeys(given) if (row := index.product(key))]
    skus = tuple(dict.fromkeys(row["sku"] for row in rows))
    if len(skus) == 2:
        return Pair(Subject(skus, 1.0, is_named=True), contest)
    found = max(_cuts(query.standalone, index), key=lambda s: s.score, default=None)
    return Pair(found, contest) if found else None


def _cuts(text: str, index: Index) -> Iterator[Subject]:
    for cut in list(_SPLIT.finditer(text))[:SIDES_AT_MOST]:
        sides = [named(side, index) for side in (text[: cut.start()], text[cut.end() :])]
        if all(side.skus for side in sides) and sides[0].skus[0] not in sides[1].skus:
            skus = (sides[0].skus[0], sides[1].skus[0])
            yield Subject(skus, min(side.score for side in sides), is_named=True)


def settled(contest: Contest, facts: Sequence[Fact], *, language: str) -> list[Sentence]:
    """Return the two facts that a comparison is about, and how they stand where that can be told.

    What only one of the two products has is told of that one; [] when neither has it.

    Args:
        contest: What is compared.
        facts: Read of both products.
        language: en | es; other languages are answered in English.
    """
    pair = _pair(contest, facts)
    spoken = [Sentence(fact.text, (_source(fact),)) for fact in pair]
    if len(pair) < 2:
        return spoken
    values = [_worth(contest, fact) for fact in pair]
    said = _outcome(contest, pair, values, language) if all(values) else ""
    return [*spoken, Sentence(said, tuple(map(_source, pair)))] if said else spoken


def _pair(contest: Contest, facts: Sequence[Fact]) -> list[Fact]:
    """Return one fact of each product, of the family and the same attribute; else what there is."""
    mine = [f for f in facts if f.family == contest.family and not f.is_stale]
    found: list[dict[str, Fact]] = []
    for attribute in contest.attributes or ("",):
        of: dict[str, Fact] = {}
        for fact in mine:
            if dict(fact.columns).get("attribute", "") == attribute:
                of.setdefault(fact.subject, fact)
        found.append(of)
    return list(max(found, key=len).values())[:2]


def _worth(contest: Contest, fact: Fact) -> Value | None:
    """Return the value of a fact that is compared.

    Of a price what is paid today, which its sentence says first; of stock all there is of it.
    """
    if contest.family == STOCK:
        counts = [v.amount or Decimal(0) for v in fact.values if v.kind is ValueKind.COUNT]
        return Value(ValueKind.COUNT, "", sum(counts, Decimal(0)), "", 0, 0)
    kinds = {PRICE: ValueKind.MONEY, WARRANTY: ValueKind.DURATION}
    wanted = kinds.get(contest.family)
    name = dict(fact.columns).get("name", "")
    said_at = fact.text.find(name) + len(name) if contest.family == SPEC else 0
    return next(
        (
            v
            for v in fact.values
            if v.start >= said_at and v.amount is not None and wanted in {None, v.kind}
        ),
        None,
    )


def _outcome(
    contest: Contest, pair: Sequence[Fact], values: Sequence[Value | None], language: str
) -> str:
    """Return how two facts stand, in words that their own sentences bear out; "" for no telling."""
    a, b = values
    assert a is not None and b is not None  # noqa: PT018 - told to the type checker
    sign, tongue = order(a, b), language if language == "es" else "en"
    if sign is None:
        return ""
    if sign == 0:  # of a sum, as of stock, there is nothing printed to be the same
        return SAME[tongue].format(a.text, b.text) if a.text else ""
    winner = pair[0] if sign == contest.wins else pair[1]
    row = dict(winner.columns)
    said = dict(contest.said)[tongue].format(
        name=row.get("name", winner.subject), attribute=row.get("attribute", "")
    )
    return said[:1].upper() + said[1:]


def _source(fact: Fact) -> Source:
    return Source(fact.id, fact.family, 0, len(fact.text))

"""Asks of further kinds over made-up things: two sources, comparisons, follow-ups, Spanish.

A two-source answer cites both and says neither: their words are the sources' own, and what is
more or less is worked out by code. `held_out` draws frames, wordings and names of the exam.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from appliance.lanes.prompt import Answer
from appliance.records import Turn
from appliance.stages.followup import resolve
from models.handbook import Statement
from models.more import strays
from models.phrasings import (
    BOUGHT,
    BOUGHT_HELD_OUT,
    COMPARE_FACTS,
    COMPARE_FACTS_HELD_OUT,
    COMPARE_RULES,
    COMPARE_RULES_HELD_OUT,
    FRAGMENTS,
    FRAGMENTS_HELD_OUT,
    JOINS,
    JOINS_HELD_OUT,
    MORE_OF,
)
from models.rules import made_up, made_up_rule, topics
from models.shelf import NOUNS, TEST_NOUNS, Phrases, Product, fact, purchase

IT = re.compile(r"\b(?:the|an?|un|el) it\b", re.IGNORECASE)
ASKED = 4  # asks of each scene's own kind
RULED = ("price", "stock", "transit", "location", "promotion", "age")


@dataclass(frozen=True, slots=True)
class Scene:
    """Sources and asks over them."""

    rows: tuple[Statement, ...]
    asks: tuple[tuple[str, Answer], ...]


def asks_of(one: Statement, *, held_out: bool) -> tuple[str, ...]:
    """Return a statement's asks of training or of the exam."""
    return one.held_out if held_out else one.asks


def two_sources(rng: random.Random, phrases: Phrases, *, held_out: bool) -> Scene:
    """Return a rule and a live fact about one thing, and asks that need both, one or neither."""
    bought = rng.random() < 0.5
    thing = _thing(rng, held_out=held_out)
    product = Product.make(rng, held_out=held_out, noun=thing)
    topic = rng.choice(tuple(BOUGHT)) if bought else rng.randrange(len(topics()))
    rule = made_up_rule(rng, topic, thing, held_out=held_out)
    live = (
        purchase(rng, product, held_out=held_out)
        if bought
        else fact(rng, phrases, rng.choice(RULED), product, held_out=held_out)
    )
    asked = [
        _bought(rng, product, topic, held_out=held_out)
        if bought
        else _joined(rng, product.noun, (rule, live), held_out=held_out)
        for _ in range(ASKED)
    ]
    around = _around(rng, phrases, product, thing, held_out=held_out, but=(topic, live.document))
    here = rng.choices(("both", "rule", "fact"), (0.7, 0.15, 0.15))[0]
    rows = [live] * (here != "rule") + around + [rule] * (here != "fact")
    rows = _as_ranked(rng, rows)
    places = [rows.index(s) for s in (live, rule) if s in rows]
    # With a purchase alone nothing says whether it may come back; a rule alone is still the rule.
    alone = None if bought and here == "fact" else places[0]
    answer: Answer = (min(places), max(places)) if here == "both" else alone
    single = [
        (rng.choice(asks_of(rows[p], held_out=held_out)), p) for p in places for _ in range(2)
    ]
    return Scene(tuple(rows), (*((a, answer) for a in asked), *single))


def comparison(rng: random.Random, phrases: Phrases, *, held_out: bool) -> Scene:
    """Return two sources of one kind about two things, and asks which of them is more."""
    of_rules = rng.random() < 0.5
    things = _two_things(rng, held_out=held_out)
    if of_rules:
        topic = rng.choice(tuple(MORE_OF))
        pair = [made_up_rule(rng, topic, t, held_out=held_out) for t in things]
        frames = COMPARE_RULES_HELD_OUT if held_out else COMPARE_RULES
        what, more = MORE_OF[topic]
        names = things
        asked = [
            rng.choice(frames).format(what=what, more=rng.choice(more), a=names[0], b=names[1])
            for _ in range(ASKED)
        ]
        products = [Product.make(rng, held_out=held_out, noun=t) for t in things]
    else:
        table = COMPARE_FACTS_HELD_OUT if held_out else COMPARE_FACTS
        family, topic = rng.choice(tuple(table)), -1
        products = [Product.make(rng, held_out=held_out) for _ in range(2)]
        pair = [fact(rng, phrases, family, p, held_out=held_out) for p in products]
        asked = [
            rng.choice(table[family]).format(a=products[0].short(rng), b=products[1].short(rng))
            for _ in range(ASKED)
        ]
    around = _around(
        rng, phrases, products[0], things[0], held_out=held_out, but=(topic, pair[0].document)
    )
    here = pair if rng.random() < 0.75 else pair[: rng.choice((0, 1, 1))]
    rows = _as_ranked(rng, [*here, *around] or pair[:1])
    places = sorted(rows.index(s) for s in here)
    answer: Answer = (places[0], places[1]) if len(places) == 2 else None
    single = [(rng.choice(asks_of(s, held_out=held_out)), rows.index(s)) for s in here[:1]]
    return Scene(tuple(rows), (*((a, answer) for a in asked), *single))


def follow_up(rng: random.Random, phrases: Phrases, *, held_out: bool) -> Scene:
    """Return asks as the store makes them standalone from a fragment and the ask before it."""
    topic = rng.randrange(len(topics()))
    first, second = _two_things(rng, held_out=held_out)
    rules = [made_up_rule(rng, topic, t, held_out=held_out) for t in (first, second)]
    product = Product.make(rng, held_out=held_out, noun=first)
    around = _around(rng, phrases, product, first, held_out=held_out, but=(topic, ""))
    is_here = rng.random() < 0.75
    rows = _as_ranked(rng, [rules[0], *([rules[1]] if is_here else []), *around])
    fragments = FRAGMENTS_HELD_OUT if held_out else FRAGMENTS
    asked: list[tuple[str, Answer]] = []
    for _ in range(ASKED):
        before = rng.choice(asks_of(rules[0], held_out=held_out))
        turn = Turn(before, "", topic=before)
        said = rng.choice(fragments).format(n=second)
        standalone, _, _ = resolve(said, [turn])
        asked.append((standalone, rows.index(rules[1]) if is_here else None))
    other = next((s for s in around if s.document.startswith("rule-")), None)
    if other is not None:
        # "is it …?" about the same thing, the question before it in brackets
        before = rng.choice(asks_of(rules[0], held_out=held_out))
        said = _it(rng.choice(asks_of(other, held_out=held_out)), first)
        standalone, _, _ = resolve(said, [Turn(before, "", topic=before)])
        asked.append((standalone, rows.index(other)))
    return Scene(tuple(rows), tuple(asked))


def spanish_scene(rng: random.Random, phrases: Phrases, *, held_out: bool) -> Scene:
    """Return English rules and facts, asked in Spanish, some of them not there."""
    thing = _thing(rng, held_out=held_out)
    product = Product.make(rng, held_out=held_out, noun=thing if rng.random() < 0.5 else "")
    rows = _around(rng, phrases, product, thing, held_out=held_out, but=(-1, ""), least=3)
    rng.shuffle(rows)
    cut = max(1, len(rows) - 2)
    asked: list[tuple[str, Answer]] = []
    for at, one in enumerate(rows):
        pool = one.spanish_held_out if held_out else one.spanish
        drawn = rng.sample(pool, min(len(pool), 2))
        asked += [(ask, at if at < cut else None) for ask in drawn]
    rng.shuffle(asked)
    return Scene(tuple(rows[:cut]), tuple(asked))


def stray(rng: random.Random, *, held_out: bool) -> str:
    """Return an ask that no book of a store answers, of any kind."""
    kinds = strays(held_out=held_out)
    return rng.choice(kinds[rng.choice(sorted(kinds))])


SCENES: dict[str, Callable[..., Scene]] = {
    "two-source": two_sources,
    "comparison": comparison,
    "follow-up": follow_up,
    "spanish": spanish_scene,
}


def _bought(rng: random.Random, product: Product, topic: int, *, held_out: bool) -> str:
    """Return an ask about what a customer bought."""
    frames = (BOUGHT_HELD_OUT if held_out else BOUGHT)[topic]
    days = rng.randint(1, 90)
    who = product.who if rng.random() < 0.3 else product.who.split()[0]
    return rng.choice(frames).format(
        n=product.noun if rng.random() < 0.7 else product.short(rng), who=who, days=days
    )


def _joined(
    rng: random.Random, thing: str, two: tuple[Statement, Statement], *, held_out: bool
) -> str:
    """Return the asks of a rule and of a fact in one; the rule's may say "it" and come second."""
    parts = [rng.choice(asks_of(s, held_out=held_out)) for s in two]
    if rng.random() < 0.4:
        parts[0] = _it(parts[0], thing)
    else:
        rng.shuffle(parts)
    joins = JOINS_HELD_OUT if held_out else JOINS
    first, second = (parts[1], parts[0]) if parts[0].count(" it") else parts
    return rng.choice(joins).format(a=first.rstrip("?"), b=second.rstrip("?"))


def _it(ask: str, thing: str) -> str:
    return IT.sub("it", ask.replace(thing, "it"))


def _thing(rng: random.Random, *, held_out: bool) -> str:
    if rng.random() < 0.4:
        return rng.choice(TEST_NOUNS if held_out else NOUNS)
    return made_up(rng, held_out=held_out)


def _two_things(rng: random.Random, *, held_out: bool) -> list[str]:
    things: list[str] = []
    while len(things) < 2:
        one = _thing(rng, held_out=held_out)
        if one not in things:
            things.append(one)
    return things


def _around(
    rng: random.Random,
    phrases: Phrases,
    product: Product,
    thing: str,
    *,
    held_out: bool,
    but: tuple[int, str],
    least: int = 0,
) -> list[Statement]:
    """Return other facts of the product and rules of the thing: near, and beside the point."""
    count = max(least, rng.choice((0, 1, 2, 3, 4, 5)))
    left = [t for t in range(len(topics())) if t != but[0]]
    drawn = rng.sample(left, min(len(left), count))
    families = [f for f in RULED if not but[1].startswith(f"{f}:")]
    rng.shuffle(families)
    found: list[Statement] = []
    for at in range(count):
        if rng.random() < 0.6 or not families:
            about = thing if rng.random() < 0.7 else made_up(rng, held_out=held_out)
            found.append(made_up_rule(rng, drawn[at], about, held_out=held_out))
        else:
            found.append(fact(rng, phrases, families.pop(), product, held_out=held_out))
    return found


def _as_ranked(rng: random.Random, rows: Sequence[Statement]) -> list[Statement]:
    """Return at most eight rows, live facts first as the store lays them, else at random."""
    found = list(rows)
    rng.shuffle(found)
    if rng.random() < 0.7:
        found.sort(key=lambda s: s.document.startswith("rule-"))
    return [replace(s) for s in found][:8]

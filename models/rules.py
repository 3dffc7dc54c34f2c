"""Made-up rules over made-up things: nothing to memorise, so matching words is all that helps.

Every statement has wordings of asks to train on and wordings kept for the test.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import ascii_lowercase

from models.handbook import Statement
from models.more import more_asks

DATA = Path(__file__).parent / "corpus" / "made_up.toml"
Topic = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]  # statements, asks, held out

GIBBERISH = 0.3  # share of training's names that are strewn letters: said again, never guessed
_TESTS = ("st", "qu", "gl", "z")  # first sounds of the test's names
_START = "b bl br c ch d dr f fl g gl gr h j k l m n p pl pr qu r s sh sk sl st t tr v w z"
_MIDDLE = "a e i o u ai ea oo ou ar er or"
_CLOSE = "b ck d ft g l ll m n nd nt p rk rm rn sh sk st t th x zz"
_REAL = """
    drill tv laptop blender grill tent bike sofa lamp heater freezer kettle drone scooter mattress
    printer camera speaker fan router mower ladder saw stroller crib helmet kayak trampoline rug
    bookcase desk fryer toaster dryer washer rifle sword guitar piano canoe sled
"""
_ADJECTIVES = """
    red blue small large cordless folding electric wooden outdoor garden kids heavy smart portable
    rental demo boxed frozen seasonal imported refurbished wireless steel plastic custom
"""


@cache
def topics() -> tuple[Topic, ...]:
    """Return what made-up rules are about."""
    table = tomllib.loads(DATA.read_text(encoding="utf-8"))["topic"]
    return tuple((tuple(t["statements"]), tuple(t["asks"]), tuple(t["held_out"])) for t in table)


def made_up(rng: random.Random, *, held_out: bool) -> str:
    """Return the name of a thing; names of the test are never names of training.

    Split by the first sound of the last word: "st", "qu", "gl" and "z" are the test's.
    """
    if not held_out and rng.random() < GIBBERISH:
        return _gibberish(rng)
    while True:
        word = "".join(rng.choice(p.split()) for p in (_START, _MIDDLE, _CLOSE))
        if rng.random() < 0.3:
            word += rng.choice(("er", "el", "o", "ix", "ump"))
        if word.startswith(_TESTS) == held_out:
            break
    if not held_out and rng.random() < 0.4:
        word = rng.choice(_REAL.split())
    return f"{rng.choice(_ADJECTIVES.split())} {word}" if rng.random() < 0.5 else word


def _gibberish(rng: random.Random) -> str:
    """Return one or two words of sounds and letters in any order, some said twice.

    A model that knows training's few syllables by heart cannot say a brand it never saw: it had the
    right source of 450 asks in 437, and lost the thread within a strange name in 14 of these.
    """
    words: list[str] = []
    while len(words) < rng.choice((1, 1, 2)):
        parts = [
            rng.choice(rng.choice((_START, _MIDDLE, _CLOSE, " ".join(ascii_lowercase))).split())
            for _ in range(rng.randint(2, 5))
        ]
        word = "".join(p * rng.choice((1, 1, 1, 2)) for p in parts)
        if not word.startswith(_TESTS):
            words.append(word)
    return " ".join(words)


def made_up_rules(rng: random.Random, *, held_out: bool, count: int) -> list[Statement]:
    """Return rules that share things and topics, so that both must be matched."""
    things = [made_up(rng, held_out=held_out) for _ in range(max(1, (count + 1) // 2))]
    known = topics()
    drawn = rng.sample(range(len(known)), max(1, min(len(known), (count + 2) // 2)))
    pairs = [(t, n) for t in drawn for n in things]
    rng.shuffle(pairs)
    return [made_up_rule(rng, t, thing, held_out=held_out) for t, thing in pairs[:count]]


def made_up_rule(rng: random.Random, topic: int, thing: str, *, held_out: bool) -> Statement:
    """Return a rule of one topic about one thing."""
    texts, asks, test = topics()[topic]
    more = more_asks().topics[topic]
    text = rng.choice(texts).format(n=thing, **values(rng, held_out=held_out))
    title = rng.choice((f"{thing} rules", f"all about the {thing}", "store rules", "new rules"))

    def filled(templates: Sequence[str]) -> tuple[str, ...]:
        return tuple(t.format(n=thing) for t in templates)

    return Statement(
        f"rule-{topic}-{thing}",
        title,
        text[0].upper() + text[1:],
        asks=filled((*asks, *more.english)),
        held_out=filled(test),
        spanish=filled(more.spanish),
        spanish_held_out=filled(more.spanish_held_out),
    )


def values(rng: random.Random, *, held_out: bool) -> dict[str, str]:
    """Return one printed value for each hole; the test's numbers are odd, training's even."""

    def number(low: int, high: int) -> int:
        return 2 * rng.randint(low // 2, high // 2) + held_out

    return {
        "days": f"{number(4, 90)} days",
        "hours": f"{number(2, 48)} hours",
        "years": f"{number(2, 10)} years",
        "pct": f"{number(2, 60)}%",
        "money": f"${number(4, 900)}" + rng.choice(("", ".50", ".99")),
        "age": str(number(12, 24)),
        "count": str(number(2, 20)),
        "aisle": f"aisle {number(2, 40)}",
        "time": f"{number(6, 21)}:{rng.choice(('00', '15', '30', '45'))}",
        "temp": f"{number(20, 60)} degrees",
    }

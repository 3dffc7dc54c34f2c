"""The exam: asks whose wordings, products and values were never trained on, and how they go."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from appliance.lanes.prompt import SlottedSource, slotted_sources
from models.asks import Material, made
from models.handbook import Statement
from models.kinds import SCENES
from models.more import strays

Odds = NDArray[np.float64]  # (sources + 1,): of each source, last of none; sums to at most 1


@dataclass(frozen=True, slots=True)
class Question:
    """One ask over its sources, as it is served; `right` is the source's place or None."""

    ask: str
    sources: tuple[SlottedSource, ...]
    right: int | None
    kind: str  # handbook | product | rule | stray | spoken, or one of the further kinds
    also: int | None = None  # the second place of an answer that needs two sources

    @property
    def wanted(self) -> tuple[int, ...]:
        """Return the places to be cited, in order; none when nothing answers."""
        return tuple(p for p in (self.right, self.also) if p is not None)


def handbook_questions(
    rng: random.Random, material: Material, count: int, *, absent: bool, spoken: bool = False
) -> list[Question]:
    """Return handbook asks with 1–8 sources as an embedder orders them.

    Args:
        rng: Chooses the asks and the number of sources.
        material: Its owners are the held-out asks.
        count: How many.
        absent: Take the answering sentence away, and nothing else.
        spoken: The hand-written held-out asks themselves; else asks of a sentence's own words,
            some of them replaced by synonyms, in held-out frames.
    """
    made_ = []
    for row in rng.sample(range(len(material.owners)), min(count, len(material.owners))):
        owner, ask = material.owners[row]
        n = rng.choice((1, 2, 3, 4, 5, 6, 8))
        order = [int(i) for i in material.orders[row] if not absent or i != owner][:n]
        if not absent and owner not in order:
            order[-1] = owner
        right = None if absent else order.index(owner)
        sources = [material.statements[i] for i in order]
        if not spoken:
            ask = _in_own_words(rng, material, material.statements[owner])
        kind = "spoken" if spoken else "handbook"
        made_.append(_question(ask, sources, right, kind))
    return made_


def _in_own_words(rng: random.Random, material: Material, one: Statement) -> str:
    spanish = one.language == "es"
    return material.wording.held_out_keywords(rng, one.text, one.title, spanish=spanish)


def made_questions(
    rng: random.Random, material: Material, kind: str, count: int, *, absent: bool
) -> list[Question]:
    """Return asks over made-up products or rules in held-out wordings, 1–8 sources."""
    questions: list[Question] = []
    while len(questions) < count:
        n = rng.choice((1, 2, 3, 4, 5, 6, 8))
        found = made(rng, material.phrases, kind, held_out=True, count=n + 1)
        rng.shuffle(found)
        target, others = found[0], found[1:]
        if absent:
            if others:
                ask = rng.choice(target.held_out)
                questions.append(_question(ask, others[:n], None, kind))
            continue
        rows = [target, *others[: n - 1]]
        if rng.random() < 0.4:  # the ranker's first place is not always right
            rng.shuffle(rows)
        ask = rng.choice(target.held_out)
        questions.append(_question(ask, rows, rows.index(target), kind))
    return questions


def stray_questions(rng: random.Random, material: Material, count: int) -> list[Question]:
    """Return asks that are none of the store's business, over handbook sentences."""
    asks = material.phrases.test["out_of_scope"]
    return [
        _question(rng.choice(asks), rng.sample(list(material.statements), 5), None, "stray")
        for _ in range(count)
    ]


def _question(ask: str, rows: Sequence[Statement], right: int | None, kind: str) -> Question:
    sources = slotted_sources([(s.document, s.title, s.text) for s in rows])
    return Question(ask, sources, right, kind)


def exam(rng: random.Random, material: Material, *, size: int) -> list[Question]:
    """Return `size` answerable and half as many unanswerable questions of all kinds."""
    third = size // 3
    return [
        *handbook_questions(rng, material, size - 2 * third, absent=False),
        *made_questions(rng, material, "product", third, absent=False),
        *made_questions(rng, material, "rule", third, absent=False),
        *handbook_questions(rng, material, third // 2, absent=True),
        *made_questions(rng, material, "product", third // 2, absent=True),
        *made_questions(rng, material, "rule", third // 3, absent=True),
        *stray_questions(rng, material, third // 6),
    ]


def spoken(rng: random.Random, material: Material, *, size: int) -> list[Question]:
    """Return `size` hand-written held-out handbook asks, and half as many whose answer is away.

    Harder than the exam, and reported apart: nothing but meaning joins many of them to the sentence
    that answers.
    """
    return [
        *handbook_questions(rng, material, size, absent=False, spoken=True),
        *handbook_questions(rng, material, size // 2, absent=True, spoken=True),
    ]


def further(rng: random.Random, material: Material, *, size: int) -> list[Question]:
    """Return `size` questions of each further kind, in held-out frames and wordings.

    Two sources, comparisons, follow-ups, Spanish over made-up rules and facts, Spanish over English
    handbook sentences, and asks of every kind that nothing answers.
    """
    drawn = [q for kind in SCENES for q in _scene_questions(rng, material, kind, size)]
    return drawn + _spanish_handbook(rng, material, size) + _strays(rng, material)


def _scene_questions(
    rng: random.Random, material: Material, kind: str, count: int
) -> list[Question]:
    questions: list[Question] = []
    while len(questions) < count:
        scene = SCENES[kind](rng, material.phrases, held_out=True)
        if scene.asks:
            ask, answer = scene.asks[0]
            right, also = answer if isinstance(answer, tuple) else (answer, None)
            questions.append(replace(_question(ask, scene.rows, right, kind), also=also))
    return questions


def _spanish_handbook(rng: random.Random, material: Material, count: int) -> list[Question]:
    """Return Spanish asks of English sentences; of every third the answer is away."""
    rows = [r for r, (i, _) in enumerate(material.owners) if _is_english(material.statements[i])]
    questions = []
    for number, row in enumerate(rng.sample(rows, min(count, len(rows)))):
        owner, _ = material.owners[row]
        n, absent = rng.choice((1, 2, 3, 4, 5, 6, 8)), number % 3 == 2
        order = [int(i) for i in material.orders[row] if not absent or i != owner][:n]
        if not absent and owner not in order:
            order[-1] = owner
        one = material.statements[owner]
        ask = material.wording.in_spanish(rng, one.text, one.title, held_out=True)
        sources = [material.statements[i] for i in order]
        right = None if absent else order.index(owner)
        questions.append(_question(ask, sources, right, "spanish handbook"))
    return questions


def _is_english(one: Statement) -> bool:
    return one.language == "en"


def _strays(rng: random.Random, material: Material) -> list[Question]:
    return [
        _question(ask, rng.sample(list(material.statements), 5), None, f"stray, {kind}")
        for kind, asks in strays(held_out=True).items()
        for ask in asks
    ]


def figures(
    questions: Sequence[Question], odds: Sequence[Odds], *, least: float = 0.0
) -> dict[str, float]:
    """Return shares of right choices by kind and number of sources, and how refusals go.

    Args:
        questions: The exam.
        odds: The model's for each question.
        least: A source whose probability is lower is not cited (the model then declines).
    """
    tally: dict[str, list[bool]] = defaultdict(list)
    for question, p in zip(questions, odds, strict=True):
        choice = chosen(p, least=least)
        hit = choice == question.right
        if question.right is None:
            tally["declined"].append(hit)
            tally[f"declined {question.kind}"].append(hit)
        else:
            tally["right"].append(hit)
            tally[f"right {question.kind}"].append(hit)
            tally[f"right of {len(question.sources)}"].append(hit)
            tally["falsely declined"].append(choice is None)
    return {k: float(np.mean(v)) for k, v in sorted(tally.items())}


def chosen(odds: Odds, *, least: float) -> int | None:
    """Return the cited source's place, or None: none is likelier than all, or too unsure."""
    best = int(np.argmax(odds))
    return None if best == len(odds) - 1 or odds[best] < least else best


Chooser = Callable[[Sequence[Question]], list[Odds]]

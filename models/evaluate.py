"""The exam on the model that ships: the quantized file, served by llama.cpp, whole answers."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from appliance.lanes.prompt import Written, build_prompt, read_answer
from appliance.ports import LanguageModel
from appliance.values import slots_of
from models.asks import Material
from models.exam import Question, exam, further, spoken
from models.parity import served

LEAST_FALSE_ANSWERS = 0.9  # share of unanswerable asks to be declined


@dataclass(frozen=True, slots=True)
class Sat:
    """One question and what the model wrote."""

    question: Question
    written: Written
    p: float  # probability of the first token: the citation, or none

    def cited(self, least: float) -> int | None:
        """Return the cited place; None: declined, or less sure than `least`."""
        return self.written.source if self.p >= least else None

    def is_right(self, least: float) -> bool:
        """Tell whether the source and every slot are right, or rightly nothing was said."""
        wanted = self.question.wanted
        if self.cited(least) is None:
            return not wanted
        if not self.has_right_source(least):
            return False
        text = " ".join(self.question.sources[place].text for place in wanted)
        return slots_of(self.written.text) == slots_of(text)

    def has_right_source(self, least: float) -> bool:
        """Tell whether what is cited is right; in a store the source's own words are said."""
        wrote = (self.written.source, self.written.also)
        is_it = wrote == (self.question.right, self.question.also)
        return self.cited(least) is not None and is_it


def sit(model: LanguageModel, questions: Sequence[Question]) -> list[Sat]:
    """Return every question with the model's greedy answer."""
    prompts = [build_prompt(model, ask=q.ask, sources=q.sources).tokens for q in questions]
    done = []
    for question, said in zip(questions, served(model, prompts), strict=True):
        written = read_answer(model, [t for t, _ in said], sources=question.sources)
        done.append(Sat(question, written, float(np.exp(said[0][1])) if said else 0.0))
    return done


def threshold(sat: Sequence[Sat]) -> float:
    """Return the least probability to cite at: the lowest that declines 90 % of what has no answer.

    Where no threshold under 0.95 does, the one that gets most questions right is returned.
    """
    grid = [round(x, 3) for x in np.arange(0.0, 0.951, 0.01)]
    absent = [s for s in sat if s.question.right is None]
    for least in grid:
        if np.mean([s.cited(least) is None for s in absent]) >= LEAST_FALSE_ANSWERS:
            return least
    return max(grid, key=lambda least: sum(s.is_right(least) for s in sat))


def report(sat: Sequence[Sat], *, least: float) -> dict[str, Any]:
    """Return the figures of an exam: shares, by kind and by number of sources, with counts."""
    tally: dict[str, list[bool]] = defaultdict(list)
    for one in sat:
        question, right = one.question, one.is_right(least)
        if question.right is None:
            tally["declined"].append(right)
            tally[f"declined: {question.kind}"].append(right)
            continue
        tally["right"].append(right)
        tally["right source"].append(one.has_right_source(least))
        tally[f"right: {question.kind}"].append(right)
        if question.also is not None:
            tally[f"right: {question.kind}, both needed"].append(right)
        tally[f"right of {len(question.sources)}"].append(right)
        tally["falsely declined"].append(one.cited(least) is None)
        if one.written.source is not None:
            tally["word for word"].append(one.written.is_copy)
        if one.cited(least) is not None:
            tally["right when cited"].append(right)
    shares = {k: round(float(np.mean(v)), 4) for k, v in sorted(tally.items())}
    return {
        "least": least,
        "shares": shares,
        "counts": {k: len(v) for k, v in sorted(tally.items())},
    }


def examine(
    model: LanguageModel,
    *,
    practice: Material,
    material: Material,
    size: int,
    seed: int,
    is_whole: bool = True,
) -> dict[str, Any]:
    """Calibrate on one set of held-out questions, then report on another, disjoint in its asks.

    Args:
        model: As served.
        practice: Held-out asks for the threshold.
        material: Held-out asks for the figures; none of them in `practice`.
        size: Answerable questions of the report; half as many more have no answer.
        seed: Of both draws.
        is_whole: Ask the hand-written and the further kinds too.
    """
    trial = sit(model, exam(_draw(seed + 1), practice, size=size // 2))
    least = threshold(trial)
    sat = sit(model, exam(_draw(seed), material, size=size))
    found = {
        "seed": seed,
        "calibrated": report(sat, least=least),
        "uncalibrated": report(sat, least=0.0),
        "validation": report(trial, least=least),
    }
    if not is_whole:
        return found
    heard = sit(model, spoken(_draw(seed + 5), material, size=size // 3))
    others = sit(model, further(_draw(seed + 6), material, size=size // 6))
    return found | {
        "spoken": report(heard, least=least),
        "spoken uncalibrated": report(heard, least=0.0),
        "further": report(others, least=least),
    }


def _draw(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret

"""The promise: of what the store answers itself, at most so much is wrong, with this confidence.

It covers asks drawn as the ones it was proven on were; what a store asks a year later is not
covered, which is why every release proves it anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from appliance.errors import BadInput

RISK = 0.02
CONFIDENCE = 0.95
# Tried in this order where RISK cannot be kept: what is the least that can be promised?
OTHER_RISKS = (0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2)
STEPS = 40  # thresholds proposed
STARTS = 2  # sequences of tests; each may err with a STARTS-th of what is allowed
APART = 1.5  # asks answered at a sequence's start, in those at the start before it
HALVINGS = 60  # of the interval [0, 1]: below a double's resolution


@dataclass(frozen=True, slots=True)
class Test:
    """One threshold as it was tested."""

    threshold: float
    answered: int
    wrong: int
    upper: float  # bound on the share wrong, at the confidence this test was made at


@dataclass(frozen=True, slots=True)
class Promise:
    """What may be said of every answer whose p is at least `threshold`.

    Attributes:
        risk: Share that may be wrong.
        confidence: That the share is not above `risk`.
        threshold: Least p of an answer the store gives itself; None when nothing can be promised.
        answered: Of the proving asks, how many it would have answered.
        wrong: How many of these were wrong.
        asks: Proving asks in all.
        upper: Clopper-Pearson bound on the share wrong, at the confidence it was tested at.
        tests: Every threshold that was tested, in order.
    """

    risk: float
    confidence: float
    threshold: float | None
    answered: int
    wrong: int
    asks: int
    upper: float
    tests: tuple[Test, ...]

    @property
    def coverage(self) -> float:
        """Share of the proving asks that the store answers itself."""
        return self.answered / self.asks if self.asks else 0.0

    def as_sentence(self) -> str:
        """Return the promise as a person reads it."""
        if self.threshold is None:
            return (
                f"Nothing can be promised: on {self.asks:,} asks no threshold keeps wrong answers"
                f" at or under {self.risk:.1%} with {self.confidence:.0%} confidence."
            )
        return (
            f"Of what the store answers itself at p ≥ {self.threshold:.3f}, at most {self.risk:.1%}"
            f" is wrong, at {self.confidence:.0%} confidence: {self.wrong} of {self.answered:,}"
            f" were, of {self.asks:,} asks ({self.coverage:.0%} answered)."
        )


def upper_bound(wrong: int, of: int, *, confidence: float) -> float:
    """Return the one-sided Clopper-Pearson upper bound on a share; 1.0 when nothing was seen.

    Source: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934): the largest share under which
    `wrong` or fewer are seen with probability 1 - confidence.
    """
    if wrong >= of:
        return 1.0
    low, high = wrong / of, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _at_most(wrong, of, middle) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high


def least_answers(risk: float, confidence: float) -> int:
    """Return how many answers, none of them wrong, prove a risk."""
    return math.ceil(math.log(1.0 - confidence) / math.log(1.0 - risk))


def propose(scores: Sequence[float], *, steps: int = STEPS) -> tuple[float, ...]:
    """Return thresholds to test, strictest first: quantiles of scores nothing is proven on."""
    if not len(scores):
        raise BadInput("No scores to propose thresholds from.", hint="Record outcomes first.")
    shares = (np.arange(steps) + 1.0) / steps
    return tuple(sorted({float(q) for q in np.quantile(scores, 1.0 - shares)}, reverse=True))


def prove(
    scores: Sequence[float],
    wrong: Sequence[bool],
    *,
    thresholds: Sequence[float],
    risk: float = RISK,
    confidence: float = CONFIDENCE,
    starts: int = STARTS,
) -> Promise:
    """Return the loosest threshold that keeps the risk, by tests that allow for the choosing.

    Fixed-sequence testing: thresholds are tested from strict to loose, each with a Clopper-Pearson
    bound, and a sequence ends at its first failure; so only one true hypothesis can be rejected
    wrongly, and no correction for the number of thresholds is needed. A single early failure would
    end all, so `starts` sequences begin at different places, each at a confidence of
    1 - (1 - confidence) / starts. Thresholds that answer too few asks to prove anything are passed
    over: how many asks are answered tells nothing of how many are wrong.
    Source: Angelopoulos et al., "Learn then Test" (2021), section 3 and its fixed-sequence tests.

    Args:
        scores: The p of each proving ask's answer.
        wrong: Whether that answer was wrong.
        thresholds: Proposed from other asks, strictest first; see `propose`.
        risk: Share that may be wrong.
        confidence: That the share is not above it.
        starts: Sequences of tests; with as many as thresholds each stands for itself.
    """
    p, is_wrong = np.asarray(scores, dtype=float), np.asarray(wrong, dtype=bool)
    each = 1.0 - (1.0 - confidence) / starts
    least = least_answers(risk, each)
    ladder = [t for t in thresholds if (p >= t).sum() >= least]
    taken = [int((p >= t).sum()) for t in ladder]
    begins = sorted(
        {next((i for i, n in enumerate(taken) if n >= least * APART**k), -1) for k in range(starts)}
        - {-1}
    )
    if starts >= len(thresholds):  # each its own sequence: few are tested, all are paid for
        begins = list(range(len(ladder)))
    tests: dict[int, Test] = {}
    kept: int | None = None
    for begin in begins:
        for place in range(begin, len(ladder)):
            if place not in tests:
                tests[place] = _test(p, is_wrong, ladder[place], confidence=each)
            if tests[place].upper > risk:
                break
            kept = place if kept is None else max(kept, place)
    best = tests[kept] if kept is not None else Test(1.0, 0, 0, 1.0)
    return Promise(
        risk=risk,
        confidence=confidence,
        threshold=best.threshold if kept is not None else None,
        answered=best.answered,
        wrong=best.wrong,
        asks=len(p),
        upper=best.upper,
        tests=tuple(tests[n] for n in sorted(tests)),
    )


def prove_least(
    scores: Sequence[float],
    wrong: Sequence[bool],
    *,
    thresholds: Sequence[float],
    risk: float = RISK,
    confidence: float = CONFIDENCE,
    others: Sequence[float] = OTHER_RISKS,
    starts: int = STARTS,
) -> tuple[Promise, Promise | None]:
    """Return what can be promised at `risk`, and, where nothing can, at the least other risk.

    `risk` was wished for beforehand and is tested at the whole confidence. The others are looked
    through for the least that passes, so each is tested as strictly as if all were wanted at once
    (Bonferroni): the confidence stated holds for whichever comes out.

    Args:
        scores: The p of each proving ask's answer.
        wrong: Whether that answer was wrong.
        thresholds: Proposed from other asks, strictest first.
        risk: Share that may be wrong.
        confidence: That the share is not above it.
        others: Risks to fall back on, least first.
        starts: Sequences of tests, as in `prove`.
    """
    known: dict[str, Any] = {"thresholds": thresholds, "starts": starts}
    wanted = prove(scores, wrong, risk=risk, confidence=confidence, **known)
    if wanted.threshold is not None:
        return wanted, None
    strict = 1.0 - (1.0 - confidence) / max(1, len(others))
    for other in others:
        found = prove(scores, wrong, risk=other, confidence=strict, **known)
        if found.threshold is not None:
            return wanted, replace(found, confidence=confidence)
    return wanted, None


def holds(promise: Promise, scores: Sequence[float], wrong: Sequence[bool]) -> dict[str, Any]:
    """Return what fresh asks say of a promise; `is_broken` when they refute it at its confidence.

    Asks that were used to choose or prove the threshold are not fresh.
    """
    if promise.threshold is None:
        return {"asks": len(scores), "answered": 0, "wrong": 0, "is_broken": False}
    p, is_wrong = np.asarray(scores, dtype=float), np.asarray(wrong, dtype=bool)
    answered = int((p >= promise.threshold).sum())
    found = int((is_wrong & (p >= promise.threshold)).sum())
    # Refuted: so many wrong would be seen with probability 1 - confidence at most, were it kept.
    seldom = 1.0 - _at_most(found - 1, answered, promise.risk) if found else 1.0
    return {
        "asks": len(p),
        "answered": answered,
        "wrong": found,
        "share_wrong": round(found / answered, 4) if answered else None,
        "is_broken": bool(seldom < 1.0 - promise.confidence),
    }


def _test(p: Any, is_wrong: Any, threshold: float, *, confidence: float) -> Test:
    taken = p >= threshold
    answered, wrong = int(taken.sum()), int(is_wrong[taken].sum())
    return Test(threshold, answered, wrong, upper_bound(wrong, answered, confidence=confidence))


def _at_most(wrong: int, of: int, share: float) -> float:
    """Return the probability of seeing `wrong` or fewer of `of`, each with chance `share`."""
    if share <= 0.0:
        return 1.0
    if share >= 1.0:
        return float(wrong >= of)
    one, none = math.log(share), math.log1p(-share)
    found = 0.0
    for n in range(wrong + 1):
        ways = math.lgamma(of + 1) - math.lgamma(n + 1) - math.lgamma(of - n + 1)
        found += math.exp(ways + n * one + (of - n) * none)
    return min(1.0, found)

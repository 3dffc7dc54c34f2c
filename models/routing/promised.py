"""What recorded outcomes let a release promise of the store's own answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.logistic import Logistic
from models.routing.lanes import LocalAnswers, best_local, halves, said_answers
from models.routing.outcome_file import Outcome
from models.routing.promise import CONFIDENCE, RISK, Promise, holds, propose, prove


def promises(
    outcomes: Sequence[Outcome],
    models: Mapping[str, Logistic],
    *,
    risk: float = RISK,
    confidence: float = CONFIDENCE,
) -> dict[str, dict[str, Any]]:
    """Return what can be promised, of the lane routing would choose and of what the ladder said.

    Thresholds are proposed from the half that fits and proven on the other.
    """
    fitting, proving = halves(outcomes)
    found = {}
    proposed, proven = best_local(fitting, models), best_local(proving, models)
    if proposed.is_told.any():
        found["routed"] = as_row(_proven(proposed, proven, risk=risk, confidence=confidence))
    if any(o.said for o in outcomes):
        found["said"] = as_row(said_promise(outcomes, risk=risk, confidence=confidence))
    return found


def said_promise(
    outcomes: Sequence[Outcome], *, risk: float = RISK, confidence: float = CONFIDENCE
) -> Promise:
    """Return what can be promised of what the store's ladder says: a release's promise.

    Raises:
        BadInput: The ladder said nothing of its own in the half that proposes thresholds.
    """
    fitting, proving = halves(outcomes)
    proposed = said_answers(fitting)
    return _proven(proposed, said_answers(proving), risk=risk, confidence=confidence)


def kept_on(promise: Promise, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what asks that chose and proved nothing say of a promise."""
    heard = said_answers(outcomes)
    return holds(promise, list(heard.p), list(~heard.right))


def as_row(promise: Promise) -> dict[str, Any]:
    """Return a promise as a release and a page carry it."""
    return {
        "risk": promise.risk,
        "confidence": promise.confidence,
        "threshold": promise.threshold,
        "answered": promise.answered,
        "wrong": promise.wrong,
        "asks": promise.asks,
        "coverage": round(promise.coverage, 4),
        "upper": round(promise.upper, 4),
        "tested": len(promise.tests),
        "sentence": promise.as_sentence(),
    }


def _proven(
    proposed: LocalAnswers, proven: LocalAnswers, *, risk: float, confidence: float
) -> Promise:
    thresholds = propose(list(proposed.p[proposed.is_told]))
    wrong = list(~proven.right)
    return prove(list(proven.p), wrong, thresholds=thresholds, risk=risk, confidence=confidence)

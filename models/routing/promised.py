"""What recorded outcomes let a release promise of the store's own answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.logistic import Logistic
from models.routing.lanes import LocalAnswers, best_local, halves, said_answers
from models.routing.outcome_file import NOT_OURS, Outcome
from models.routing.promise import CONFIDENCE, RISK, Promise, holds, propose, prove_least

# Thresholds chosen before anything was heard, strictest first.
THRESHOLDS = tuple(n / 200 for n in range(199, 79, -1))


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
        found["routed"] = as_row(*_proven(proposed, proven, risk=risk, confidence=confidence))
    if any(o.said for o in outcomes):
        found["said"] = as_row(*said_promise(outcomes, risk=risk, confidence=confidence))
    return found


def of_heard(
    heard: Sequence[Mapping[str, Any]], *, risk: float = RISK, confidence: float = CONFIDENCE
) -> dict[str, Any]:
    """Return what a whole store's answers let its release promise, as a row.

    Args:
        heard: Of each ask "lane", "p" and "right"; none of them calibrated anything.
        risk: Share that may be wrong.
        confidence: That the share is not above it.
    """
    said = [row for row in heard if row["lane"] not in NOT_OURS]
    p = [*(float(r["p"]) for r in said), *[-1.0] * (len(heard) - len(said))]
    wrong = [*(not r["right"] for r in said), *[False] * (len(heard) - len(said))]
    return as_row(*prove_least(p, wrong, thresholds=THRESHOLDS, risk=risk, confidence=confidence))


def said_promise(
    outcomes: Sequence[Outcome], *, risk: float = RISK, confidence: float = CONFIDENCE
) -> tuple[Promise, Promise | None]:
    """Return what can be promised of what the store's ladder says, else the least other risk.

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


def in_force(wanted: Promise, least: Promise | None) -> Promise:
    """Return the promise a release makes: the one wished for, else the least that can be made."""
    return wanted if wanted.threshold is not None or least is None else least


def as_row(wanted: Promise, least: Promise | None = None) -> dict[str, Any]:
    """Return a promise as a release and a page carry it; a lesser one says what was wished for."""
    promise = in_force(wanted, least)
    said = promise.as_sentence()
    if promise is not wanted:
        said = f"{said} At most {wanted.risk:.1%} was wished for and could not be proven."
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
        "wished": wanted.risk,
        "sentence": said,
    }


def _proven(
    proposed: LocalAnswers, proven: LocalAnswers, *, risk: float, confidence: float
) -> tuple[Promise, Promise | None]:
    thresholds = propose(list(proposed.p[proposed.is_told]))
    wrong = list(~proven.right)
    return prove_least(
        list(proven.p), wrong, thresholds=thresholds, risk=risk, confidence=confidence
    )

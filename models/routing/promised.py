"""What recorded outcomes let a release promise of the store's own answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from appliance.logistic import Logistic
from models.routing.lanes import LocalAnswers, best_local, halves, said_answers
from models.routing.outcome_file import Outcome
from models.routing.promise import CONFIDENCE, RISK, Promise, holds, propose, prove_least

# Round and few, chosen before anything was heard, strictest first: each is tested by itself, at a
# confidence that pays for all. Finer ones in sequence stop at the first strict one that, of so few
# answers, has two wrong.
THRESHOLDS = (0.95, 0.9, 0.8, 0.7, 0.5)


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


# What the store states by its own choice. A quote leaves that to a document's words and says so; it
# is promised apart, for its p rests on labels of which several sentences would do.
STATED = frozenset({"card", "lookup", "specialist"})
QUOTED = frozenset({"quote"})


def of_heard(
    heard: Sequence[Mapping[str, Any]], *, risk: float = RISK, confidence: float = CONFIDENCE
) -> dict[str, Any]:
    """Return what a whole store's answers let its release promise, as a row.

    Of what it states, and, under "quotes", of what it quotes: each at the whole confidence.

    Args:
        heard: Of each ask "lane", "p" and "right"; none of them calibrated anything.
        risk: Share that may be wrong.
        confidence: That the share is not above it.
    """
    rows = []
    for lanes, what in ((STATED, "states"), (QUOTED, "quotes")):
        p = [float(r["p"]) if r["lane"] in lanes else -1.0 for r in heard]
        wrong = [r["lane"] in lanes and not r["right"] for r in heard]
        made = prove_least(
            p, wrong, thresholds=THRESHOLDS, risk=risk, confidence=confidence,
            starts=len(THRESHOLDS),
        )  # fmt: skip
        row = as_row(*made) | {"lanes": sorted(lanes)}
        row["sentence"] = row["sentence"].replace("answers itself", f"{what} itself")
        rows.append(row)
    stated, quoted = rows
    sentence = f"{stated['sentence']} Quotes: {quoted['sentence']}"
    return stated | {"quotes": quoted, "sentence": sentence}


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


def kept_on(
    promise: Promise, outcomes: Sequence[Outcome], *, lanes: Collection[str] = ()
) -> dict[str, Any]:
    """Return what asks that chose and proved nothing say of a promise about `lanes`; (): all."""
    heard = said_answers(outcomes)
    ours = [not lanes or lane in lanes for lane in heard.lane]
    p = [float(x) if mine else -1.0 for x, mine in zip(heard.p, ours, strict=True)]
    return holds(promise, p, list(~heard.right))


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

"""Where the scope ends: the score under which a question is not the store's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.routing.curves import auroc

WANTED_ACCURACY = 0.95  # in scope: the right intent, and not turned away
WANTED_RECALL = 0.75  # of what is out of scope, that it is caught
TURNED_AWAY = 0.015  # share of the store's own asks, where no foreign ones tell more
FEWEST_FOREIGN = 20  # questions out of scope, under which they choose nothing
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What the views said of questions they were not trained on.

    Attributes:
        ours: (n,) scores of questions in scope.
        right: (n,) whether their intent was right.
        foreign: (m,) scores of questions out of scope; m may be 0.
    """

    ours: Floats
    right: Bools
    foreign: Floats


@dataclass(frozen=True, slots=True)
class Chosen:
    """A threshold, and the rule that chose it."""

    at: float
    rule: str


def choose(held_out: HeldOut, *, turned_away: float = TURNED_AWAY) -> Chosen:
    """Return the threshold under which a question is out of scope.

    With questions out of scope at hand: the one with most room, in standard errors, over both
    `WANTED_ACCURACY` and `WANTED_RECALL`, since what is at the brim of one is under it on other
    asks. Else, or where that accuracy is out of reach: the one that turns away `turned_away` of
    our own.
    """
    usual = float(np.quantile(held_out.ours, turned_away))
    rule = f"turns away {turned_away:.1%} of held-out questions in scope"
    if len(held_out.foreign) < FEWEST_FOREIGN:
        return Chosen(usual, rule)
    if float(held_out.right.mean()) < WANTED_ACCURACY:
        return Chosen(usual, f"{rule}: {WANTED_ACCURACY:.0%} accuracy is out of reach")
    best = max(np.unique(held_out.ours), key=lambda at: _room(held_out, float(at)))
    return Chosen(
        float(best),
        f"most room over {WANTED_ACCURACY:.0%} accuracy in scope and {WANTED_RECALL:.0%} recall"
        " out of scope",
    )


def measured(held_out: HeldOut, *, at: float) -> dict[str, Any]:
    """Return what a threshold does to these questions; None where there are none of a kind."""
    found: dict[str, Any] = {
        "in_scope": len(held_out.ours),
        "out_of_scope": len(held_out.foreign),
        "intent_accuracy": round(float(held_out.right.mean()), 4),
        "in_scope_accuracy": round(_accuracy(held_out, at), 4),
        "turned_away": round(float((held_out.ours < at).mean()), 4),
        "out_of_scope_recall": None,
        "auroc": None,
    }
    if len(held_out.foreign):
        both = np.concatenate([held_out.ours, held_out.foreign])
        truth = np.arange(len(both)) < len(held_out.ours)
        found["out_of_scope_recall"] = round(float((held_out.foreign < at).mean()), 4)
        found["auroc"] = round(auroc(both, truth) or 0.0, 4)
    return found


def trade(held_out: HeldOut) -> list[dict[str, float]]:
    """Return accuracy in scope and recall out of scope as the threshold moves, for a drawing."""
    if not len(held_out.foreign):
        return []
    return [
        {
            "threshold": float(t),
            "in_scope_accuracy": _accuracy(held_out, t),
            "out_of_scope_recall": float((held_out.foreign < t).mean()),
        }
        for t in np.quantile(held_out.foreign, np.linspace(0.3, 0.98, 35))
    ]


def _accuracy(held_out: HeldOut, at: float) -> float:
    return float((held_out.right & (held_out.ours >= at)).mean())


def _room(held_out: HeldOut, at: float) -> float:
    """Return by how many standard errors the nearer of the two wishes is exceeded."""
    recall = float((held_out.foreign < at).mean())
    return min(
        (found - wanted) / (wanted * (1 - wanted) / of) ** 0.5
        for found, wanted, of in (
            (_accuracy(held_out, at), WANTED_ACCURACY, len(held_out.ours)),
            (recall, WANTED_RECALL, len(held_out.foreign)),
        )
    )

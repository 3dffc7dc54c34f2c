"""What routing is worth on recorded outcomes: tables with intervals, drawings, and the promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.logistic import Logistic
from models.routing import curves, policies
from models.routing.bootstrap import intervals
from models.routing.lanes import LocalAnswers, best_local, feature_rows, fit_lanes, halves
from models.routing.outcome_file import Outcome, assumptions
from models.routing.policies import Paired
from models.routing.promised import promises

SLICE_AT = 30  # asks of a slice, under which it is not told
SEED = 2026
NEIGHBOURS = 15


@dataclass(frozen=True, slots=True)
class Material:
    """Asks that report, with every way of scoring the store's answer to them."""

    asks: Sequence[Outcome]
    local: LocalAnswers
    scores: Mapping[str, NDArray[np.float64]]  # router, knn, random

    @property
    def paired(self) -> NDArray[np.intp]:
        """Places of the asks whose cloud outcome is known."""
        return np.flatnonzero([o.cloud is not None for o in self.asks])

    def against_cloud(self, places: NDArray[Any]) -> Paired:
        """Return these asks, local against cloud, decided by the router."""
        clouds = [lane for i in places if (lane := self.asks[int(i)].cloud) is not None]
        return Paired(
            self.scores["router"][places],
            self.local.right[places],
            np.array([c.right for c in clouds], dtype=bool),
            np.array([c.cost or 1.0 for c in clouds], dtype=float),
        )


def router_report(
    outcomes: Sequence[Outcome],
    *,
    models: Mapping[str, Logistic] | None = None,
    draws: int = 1000,
    seed: int = SEED,
) -> dict[str, Any]:
    """Return the report on recorded outcomes: figures, slices, drawings and promises.

    One half of the asks fits the lanes, the neighbours and the thresholds that are proposed; all
    figures are of the other half.

    Args:
        outcomes: Recorded asks.
        models: The lanes' odds, where they are there already; else they are fitted.
        draws: Of the bootstrap; slices draw a third as often.
        seed: Of the bootstrap.

    Raises:
        BadInput: Too few outcomes, or no features.
    """
    fitting, reporting = halves(outcomes)
    odds = models or fit_lanes(fitting)
    material = _material(fitting, reporting, odds)
    everything = np.arange(len(reporting))
    threshold = _middle(best_local(fitting, odds).p)
    return {
        "asks": {"fitting": len(fitting), "reporting": len(reporting)},
        "lanes": assumptions(outcomes),
        "notes": notes(outcomes),
        "local": _local_figures(material, everything, draws=draws, seed=seed),
        "cloud": _cloud_figures(material, material.paired, draws=draws, seed=seed),
        "slices": {
            name: {
                "local": _local_figures(material, places, draws=draws // 3, seed=seed),
                "cloud": _cloud_figures(
                    material, np.intersect1d(places, material.paired), draws=draws // 3, seed=seed
                ),
            }
            for name, places in _slices(reporting).items()
        },
        "promises": promises(outcomes, odds),
        "drawings": _drawings(material, threshold=threshold),
    }


def notes(outcomes: Sequence[Outcome]) -> list[str]:
    """Return, in plain words, what of it was recorded and what was assumed."""
    said = []
    for lane, count in sorted(assumptions(outcomes).items()):
        if count["assumed"]:
            said.append(
                f"{lane}: {count['assumed']:,} outcomes are assumed, {count['recorded']:,}"
                " recorded; figures that use it are no measurement."
            )
        else:
            said.append(f"{lane}: {count['recorded']:,} outcomes, all recorded.")
    if not any(o.cloud for o in outcomes):
        said.append(
            "generalist: none recorded, so nothing is said of local against cloud (APGR, CPT,"
            " the cost-quality and cloud-down curves)."
        )
    return said


def _material(
    fitting: Sequence[Outcome],
    reporting: Sequence[Outcome],
    odds: Mapping[str, Logistic],
) -> Material:
    local, known = best_local(reporting, odds), best_local(fitting, odds)
    names = sorted({name for o in fitting for name in o.features})
    near = policies.nearest_score(
        feature_rows(reporting, names),
        known=feature_rows(fitting, names),
        right=known.right,
        k=NEIGHBOURS,
    )
    # One score for all is what chance comes to on average; a single draw of it once looked like
    # skill on 105 asks (AUROC 0.64).
    chance = np.full(len(reporting), 0.5)
    return Material(reporting, local, {"router": local.p, "knn": near, "random": chance})


def _local_figures(
    material: Material, places: NDArray[Any], *, draws: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Return, per way of scoring, how well it tells where the store is wrong."""
    right = material.local.right

    def of(score: NDArray[np.float64], drawn: NDArray[Any]) -> dict[str, float | None]:
        rows = places[drawn]
        p, is_right = score[rows], right[rows]
        found = {
            f"coverage_at_{risk:.0%}": curves.coverage_at(p, is_right, risk=risk)
            for risk in curves.RISKS
        }
        return {
            "right": float(is_right.mean()) if len(rows) else None,
            "auroc_local_is_wrong": curves.auroc(-p, ~is_right),
            "ece": curves.ece(np.clip(p, 0, 1), is_right),
            **found,
        }

    return {
        name: intervals(partial(of, score), asks=len(places), seed=seed, draws=draws)
        for name, score in material.scores.items()
    }


def _cloud_figures(
    material: Material, places: NDArray[Any], *, draws: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Return, per policy, what it recovers of the cloud's quality; empty with none recorded."""
    if not len(places):
        return {}
    asks = material.against_cloud(places)
    ways = {name: score[places] for name, score in material.scores.items()}
    ways["oracle"] = policies.oracle(asks)

    def of(score: NDArray[np.float64], drawn: NDArray[Any]) -> dict[str, float | None]:
        rows = asks.scored(score).take(drawn)
        prices = {
            f"cpt_{share:.0%}": policies.cpt(rows, recovered=share) for share in policies.RECOVERED
        }
        half = policies.quality_at(rows, 0.5)
        return {"apgr": policies.apgr(rows), **prices, "quality_at_half_cost": half}

    def always(right: NDArray[np.bool_], drawn: NDArray[Any]) -> dict[str, float | None]:
        return {"quality": float(right[drawn].mean())}

    n = len(places)
    found = {
        name: intervals(partial(of, score), asks=n, seed=seed, draws=draws)
        for name, score in ways.items()
    }
    for name, right in (("always_local", asks.local), ("always_cloud", asks.cloud)):
        found[name] = intervals(partial(always, right), asks=n, seed=seed, draws=draws)
    return found


def _slices(asks: Sequence[Outcome]) -> dict[str, NDArray[np.intp]]:
    found: dict[str, list[int]] = {}
    for place, one in enumerate(asks):
        for key, value in one.slices.items():
            found.setdefault(f"{key}={value}", []).append(place)
    return {name: np.array(at) for name, at in sorted(found.items()) if len(at) >= SLICE_AT}


def _drawings(material: Material, *, threshold: float) -> dict[str, Any]:
    """Return points to draw: plain numbers, no picture."""
    local, asks = material.local, material.asks
    best = [next((n for n in sorted(o.local) if o.lanes[n].right), "none") for o in asks]
    truth = [
        lane if is_right else other
        for lane, is_right, other in zip(local.lane, local.right, best, strict=True)
    ]
    found: dict[str, Any] = {
        "reliability": curves.reliability(np.clip(local.p, 0, 1), local.right),
        "risk_coverage": {
            name: curves.risk_coverage(score, local.right)
            for name, score in material.scores.items()
        },
        "confusion": curves.confusion(truth, [lane or "none" for lane in local.lane]),
    }
    if len(material.paired):
        paired = material.against_cloud(material.paired)
        ways = {name: score[material.paired] for name, score in material.scores.items()}
        ways["oracle"] = policies.oracle(paired)
        found["cost_quality"] = {n: policies.points(paired.scored(s)) for n, s in ways.items()}
        found["cloud_down"] = {
            "threshold": threshold,
            "points": policies.cloud_down(paired, threshold=threshold),
        }
    return found


def _middle(p: NDArray[np.float64]) -> float:
    """Return the threshold that sends half of the fitting asks to the cloud."""
    return float(np.median(p)) if len(p) else 0.5

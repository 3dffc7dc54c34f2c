"""How well a p is calibrated and what it buys: reliability, risk by coverage, AUROC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10
RISKS = (0.01, 0.02, 0.05)
POINTS = 51  # of a drawn curve
Floats = NDArray[np.float64]


def auroc(scores: Sequence[float] | Floats, truth: Sequence[bool] | NDArray[Any]) -> float | None:
    """Return the chance that a true one scores over a false one, ties half; None of one kind."""
    p, is_true = np.asarray(scores, dtype=float), np.asarray(truth, dtype=bool)
    ours, theirs = int(is_true.sum()), int((~is_true).sum())
    if not ours or not theirs:
        return None
    ranks = _ranks(p)
    return float((ranks[is_true].sum() - ours * (ours + 1) / 2) / (ours * theirs))


def ece(p: Sequence[float] | Floats, right: Sequence[bool] | NDArray[Any]) -> float:
    """Return the expected calibration error over `BINS` bins of equal width."""
    total = len(np.asarray(p))
    gaps = [b["count"] * abs(b["p"] - b["right"]) for b in reliability(p, right)]
    return float(sum(gaps) / total) if total else 0.0


def reliability(
    p: Sequence[float] | Floats, right: Sequence[bool] | NDArray[Any]
) -> list[dict[str, float]]:
    """Return, per bin that holds any, its range, mean p, share right and count."""
    found, is_right = np.asarray(p, dtype=float), np.asarray(right, dtype=float)
    bins = np.minimum((found * BINS).astype(int), BINS - 1)
    return [
        {
            "from": n / BINS,
            "to": (n + 1) / BINS,
            "p": float(found[bins == n].mean()),
            "right": float(is_right[bins == n].mean()),
            "count": int((bins == n).sum()),
        }
        for n in range(BINS)
        if (bins == n).any()
    ]


def risk_coverage(
    p: Sequence[float] | Floats, right: Sequence[bool] | NDArray[Any]
) -> list[dict[str, float]]:
    """Return points of coverage, risk and the threshold that gives them, surest first."""
    if not len(np.asarray(p)):
        return []
    order, coverage, risk = _by_sureness(p, right)
    places = np.unique(np.linspace(0, len(order) - 1, POINTS).astype(int))
    scores = np.asarray(p, dtype=float)[order]
    return [
        {"coverage": float(coverage[n]), "risk": float(risk[n]), "threshold": float(scores[n])}
        for n in places
    ]


def coverage_at(
    p: Sequence[float] | Floats, right: Sequence[bool] | NDArray[Any], *, risk: float
) -> float:
    """Return the largest share of asks that a threshold answers at or under a share wrong.

    It is read off these very asks: what can be promised of others is `promise.prove`'s.
    """
    scores = np.asarray(p, dtype=float)
    if not len(scores):
        return 0.0
    order, coverage, found = _by_sureness(scores, right)
    # Asks of one p stand or fall together: only the last of them is a threshold.
    last = np.append(scores[order][1:] != scores[order][:-1], True)
    kept = coverage[last & (found <= risk)]
    return float(kept.max()) if len(kept) else 0.0


def confusion(truth: Sequence[str], said: Sequence[str], *, most: int = 20) -> dict[str, Any]:
    """Return the table of truth by said; of many names, those most often confused.

    The names left out are one column and row, `other`.
    """
    pairs = list(zip(truth, said, strict=True))
    names = sorted({n for pair in pairs for n in pair})
    if len(names) > most:
        wrong = {n: sum(t != s and n in {t, s} for t, s in pairs) for n in names}
        kept = sorted(names, key=lambda n: (-wrong[n], n))[: most - 1]
        names = [*sorted(kept), "other"]
    at = {n: i for i, n in enumerate(names)}
    other = at.get("other", -1)
    table = np.zeros((len(names), len(names)), dtype=int)
    for was, is_said in pairs:
        table[at.get(was, other), at.get(is_said, other)] += 1
    return {"names": names, "counts": table.tolist()}


def _by_sureness(p: Any, right: Any) -> tuple[NDArray[Any], Floats, Floats]:
    scores, is_wrong = np.asarray(p, dtype=float), ~np.asarray(right, dtype=bool)
    order = np.argsort(-scores, kind="stable")
    taken = np.arange(1, len(order) + 1)
    return order, taken / len(order), np.cumsum(is_wrong[order]) / taken


def _ranks(values: Floats) -> Floats:
    """Return ranks from 1, those of equal values averaged."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    return np.asarray((ends - (count - 1) / 2)[place], dtype=float)

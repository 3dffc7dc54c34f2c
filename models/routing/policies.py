"""Local or cloud: what each way of deciding gives for what it costs, beside the simple ways.

A policy is a score: asks are sent to the cloud from the lowest score up. Quality is the share of
right answers, cost the share of the cloud's whole cost that is spent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RECOVERED = (0.5, 0.8)  # shares of the gap whose price is told (CPT)
POINTS = 51
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Paired:
    """Asks with what was right in the store, and in the cloud; all of one length."""

    score: Floats  # p that the local answer is right
    local: NDArray[np.bool_]
    cloud: NDArray[np.bool_]
    cost: Floats  # of asking the cloud

    def take(self, rows: NDArray[Any]) -> Paired:
        """Return these rows of it."""
        return Paired(self.score[rows], self.local[rows], self.cloud[rows], self.cost[rows])

    def scored(self, score: Floats) -> Paired:
        """Return the same asks decided by another score."""
        return Paired(np.asarray(score, dtype=float), self.local, self.cloud, self.cost)


def curve(asks: Paired) -> tuple[Floats, Floats]:
    """Return cost in [0, 1] and quality, both (n + 1,), from always local to always cloud.

    Asks of equal score are sent in parts: the line between their ends, as chance would give.
    """
    n = len(asks.score)
    order = np.argsort(asks.score, kind="stable")
    gain = asks.cloud[order].astype(float) - asks.local[order].astype(float)
    spent = asks.cost[order] / max(float(asks.cost.sum()), 1e-12)
    score = asks.score[order]
    ends = np.append(np.flatnonzero(score[1:] != score[:-1]) + 1, n) if n else np.array([], int)
    places = np.concatenate([[0], ends])
    cost = np.concatenate([[0.0], np.cumsum(spent)])[places]
    quality = asks.local.mean() + np.concatenate([[0.0], np.cumsum(gain)])[places] / n
    return cost, quality


def quality_at(asks: Paired, cost: float) -> float:
    """Return the quality when `cost`, a share of the cloud's whole cost, is spent."""
    return float(np.interp(cost, *curve(asks)))


def apgr(asks: Paired) -> float | None:
    """Return the average share of the gap between local and cloud that is recovered.

    1 is the cloud's quality at no cost, 0 the store's own; a random choice has 0.5. None where
    the cloud is no better than the store.
    Source: I. Ong et al., "RouteLLM" (2024), section 2.
    """
    low, gap = _gap(asks)
    if gap <= 0:
        return None
    cost, quality = curve(asks)
    area = float(np.sum((cost[1:] - cost[:-1]) * (quality[1:] + quality[:-1]) / 2))
    return (area - low) / gap


def cpt(asks: Paired, *, recovered: float) -> float | None:
    """Return the least share of the cloud's cost that recovers this share of the gap (CPT)."""
    low, gap = _gap(asks)
    if gap <= 0:
        return None
    cost, quality = curve(asks)
    wanted = low + recovered * gap
    reached = np.flatnonzero(quality >= wanted - 1e-12)
    if not len(reached):
        return 1.0
    at = int(reached[0])
    if at == 0 or quality[at] == quality[at - 1]:
        return float(cost[at])
    share = (wanted - quality[at - 1]) / (quality[at] - quality[at - 1])
    return float(cost[at - 1] + max(0.0, share) * (cost[at] - cost[at - 1]))


def oracle(asks: Paired) -> Floats:
    """Return the score that knows: first to the cloud goes what only the cloud has right."""
    gain = asks.cloud.astype(float) - asks.local.astype(float)
    return -gain


def points(asks: Paired) -> list[dict[str, float]]:
    """Return `POINTS` points of the cost-quality curve."""
    cost, quality = curve(asks)
    return [
        {"cost": float(c), "quality": float(np.interp(c, cost, quality))}
        for c in np.linspace(0.0, 1.0, POINTS)
    ]


def cloud_down(asks: Paired, *, threshold: float) -> list[dict[str, float]]:
    """Return what becomes of asks by the share of them that meet a line that is down.

    At or over `threshold` the store answers; under it the cloud does, and where the line is down
    the ask is kept for later: told as `held`, neither right nor wrong.
    """
    ours = asks.score >= threshold
    local_right = float((ours & asks.local).mean())
    local_wrong = float((ours & ~asks.local).mean())
    cloud_right = float((~ours & asks.cloud).mean())
    cloud_wrong = float((~ours & ~asks.cloud).mean())
    return [
        {
            "down": float(down),
            "right": local_right + (1 - down) * cloud_right,
            "wrong": local_wrong + (1 - down) * cloud_wrong,
            "held": down * (cloud_right + cloud_wrong),
        }
        for down in np.linspace(0.0, 1.0, 11)
    ]


def nearest_score(rows: Floats, *, known: Floats, right: NDArray[np.bool_], k: int = 15) -> Floats:
    """Return, per row, the share of its `k` nearest known asks that were right (the kNN router).

    Args:
        rows: (n, features) to score.
        known: (m, features) of recorded asks.
        right: (m,) whether the local answer was right.
        k: Neighbours; at most m are taken.
    """
    scale = known.std(axis=0)
    scale[scale == 0] = 1.0
    ours, theirs = rows / scale, known / scale
    far = (ours**2).sum(1)[:, None] - 2 * ours @ theirs.T + (theirs**2).sum(1)[None, :]
    near = np.argsort(far, axis=1, kind="stable")[:, : min(k, len(known))]
    return np.asarray(right[near].mean(axis=1), dtype=float)


def _gap(asks: Paired) -> tuple[float, float]:
    low = float(asks.local.mean())
    return low, float(asks.cloud.mean()) - low

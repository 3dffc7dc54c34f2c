"""Made worlds of outcomes whose truth is known; the cloud's is a stated stand-in, and says so."""

from __future__ import annotations

import numpy as np

from models.routing.outcome_file import LaneOutcome, Outcome, Said

CLOUD_RIGHT = 0.92  # the stand-in policy: right so often, whatever is asked


def a_world(
    asks: int, *, seed: int = 1, with_cloud: bool = True, lucid: float = 6.0
) -> list[Outcome]:
    """Return asks whose specialist is the righter the larger its feature, and a flat quote.

    Args:
        asks: How many.
        seed: Of the drawing.
        with_cloud: With the stand-in for the generalist.
        lucid: How steeply right follows the feature; 0 tells nothing.
    """
    chance, made = np.random.default_rng(seed), []
    for n in range(asks):
        hint = float(chance.random())
        p = 1 / (1 + np.exp(-lucid * (hint - 0.4)))
        right = bool(chance.random() < p)
        lanes = {
            "specialist": LaneOutcome(right=right, p=p),
            "quote": LaneOutcome(right=bool(chance.random() < 0.3), p=0.3),
        }
        if with_cloud:
            cloud = bool(chance.random() < CLOUD_RIGHT)
            lanes["generalist"] = LaneOutcome(right=cloud, cost=1.0, assumed=True)
        made.append(
            Outcome(
                f"{seed}-{n}",
                f"ask {seed} {n}",
                lanes,
                {"hint": hint, "noise": float(chance.random())},
                {"language": "es" if n % 3 == 0 else "en"},
                Said("specialist", float(p)),
            )
        )
    return made

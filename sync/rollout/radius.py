"""Many simulated runs of each kind of bad release, told as medians and worsts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from appliance.errors import BadInput
from sync.rollout.plan import Plan, Ring, Step
from sync.rollout.simulate import Outcome, simulate
from sync.rollout.world import Fault, Setting

MOST_RUNS = 1_000
# Sixteen hundred stores: headquarters' own few first, a pilot somebody looks at, then all in steps.
EXAMPLE = Plan(
    "new-release",
    2,
    (
        Ring(
            "lab",
            (Step(100, success=1.0, fail_count=1, soak_s=3600.0, deadline_s=4 * 3600.0),),
            splay_s=60.0,
        ),
        # A day: what is subtly wrong shows in some thousand asks, and eighty stores have 2,500.
        Ring("pilot", (Step(100, soak_s=86_400.0, check=True),), approval=True),
        Ring(
            "all",
            (Step(5, soak_s=2 * 3600.0), Step(25, soak_s=2 * 3600.0), Step(100)),
            splay_s=1800.0,
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over many runs."""

    median: float
    worst: float


@dataclass(frozen=True, slots=True)
class Radius:
    """How one kind of release fared over many runs."""

    fault: Fault
    runs: int
    halted: int
    hours: Spread  # from the start until it halted, or ended
    ran: Spread  # stores on which it was live
    hurt: Spread  # stores where its fault showed
    hurt_hours: Spread  # store-hours with the fault
    reached: str  # where it ended most often
    why: str  # of the first run


def measure(
    plan: Plan,
    faults: Sequence[Fault],
    setting: Setting,
    *,
    sizes: list[int],
    runs: int,
    seed: int,
    told: Callable[[Fault, int], None] = lambda _fault, _run: None,
) -> list[Radius]:
    """Return how each kind of release fares; the same for the same seed.

    Raises:
        BadInput: So many runs, or so many stores, cannot be meant.
    """
    if not 1 <= runs <= MOST_RUNS:
        raise BadInput(f"--runs is {runs}; it is 1 to {MOST_RUNS}.", hint="--runs 20")
    if sum(sizes) < 1 or min(sizes) < 0 or len(sizes) != len(plan.rings):
        raise BadInput(
            f"{len(plan.rings)} rings of {sizes} stores cannot be simulated.",
            hint="Give --stores N, or --sizes 8,80,1512: one number a ring.",
        )
    found = []
    for fault in faults:
        outcomes = []
        for run in range(runs):
            outcomes.append(simulate(plan, fault, setting, seed=seed * 10_007 + run, sizes=sizes))
            told(fault, run)
        found.append(_radius(fault, outcomes))
    return found


def _radius(fault: Fault, outcomes: Sequence[Outcome]) -> Radius:
    return Radius(
        fault=fault,
        runs=len(outcomes),
        halted=sum(o.ended == "halted" for o in outcomes),
        hours=_spread([o.hours for o in outcomes]),
        ran=_spread([o.ran for o in outcomes]),
        hurt=_spread([o.hurt for o in outcomes]),
        hurt_hours=_spread([o.hurt_hours for o in outcomes]),
        reached=Counter(o.reached for o in outcomes).most_common(1)[0][0],
        why=outcomes[0].why,
    )


def _spread(values: Sequence[float]) -> Spread:
    return Spread(float(median(values)), float(max(values)))

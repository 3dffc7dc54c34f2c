"""Simulated stores: how a release fares on each of them, drawn once from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sync.rollout.plan import Plan
from sync.trust.ring import draw
from sync.wire import SwitchState

NEVER = math.inf


class Fault(StrEnum):
    """Kinds of bad release."""

    NONE = "none"  # a good one
    CRASH = "crashes at once"
    REHEARSAL = "fails rehearsal"
    SLOW = "slow"
    LATE = "subtly wrong after an hour"
    DIES = "takes the machine down"


@dataclass(frozen=True, slots=True)
class Setting:
    """What the stores are like; seconds and shares."""

    stores: int = 1600
    affected: float = 0.5  # share of stores on which the fault shows
    offline: float = 0.05  # share that is offline when the rollout begins
    longest_offline_s: float = 72 * 3600.0
    unlucky: float = 0.002  # share on which any release fails: a full disk, a bad memory bank
    poll_s: float = 60.0  # at most, until a store looks at its pointer
    download_s: float = 300.0  # median
    rehearsal_s: float = 120.0
    probation_s: float = 1800.0
    asks_a_day: float = 50_000.0  # of all stores
    tick_s: float = 120.0  # between the engine's looks
    person_s: float = 1800.0  # until somebody approves, or has looked at a check
    back_s: float = 3600.0  # after a halt, until the stores still on it are taken back
    longest_s: float = 6 * 86_400.0
    late_s: float = 3600.0  # after going live, until a subtle fault shows
    slow: float = 2.5  # times slower
    downs: tuple[float, float] = (0.015, 0.10)  # share called wrong: well, and ill
    errors: tuple[float, float] = (0.01, 0.05)


@dataclass(frozen=True, slots=True)
class Life:
    """A store's draws; the same seed draws the same lives, whatever the plan."""

    store: str
    ring: str
    place: float
    is_affected: bool
    is_unlucky: bool
    online_at: float  # seconds after the rollout's start
    begins_share: float  # of the ring's splay
    looks_s: float
    download_s: float
    rehearsal_s: float
    crashes_s: float  # after going live
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Course:
    """What a store goes through once it is chosen: instants in order, and its life on it."""

    steps: tuple[tuple[float, SwitchState], ...]
    live_at: float  # NEVER: it never ran
    ends_at: float  # it went back, or died; NEVER: it stays
    dies: bool = False


def lives(plan: Plan, setting: Setting, *, salt: str, sizes: Sequence[int]) -> list[Life]:
    """Return the stores of a seed, in rings of the given sizes."""
    luck = random.Random(salt)  # noqa: S311 - a simulation, to be the same again
    drawn = []
    for number, ring in enumerate(_rings(plan, sizes), start=1):
        store = f"{number:04}"
        is_offline = luck.random() < setting.offline
        away_s = luck.uniform(3600.0, setting.longest_offline_s)
        life = Life(
            store=store,
            ring=ring,
            place=draw(salt, store),
            is_affected=luck.random() < setting.affected,
            is_unlucky=luck.random() < setting.unlucky,
            online_at=away_s if is_offline else 0.0,
            begins_share=luck.random(),
            looks_s=luck.uniform(0.0, setting.poll_s),
            download_s=setting.download_s * luck.lognormvariate(0.0, 0.7),
            rehearsal_s=setting.rehearsal_s * luck.uniform(0.5, 1.5),
            crashes_s=luck.uniform(30.0, 300.0),
            p95_ms=900.0 * luck.lognormvariate(0.0, 0.25),
        )
        drawn.append(life)
    return drawn


def course(
    life: Life, fault: Fault, setting: Setting, *, chosen_at: float, splay_s: float
) -> Course:
    """Return what a store goes through that was chosen at an instant."""
    is_ill = life.is_affected
    begins = max(chosen_at, life.online_at) + life.looks_s + life.begins_share * splay_s
    verified = begins + life.download_s
    rehearsed = verified + life.rehearsal_s
    steps = [(begins, SwitchState.DOWNLOADING), (verified, SwitchState.VERIFIED)]
    if life.is_unlucky or (is_ill and fault is Fault.REHEARSAL):
        return Course((*steps, (rehearsed, SwitchState.REFUSED)), NEVER, NEVER)
    steps.append((rehearsed, SwitchState.PROBATION))
    if is_ill and fault is Fault.DIES:
        return Course(tuple(steps), rehearsed, NEVER, dies=True)
    if is_ill and fault is Fault.CRASH:
        back = rehearsed + life.crashes_s
        return Course((*steps, (back, SwitchState.BACK)), rehearsed, back)
    settled = rehearsed + setting.probation_s
    return Course((*steps, (settled, SwitchState.SETTLED)), rehearsed, NEVER)


def ring_sizes(plan: Plan, stores: int) -> list[int]:
    """Return how many stores each ring has where nobody says: few first, the rest last."""
    shares = [min(0.2, 0.005 * 10**number) for number in range(len(plan.rings) - 1)]
    first = [max(1, round(stores * share)) for share in shares]
    return [*first, max(0, stores - sum(first))]


def _rings(plan: Plan, sizes: Sequence[int]) -> Iterator[str]:
    for ring, size in zip(plan.rings, sizes, strict=True):
        yield from [ring.ring] * size

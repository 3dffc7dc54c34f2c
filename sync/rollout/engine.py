"""Rollout's thinking: plan, log, stores and time in; what to do next, and why, out.

It opens no file, socket, clock or database. The same input gives the same decision, so a decision
can be made again by whoever takes over, and a simulator runs the very engine that the hub runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sync.rollout import fates
from sync.rollout.events import Event, Progress, Status, progress
from sync.rollout.fates import StoreView, Tally
from sync.rollout.plan import Plan, Ring
from sync.rollout.quality import Halves, worse


class Action(StrEnum):
    """What is to be done."""

    ADVANCE = "advance"  # sign `ring`'s pointer with `percent`, write it down first
    WAIT = "wait"
    PAUSE = "pause"  # until a person's word
    HALT = "halt"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done, and why, in words for operations."""

    action: Action
    why: str
    ring: str = ""
    step: int = -1
    percent: float = 0.0
    until: datetime | None = None  # of a wait, where it is known
    waits_for_approval: bool = False  # of `ring`, by a second person


def decide(
    plan: Plan,
    events: Sequence[Event],
    stores: Sequence[StoreView],
    *,
    now: datetime,
    quality: Halves = Halves(),  # noqa: B008 - frozen
) -> Decision:
    """Return the next thing to do.

    Args:
        plan: What was planned.
        events: All that was decided, oldest first.
        stores: Every store of the plan's rings; those of others are passed over.
        now: The hub's clock.
        quality: What stores told of the new release and of others.
    """
    stands = progress(plan, events)
    if stands.status is Status.HALTED:
        return Decision(Action.HALT, stands.why)
    found = tallies(plan, stands, stores, now)
    stop = _failing(plan, stands, found) or worse(quality, plan.quality)
    if stop and stands.reached:
        return Decision(Action.HALT, stop)
    if stands.status is Status.DONE:
        return Decision(Action.DONE, stands.why)
    if stands.status is Status.PAUSED:
        return Decision(Action.PAUSE, stands.why)
    if stands.ring < 0:
        return _begin(stands, plan.rings[0])
    return _go_on(plan, stands, found, now)


def tallies(
    plan: Plan, stands: Progress, stores: Sequence[StoreView], now: datetime
) -> dict[str, Tally]:
    """Return the fates of the stores chosen so far, by ring; only rings that were begun."""
    return {
        ring.ring: fates.tally(plan, ring, stands.reached[ring.ring], stores, now)
        for ring in plan.rings
        if ring.ring in stands.reached
    }


def _failing(plan: Plan, stands: Progress, found: dict[str, Tally]) -> str:
    """Return why failures halt the rollout; '' when they do not.

    Every ring begun is looked at, not only the last: a store that settled and went back an hour
    later is a failure of its ring. So are all together, under the limits of the step at work.
    """
    for ring in plan.rings:
        at = stands.at_step(ring.ring)
        if at is not None and fates.is_failing(ring.steps[at.step], found[ring.ring]):
            return _told(f"ring {ring.ring}", found[ring.ring])
    if stands.ring >= 0:
        ring = plan.rings[stands.ring]
        at = stands.at_step(ring.ring)
        whole = fates.added(found.values())
        if at is not None and fates.is_failing(ring.steps[at.step], whole):
            return _told("all rings", whole)
    return ""


def _go_on(plan: Plan, stands: Progress, found: dict[str, Tally], now: datetime) -> Decision:
    """Return what follows the step at work: a wait, a pause, the next step, the next ring."""
    ring = plan.rings[stands.ring]
    at = stands.at_step(ring.ring)
    assert at is not None
    is_accepted = (ring.ring, at.step) in stands.accepted
    step = ring.steps[at.step]
    held = None if is_accepted else _held(ring, at.step, at.at, found[ring.ring], now)
    if held is not None:
        return held
    if step.check and not is_accepted:
        why = f"ring {ring.ring} is well at {at.percent:g} %: look at its answers, then say go on"
        return Decision(Action.PAUSE, why, ring.ring, at.step, at.percent)
    if at.step + 1 < len(ring.steps):
        return _advance(ring, at.step + 1, _told(f"ring {ring.ring}", found[ring.ring]))
    if stands.ring + 1 < len(plan.rings):
        return _begin(stands, plan.rings[stands.ring + 1])
    return _watch(plan, stands, found, now)


def _held(ring: Ring, number: int, at: datetime, found: Tally, now: datetime) -> Decision | None:
    """Return what the step at work still waits for; None when it is good enough."""
    step = ring.steps[number]
    need = fates.needed(step, found)
    told = _told(f"ring {ring.ring} at {step.percent:g} %", found)
    if fates.is_stuck(step, found):
        why = f"{told}; {need} must settle and too many failed: look, then say go on or halt"
        return Decision(Action.PAUSE, why, ring.ring, number, step.percent)
    if found.settled < need:
        return Decision(Action.WAIT, f"{told}; {need} must settle")
    # Since when enough of them have settled: the instant of the one that made it enough.
    enough_at = max(at, found.settled_at[need - 1]) if need else at
    # A ring without stores, or with none in reach, has nothing that could soak.
    soaked_at = enough_at + timedelta(seconds=step.soak_s if found.in_reach else 0.0)
    if now < soaked_at:
        why = f"{told}; soaks until {soaked_at:%Y-%m-%d %H:%M:%S} UTC"
        return Decision(Action.WAIT, why, until=soaked_at)
    return None


def _begin(stands: Progress, ring: Ring) -> Decision:
    if ring.approval and ring.ring not in stands.approved:
        why = f"ring {ring.ring} waits for approval by somebody other than {stands.started_by}"
        return Decision(Action.WAIT, why, ring.ring, waits_for_approval=True)
    return _advance(ring, 0, f"ring {ring.ring} begins")


def _advance(ring: Ring, number: int, why: str) -> Decision:
    return Decision(Action.ADVANCE, why, ring.ring, number, ring.steps[number].percent)


def _watch(plan: Plan, stands: Progress, found: dict[str, Tally], now: datetime) -> Decision:
    last = stands.at_step(plan.rings[-1].ring)
    assert last is not None
    until = last.at + timedelta(seconds=plan.watch_s)
    told = _told("all rings", fates.added(found.values()))
    if now < until:
        why = f"{told}; watched until {until:%Y-%m-%d %H:%M:%S} UTC"
        return Decision(Action.WAIT, why, until=until)
    return Decision(Action.DONE, told)


def _told(where: str, found: Tally) -> str:
    parts = [f"{found.settled} of {found.chosen} settled"]
    parts += [f"{found.failed} failed"] if found.failed else []
    parts += [f"{found.under_way} under way"] if found.under_way else []
    parts += [f"{found.owed} owed"] if found.owed else []
    whys = f" ({'; '.join(found.whys)})" if found.whys else ""
    return f"{where}: {', '.join(parts)}{whys}"

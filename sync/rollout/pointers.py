"""What a rollout's log wants of each ring's pointer; pure, so that signing twice is harmless."""

from __future__ import annotations

from datetime import timedelta

from sync.rollout.events import Progress, Reached, Status
from sync.rollout.plan import Plan, Ring
from sync.trust.ring import RingPointer


def wanted(plan: Plan, stands: Progress, *, salt: str) -> tuple[RingPointer, ...]:
    """Return the pointers of the rings begun, in the plan's order.

    A halt and a person's pause stop every ring. A pause of the engine's own, for a check, lets what
    was chosen so far go on: owed stores still get the release when they return.
    """
    is_stopped = stands.status is Status.HALTED or (
        stands.status is Status.PAUSED and stands.paused_at is None
    )
    return tuple(
        _pointer(plan, ring, stands.reached[ring.ring][-1], salt=salt, is_stopped=is_stopped)
        for ring in plan.rings
        if ring.ring in stands.reached
    )


def _pointer(
    plan: Plan, ring: Ring, reached: Reached, *, salt: str, is_stopped: bool
) -> RingPointer:
    deadline = timedelta(seconds=ring.steps[reached.step].deadline_s)
    return RingPointer(
        ring=ring.ring,
        release=plan.release,
        counter=plan.counter,
        state="pause" if is_stopped else "go",
        percent=reached.percent,
        salt=salt,
        splay_s=ring.splay_s,
        window=ring.window,
        full_fallback=ring.full_fallback,
        deadline_at=reached.at + deadline,
        made_at=reached.at,
    )

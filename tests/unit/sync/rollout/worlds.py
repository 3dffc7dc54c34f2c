"""Plans and stores for rollout tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sync.rollout.events import Event, EventKind
from sync.rollout.fates import StoreView
from sync.rollout.plan import Plan, Ring, Silent, Step
from sync.wire import SwitchReport, SwitchState

T0 = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
NEW, OLD = "v2", "v1"


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def plan(
    *rings: Ring, silent: Silent = Silent.BEGUN, watch_s: float = 3600.0, **more: object
) -> Plan:
    return Plan(NEW, 2, rings or (ring("lab"),), silent=silent, watch_s=watch_s, **more)


def ring(name: str, *steps: Step, approval: bool = False) -> Ring:
    return Ring(name, steps or (step(),), approval=approval)


def step(percent: float = 100.0, **more: float | bool) -> Step:
    return Step(percent, **{"soak_s": 600.0, "deadline_s": 7200.0, "fail_count": 1, **more})


def view(
    number: int,
    state: SwitchState = SwitchState.SETTLED,
    *,
    ring: str = "lab",
    place: float = 0.0,
    beat_s: float | None = 0.0,
    settled_s: float | None = None,
    live: str = "",
    why: str = "",
) -> StoreView:
    """Return a store that last beat `beat_s` seconds after T0; None: never."""
    runs = {SwitchState.LIVE, SwitchState.PROBATION}
    is_new = state in runs or settled_s is not None
    live = live or (NEW if is_new else OLD)
    candidate = "" if state is SwitchState.SETTLED else NEW
    report = SwitchReport(state, live, 2 if live == NEW else 1, candidate=candidate, why=why)
    return StoreView(
        f"{number:04}",
        ring,
        place,
        None if beat_s is None else after(beat_s),
        None if beat_s is None else report,
        None if settled_s is None else after(settled_s),
    )


def started(by: str = "Ana") -> Event:
    return Event(EventKind.STARTED, T0, by=by)


def advanced(name: str = "lab", number: int = 0, percent: float = 100.0, s: float = 0.0) -> Event:
    return Event(EventKind.ADVANCED, after(s), name, number, percent)

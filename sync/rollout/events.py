"""What was decided in a rollout, in order: the log that says where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sync.rollout.plan import Plan


class EventKind(StrEnum):
    """Kinds of decision."""

    STARTED = "started"  # by a person
    APPROVED = "approved"  # by a second person, of a ring that wants it
    ADVANCED = "advanced"  # a ring's pointer goes to a step's percent
    PAUSED = "paused"  # by a person (`by`), or by the engine that waits for one ('')
    RESUMED = "resumed"  # by a person, who takes the last step as good enough
    HALTED = "halted"  # for good
    DONE = "done"


class Status(StrEnum):
    """Where a rollout stands."""

    READY = "ready"  # started, nothing pointed yet
    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Event:
    """One decision, written down before it is acted on."""

    kind: EventKind
    at: datetime
    ring: str = ""
    step: int = -1  # index in the ring's steps
    percent: float = 0.0
    by: str = ""  # a person's name; '': the engine
    why: str = ""


@dataclass(frozen=True, slots=True)
class Reached:
    """A step that a ring has been taken to."""

    step: int
    percent: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """A log, read to its end."""

    status: Status = Status.READY
    started_by: str = ""
    started_at: datetime | None = None
    ring: int = -1  # index of the ring being worked on; -1: none yet
    reached: Mapping[str, tuple[Reached, ...]] = field(default_factory=dict)  # by ring, in order
    approved: frozenset[str] = frozenset()  # rings
    accepted: frozenset[tuple[str, int]] = frozenset()  # steps a person said go on after
    paused_at: tuple[str, int] | None = None  # the step the engine paused after
    why: str = ""  # of the pause or halt

    def at_step(self, ring: str) -> Reached | None:
        """Return the last step a ring was taken to; None when it was not begun."""
        steps = self.reached.get(ring, ())
        return steps[-1] if steps else None


def progress(plan: Plan, events: Sequence[Event]) -> Progress:
    """Return where a log leaves a rollout.

    What cannot follow is passed over: nothing comes after a halt, and a percent never falls.
    """
    names = [ring.ring for ring in plan.rings]
    now = Progress()
    for event in events:
        if now.status is Status.HALTED:
            break
        now = _after(now, event, names)
    return now


def _after(now: Progress, event: Event, names: list[str]) -> Progress:
    after = now
    match event.kind:
        case EventKind.STARTED:
            after = replace(now, started_by=event.by, started_at=event.at)
        case EventKind.APPROVED if event.by.casefold() != now.started_by.casefold():
            after = replace(now, approved=now.approved | {event.ring})
        case EventKind.ADVANCED if event.ring in names:
            after = _advanced(now, event, names)
        case EventKind.PAUSED:
            at = None if event.by else (event.ring, event.step)
            after = replace(now, status=Status.PAUSED, paused_at=at, why=event.why)
        case EventKind.RESUMED if now.status is Status.PAUSED:
            after = _resumed(now)
        case EventKind.HALTED:
            after = replace(now, status=Status.HALTED, why=event.why)
        case EventKind.DONE:
            after = replace(now, status=Status.DONE, why=event.why)
    return after


def _advanced(now: Progress, event: Event, names: list[str]) -> Progress:
    last = now.at_step(event.ring)
    if last is not None and event.percent <= last.percent:
        return now
    step = Reached(event.step, event.percent, event.at)
    reached = {**now.reached, event.ring: (*now.reached.get(event.ring, ()), step)}
    ring = max(now.ring, names.index(event.ring))
    return replace(now, status=Status.RUNNING, ring=ring, reached=reached, why="")


def _resumed(now: Progress) -> Progress:
    accepted = now.accepted | ({now.paused_at} if now.paused_at else frozenset())
    status = Status.RUNNING if now.reached else Status.READY
    return replace(now, status=status, accepted=accepted, paused_at=None, why="")

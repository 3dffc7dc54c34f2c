"""What a person may say of a rollout, and what comes of it: an event, or why not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from appliance.errors import BackroomError, BadInput
from sync.rollout.events import Event, EventKind, Progress, Status, progress
from sync.rollout.plan import Plan

LONGEST_NAME, LONGEST_WHY = 120, 500
_SEE = "See where it stands: backroom rollout status"


class WrongMoment(BackroomError):
    """Where the rollout stands, that word cannot be said."""

    code = "wrong_moment"


class SamePerson(BackroomError):
    """Whoever started a rollout does not approve it."""

    code = "same_person"


def started(*, by: str, at: datetime, why: str = "") -> Event:
    """Return a log's first event.

    Raises:
        BadInput: No name.
    """
    return Event(EventKind.STARTED, at, by=named(by), why=why[:LONGEST_WHY])


def approved(plan: Plan, events: Sequence[Event], *, ring: str, by: str, at: datetime) -> Event:
    """Return the second person's approval of a ring; '' is the next one that waits for it.

    Raises:
        BadInput: No name, or no such ring.
        SamePerson: It is who started it.
        WrongMoment: The rollout is over, or nothing waits for approval.
    """
    stands = _alive(plan, events)
    wanting = [r.ring for r in plan.rings if r.approval and r.ring not in stands.approved]
    if ring and ring not in {r.ring for r in plan.rings}:
        raise BadInput(f"The plan has no ring {ring!r}.", hint=_SEE)
    if not wanting or (ring and ring not in wanting):
        raise WrongMoment(f"{ring or 'No ring'} waits for no approval.", hint=_SEE)
    # Names are compared as people read them: "ana" is not a second person beside "Ana ".
    if named(by).casefold() == stands.started_by.casefold():
        raise SamePerson(
            f"{stands.started_by} started this rollout; somebody else approves it.",
            hint="backroom rollout approve --as NAME",
        )
    return Event(EventKind.APPROVED, at, ring=ring or wanting[0], by=named(by))


def paused(plan: Plan, events: Sequence[Event], *, by: str, at: datetime, why: str) -> Event:
    """Return a person's pause.

    Raises:
        BadInput: No name.
        WrongMoment: The rollout is over, or paused already.
    """
    stands = _alive(plan, events)
    if stands.status is Status.PAUSED:
        raise WrongMoment(f"It is paused already: {stands.why}.", hint=_SEE)
    return Event(EventKind.PAUSED, at, by=named(by), why=why[:LONGEST_WHY] or f"{by} said so")


def resumed(plan: Plan, events: Sequence[Event], *, by: str, at: datetime, why: str) -> Event:
    """Return a person's word to go on.

    Raises:
        BadInput: No name.
        WrongMoment: The rollout is over, or not paused.
    """
    stands = _alive(plan, events)
    if stands.status is not Status.PAUSED:
        raise WrongMoment("It is not paused.", hint=_SEE)
    return Event(EventKind.RESUMED, at, by=named(by), why=why[:LONGEST_WHY])


def halted(plan: Plan, events: Sequence[Event], *, by: str, at: datetime, why: str) -> Event:
    """Return a person's halt, which is for good.

    Raises:
        BadInput: No name.
        WrongMoment: The rollout was halted before.
    """
    stands = progress(plan, events)
    if stands.status is Status.HALTED:
        raise WrongMoment(f"It was halted before: {stands.why}.", hint=_SEE)
    return Event(EventKind.HALTED, at, by=named(by), why=why[:LONGEST_WHY] or f"{by} said so")


def finished(plan: Plan, events: Sequence[Event], *, by: str, at: datetime, why: str) -> Event:
    """Return a person's word that a rollout that is only watched has been watched enough.

    Raises:
        BadInput: No name.
        WrongMoment: The rollout is over, or some ring is not at its last step.
    """
    stands = _alive(plan, events)
    for ring in plan.rings:
        at_step = stands.at_step(ring.ring)
        if at_step is None or at_step.step + 1 < len(ring.steps):
            raise WrongMoment(f"Ring {ring.ring} is not at its last step.", hint=_SEE)
    return Event(EventKind.DONE, at, by=named(by), why=why[:LONGEST_WHY] or f"{by} said so")


def named(by: str) -> str:
    """Return a person's name as it is written down.

    Raises:
        BadInput: It is empty, or longer than a name is.
    """
    name = " ".join(by.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise BadInput("Who says so is written down: a name is needed.", hint="Give --as NAME.")
    return name


def _alive(plan: Plan, events: Sequence[Event]) -> Progress:
    stands = progress(plan, events)
    if stands.status is Status.HALTED:
        raise WrongMoment(
            f"The rollout was halted: {stands.why}. That is for good.",
            hint="Mend the release, then start a rollout of the new one.",
        )
    if stands.status is Status.DONE:
        raise WrongMoment("The rollout is done.", hint=_SEE)
    return stands

"""The hub's hand in a rollout: hears the stores, asks the engine, writes it down, then does it.

A decision is in the ledger before anything is signed, and marked when it was: a hub that is killed
between the two signs on its return, and signing twice gives the same pointer. One worker does the
hub's jobs (`sync.hub.jobs`); a second that thinks it does is stopped by the log's own numbers.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from appliance.errors import BackroomError
from appliance.ports import Clock
from sync.errors import NotPublished
from sync.hub import rollout_book as book
from sync.hub.alarms import close_alarm, open_alarm
from sync.hub.jobs import Job
from sync.hub.ledger import Ledger
from sync.hub.parts import Hub
from sync.hub.rollout_book import Rollout, Written
from sync.hub.rollout_settings import RolloutSettings, has_keys, open_repository
from sync.hub.rollout_views import Views
from sync.hub.wishes import put_wish
from sync.rollout.engine import Action, Decision, decide
from sync.rollout.events import Event, EventKind, Status, progress
from sync.rollout.pointers import wanted
from sync.rollout.sightings import halves
from sync.trust.ring import RingPointer
from sync.wire import Wish, WishKind

REMEMBER_S = 60.0  # sightings are written down so often; a kill loses no more of them
BY_HAND = "backroom release"  # who paused, where nobody gave a name
REFRESH_S = 3_600.0  # half of a timestamp's week is left when it is signed again
ALARM = "rollout"  # a pointer that cannot be signed, or a rollout that halted
log = logging.getLogger("backroom.hub.rollouts")

_KINDS = {
    Action.ADVANCE: EventKind.ADVANCED,
    Action.PAUSE: EventKind.PAUSED,
    Action.HALT: EventKind.HALTED,
    Action.DONE: EventKind.DONE,
}
_SIGNS = {EventKind.ADVANCED, EventKind.PAUSED, EventKind.RESUMED, EventKind.HALTED}
_OVER = {EventKind.HALTED, EventKind.DONE}


def jobs(hub: Hub) -> list[Job]:
    """Return the hub's jobs of rollouts (`sync.hub.extensions`)."""
    repository = open_repository(hub.settings, hub.clock)
    work = Rollouts(hub.ledger, repository, hub.clock)

    def refresh() -> None:
        if has_keys(hub.settings):  # else whoever publishes keeps the online roles fresh
            repository.refresh()

    return [
        Job("rollouts", RolloutSettings.of(hub.settings).step_s, work.step),
        Job("fresh metadata", REFRESH_S, refresh),
    ]


class Rings(Protocol):
    """Where ring pointers are signed: `sync.publish.Repository` with the online keys."""

    def ring(self, ring: str) -> RingPointer:
        """Return a ring's pointer; `NotPublished` when there is none."""
        ...

    def promote(self, pointer: RingPointer) -> RingPointer:
        """Sign a ring's pointer."""
        ...


@dataclass(slots=True)
class Rollouts:
    """The job. One thread calls `step`."""

    ledger: Ledger
    rings: Rings
    clock: Clock
    _views: Views = field(default_factory=Views)
    _remembered_at: float = 0.0  # of the monotonic clock

    def step(self) -> Decision | None:
        """Look once and do what is due; None when there is nothing to look at.

        Raises:
            LedgerError: The ledger is away.
        """
        now = self.clock.now()
        found = self.ledger.read(book.open_rollout)
        if found is None:
            return None
        if self._act(found):
            return None  # the stores are heard when what is decided is signed
        if (word := self._elsewhere(found, now)) is not None:
            self._append(found, word)
            return None
        decision = self._decide(found, now)
        self._remember(found.id)
        if _is_news(found, decision):
            self._write(found, decision, now)
            again = self.ledger.read(book.open_rollout)
            if again is not None:
                self._act(again)
        return decision

    def _decide(self, found: Rollout, now: datetime) -> Decision:
        plan = found.plan
        rings = [ring.ring for ring in plan.rings]
        heard = self.ledger.read(lambda c: book.heard(c, rings))
        if self._views.rollout != found.id:
            kept = self.ledger.read(lambda c: book.read_sightings(c, found.id))
            self._views = Views(found.id, kept)
        stores = self._views.see(heard, plan.release)
        told = halves(plan, self._views.sightings, stores, began_at=found.started_at, now=now)
        return decide(plan, found.events, stores, now=now, quality=told)

    def _write(self, found: Rollout, decision: Decision, now: datetime) -> None:
        event = Event(
            _KINDS[decision.action],
            now,
            decision.ring,
            decision.step,
            decision.percent,
            why=decision.why,
        )
        self._append(found, event)

    def _append(self, found: Rollout, event: Event) -> None:
        number = len(found.log) + 1
        log.info("rollout %s: %s: %s", found.id, event.kind.value, event.why)
        self.ledger.write(lambda c: book.append(c, found.id, event, number=number))

    def _elsewhere(self, found: Rollout, now: datetime) -> Event | None:
        """Return what a person has said with `backroom release`, past this rollout.

        Whoever takes a ring elsewhere by hand, back for instance, is right, and not to be signed
        over; a ring paused by hand is a rollout paused.
        """
        stands = progress(found.plan, found.events)
        for pointer in wanted(found.plan, stands, salt=found.id):
            current = self._current(pointer.ring)
            if current is None or stands.status is Status.HALTED:
                continue
            if not _is_of(current, found):
                why = f"ring {pointer.ring} was pointed at {current.release} by hand"
                return Event(EventKind.HALTED, now, why=why)
            if current.state == "pause" and pointer.state == "go":
                why = f"ring {pointer.ring} was paused by hand"
                return Event(EventKind.PAUSED, now, by=BY_HAND, why=why)
        return None

    def _act(self, found: Rollout) -> bool:
        """Sign what the log wants and is not yet signed; tell whether there was anything.

        Raises:
            BackroomError: It could not be signed; an alarm says why, and the next look tries again.
        """
        pending = [w for w in found.log if w.acted_at is None and w.event.kind in _SIGNS | _OVER]
        if not pending:
            return False
        stands = progress(found.plan, found.events)
        pointers = tuple(
            pointer
            for pointer in wanted(found.plan, stands, salt=found.id)
            if self._may_sign(pointer.ring, found, is_halted=stands.status is Status.HALTED)
        )
        now = self.clock.now()
        if any(w.event.kind in _SIGNS for w in pending):
            if stands.status is Status.HALTED:
                # Unsigned, and at once: it can only stop. The signed word follows.
                self.ledger.write(lambda c: _wish(c, WishKind.PAUSE, pointers, now))
            try:
                for pointer in pointers:
                    self._promote(pointer)
            except BackroomError as exc:
                told = f"Rollout {found.id} cannot sign: {exc}"
                self.ledger.write(lambda c: open_alarm(c, "", ALARM, told, now=now))
                raise
        self.ledger.write(lambda c: self._acted(c, found, pending, pointers, now))
        return True

    def _acted(
        self,
        connection: Connection,
        found: Rollout,
        pending: list[Written],
        pointers: tuple[RingPointer, ...],
        now: datetime,
    ) -> None:
        """Note what was signed and wake the stores, in one transaction."""
        for written in pending:
            book.acted(connection, found.id, written.number, now=now)
        kinds = {written.event.kind for written in pending}
        if kinds & _SIGNS:
            _wish(connection, WishKind.LOOK, pointers, now)
            close_alarm(connection, "", ALARM, now=now)
        if EventKind.HALTED in kinds:
            why = f"Rollout {found.id} halted: {progress(found.plan, found.events).why}"
            open_alarm(connection, "", ALARM, why, now=now)
        if kinds & _OVER:
            book.close(connection, found.id, now=now)

    def _promote(self, pointer: RingPointer) -> None:
        if self._current(pointer.ring) != pointer:
            self.rings.promote(pointer)

    def _may_sign(self, ring: str, found: Rollout, *, is_halted: bool) -> bool:
        """Tell whether a ring is this rollout's to sign.

        It is where its pointer is this rollout's, or none was ever signed for it. One that was and
        is another's now was taken elsewhere by hand, and `_elsewhere` halts for it; one that never
        was has nothing that a halt could stop, and a halt that had to sign it might never end.
        """
        current = self._current(ring)
        if current is not None and _is_of(current, found):
            return True
        was_signed = any(
            w.acted_at is not None and w.event.kind is EventKind.ADVANCED and w.event.ring == ring
            for w in found.log
        )
        return not was_signed and not is_halted

    def _current(self, ring: str) -> RingPointer | None:
        try:
            return self.rings.ring(ring)
        except NotPublished:
            return None  # a new ring

    def _remember(self, rollout: str) -> None:
        at = self.clock.monotonic()
        fresh = self._views.fresh(everything=at - self._remembered_at >= REMEMBER_S)
        if fresh:
            self.ledger.write(lambda c: book.put_sightings(c, rollout, fresh))
            self._views.kept(fresh)
        if at - self._remembered_at >= REMEMBER_S:
            self._remembered_at = at


def _is_news(found: Rollout, decision: Decision) -> bool:
    """Tell whether a decision is to be written down, and was not yet."""
    if decision.action is Action.WAIT:
        return False
    is_paused = progress(found.plan, found.events).status is Status.PAUSED
    return decision.action is not Action.PAUSE or not is_paused


def _is_of(pointer: RingPointer, found: Rollout) -> bool:
    """Tell whether a pointer is one that this rollout signed."""
    return pointer.release == found.plan.release and pointer.salt == found.id


def _wish(
    connection: Connection, kind: WishKind, pointers: tuple[RingPointer, ...], now: datetime
) -> None:
    for pointer in pointers:
        wish = Wish(kind, ring=pointer.ring, release=pointer.release)
        put_wish(connection, wish, now=now, to_ring=pointer.ring)

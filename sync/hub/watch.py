"""The hub's own jobs: who has gone silent, which alarms are over, and what is old enough to go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, select, update

from sync.hub import tables
from sync.hub.alarms import DROPS, EXPIRED, QUARANTINE, SILENT, close_alarm, open_alarm
from sync.hub.book import forget_history
from sync.hub.jobs import Job
from sync.hub.parts import Hub
from sync.hub.pushes import expiries
from sync.hub.registry import ACTIVE, forget_nonces
from sync.hub.wishes import forget_signals

SILENT_EVERY_S = 15.0
TIDY_EVERY_S = 600.0
OVER_AFTER = timedelta(days=1)  # an alarm that tells of an event is over when none followed
RENEWED_AFTER = timedelta(minutes=10)  # one that every beat tells again, when none does
HEARD_ALL_AFTER = 2.5  # intervals: until then a hub that just began has not heard every store
WARN = timedelta(days=2)  # before the repository's own metadata runs out
CLOSED_KEPT = timedelta(days=90)
CODES_KEPT = timedelta(days=90)
PIECES_KEPT_S = 7 * 86_400.0
MOST_BLOBS = 500  # dropped at one tidying
# The hub's own alarms have no store.
HUB = ""


def watch_jobs(hub: Hub) -> list[Job]:
    """Return the jobs over a hub."""
    watch = Watch(hub, hub.clock.monotonic())
    return [
        Job("silent stores", SILENT_EVERY_S, watch.silent),
        Job("expiry", SILENT_EVERY_S, watch.expiry),
        Job("tidy", TIDY_EVERY_S, watch.tidy),
    ]


@dataclass(frozen=True, slots=True)
class Watch:
    """What the jobs do; each raises `LedgerError` and comes again."""

    hub: Hub
    began: float  # of the monotonic clock

    def silent(self) -> None:
        """Raise an alarm for each store that has not beaten for long; close those that beat."""
        now, settings = self.hub.clock.now(), self.hub.settings
        if self.hub.clock.monotonic() - self.began < settings.beat_s * HEARD_ALL_AFTER:
            return
        after = timedelta(minutes=settings.silent_minutes)
        found = self.hub.ledger.read(last_heard)
        raised = self.hub.ledger.read(_silent_now)
        silent = {store: at for store, at in found if now - at > after}
        new = {store: at for store, at in silent.items() if store not in raised}
        back = raised - silent.keys()
        if new or back:
            self.hub.ledger.write(lambda c: _mark_silent(c, new, back, now=now))

    def expiry(self) -> None:
        """Raise the hub's own alarm when its repository's metadata runs out; close it after."""
        now = self.hub.clock.now()
        try:
            found = expiries(self.hub.settings.repository_folder)
        except (OSError, msgspec.MsgspecError, KeyError, TypeError, ValueError):
            return  # there is none yet, or it is being written
        late = {role: at for role, at in found.items() if at - now < WARN}
        is_open = self.hub.ledger.read(lambda c: _is_open(c, HUB, EXPIRED))
        if late:
            told = ", ".join(f"{role} until {at:%Y-%m-%d %H:%M}" for role, at in late.items())
            why = f"The repository's metadata holds only: {told}. Sign it anew."
            self.hub.ledger.write(lambda c: open_alarm(c, HUB, EXPIRED, why, now=now))
        elif is_open:
            self.hub.ledger.write(lambda c: close_alarm(c, HUB, EXPIRED, now=now))

    def tidy(self) -> None:
        """Close alarms that are over and forget what is old."""
        now, settings = self.hub.clock.now(), self.hub.settings
        self.hub.ledger.write(lambda c: close_over(c, now=now))
        nonces_before = now - timedelta(seconds=settings.skew_s * 2)
        history_before = now - timedelta(days=settings.history_days)

        def forget(connection: Connection) -> None:
            forget_nonces(connection, before=nonces_before)
            forget_history(connection, before=history_before)
            forget_signals(connection, now=now)
            closed = tables.alarms.c.closed_at
            connection.execute(delete(tables.alarms).where(closed < now - CLOSED_KEPT))
            expired = tables.codes.c.expires_at
            connection.execute(delete(tables.codes).where(expired < now - CODES_KEPT))

        self.hub.ledger.write(forget)
        self.hub.pieces.forget_old(before=time.time() - PIECES_KEPT_S)
        self._drop_blobs(before=now - timedelta(days=settings.batch_days))

    def _drop_blobs(self, *, before: datetime) -> None:
        kept = tables.batches.c
        old = (kept.blob != "", kept.ended_at < before)
        query = select(kept.device, kept.sha256, kept.blob).where(*old).limit(MOST_BLOBS)
        for device, sha256, blob in self.hub.ledger.read(lambda c: c.execute(query).all()):
            mine = (kept.device == device, kept.sha256 == sha256)
            gone = update(tables.batches).where(*mine).values(blob="")
            self.hub.blobs.drop(blob)
            self.hub.ledger.write(lambda c, gone=gone: c.execute(gone))  # type: ignore[misc]


def last_heard(connection: Connection) -> Sequence[tuple[str, datetime]]:
    """Return when each store that is in was last heard; its enrolment counts as a word."""
    devices, beats = tables.devices.c, tables.beats.c
    query = (
        select(devices.store, devices.enrolled_at, beats.received_at)
        .outerjoin_from(tables.devices, tables.beats, beats.device == devices.id)
        .where(devices.state == ACTIVE)
    )
    rows = connection.execute(query)
    return [(row.store, row.received_at or row.enrolled_at) for row in rows]


def close_over(connection: Connection, *, now: datetime) -> None:
    """Close the alarms that tell of what has not come again."""
    columns = tables.alarms.c
    for kinds, after in (((DROPS, QUARANTINE), OVER_AFTER), ((EXPIRED,), RENEWED_AFTER)):
        over = (columns.closed_at.is_(None), columns.kind.in_(kinds), columns.told_at < now - after)
        connection.execute(update(tables.alarms).where(*over).values(closed_at=now))


def _silent_now(connection: Connection) -> set[str]:
    columns = tables.alarms.c
    query = select(columns.store).where(columns.kind == SILENT, columns.closed_at.is_(None))
    return set(connection.execute(query).scalars())


def _is_open(connection: Connection, store: str, kind: str) -> bool:
    columns = tables.alarms.c
    mine = (columns.store == store, columns.kind == kind, columns.closed_at.is_(None))
    return connection.execute(select(columns.id).where(*mine)).first() is not None


def _mark_silent(
    connection: Connection, new: dict[str, datetime], back: set[str], *, now: datetime
) -> None:
    for store, at in new.items():
        open_alarm(connection, store, SILENT, f"No beat since {at:%Y-%m-%d %H:%M} UTC.", now=now)
    for store in back:
        close_alarm(connection, store, SILENT, now=now)

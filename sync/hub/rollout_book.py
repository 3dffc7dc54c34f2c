"""Rollouts in the ledger: one open at a time, its log appended to, its stores as last seen.

Every function here is one transaction's work on a connection, and can be run again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from appliance.codec import from_plain, to_plain
from sync.hub.registry import ACTIVE
from sync.hub.rollout_tables import rollout_events, rollout_stores, rollouts
from sync.hub.tables import beats, devices, stores
from sync.rollout.events import Event, EventKind
from sync.rollout.plan import Plan
from sync.rollout.sightings import Sighting
from sync.rollout.words import WrongMoment

MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class Written:
    """An event of the log and whether its pointers are signed."""

    number: int
    event: Event
    acted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout as the ledger has it."""

    id: str
    plan: Plan
    started_at: datetime
    closed_at: datetime | None
    log: tuple[Written, ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """The log without what was done about it."""
        return tuple(written.event for written in self.log)


@dataclass(frozen=True, slots=True)
class Heard:
    """A store of a ring and the newest beat of its device."""

    store: str
    ring: str
    received_at: datetime | None
    boot: str
    sequence: int
    body: str  # the Beat as JSON; '': never heard


def begin(connection: Connection, rollout: str, plan: Plan, first: Event) -> None:
    """Write down a new rollout.

    Raises:
        WrongMoment: Another is open.
    """
    if connection.dialect.name == "postgresql":  # SQLite's writers are one at a time anyway
        connection.execute(text("LOCK TABLE rollouts IN EXCLUSIVE MODE"))
    other = connection.execute(select(rollouts.c.id).where(rollouts.c.closed_at.is_(None))).scalar()
    if other is not None:
        raise WrongMoment(
            f"Rollout {other} is not over.",
            hint="Wait until it is done, or: backroom rollout halt --as NAME",
        )
    row = {"id": rollout, "release": plan.release, "plan": json.dumps(to_plain(plan))}
    connection.execute(insert(rollouts), {**row, "started_at": first.at})
    append(connection, rollout, first, number=1)


def append(connection: Connection, rollout: str, event: Event, *, number: int) -> None:
    """Write an event down as the log's number so-and-so.

    Whoever read the log up to `number - 1` and was overtaken fails on the key: a decision is never
    written behind one that it did not know of.
    """
    row = {**_plain(event), "rollout": rollout, "number": number, "acted_at": None}
    connection.execute(insert(rollout_events), row)


def acted(connection: Connection, rollout: str, number: int, *, now: datetime) -> None:
    """Note that an event's pointers are signed."""
    columns = rollout_events.c
    connection.execute(
        update(rollout_events)
        .where(columns.rollout == rollout, columns.number == number)
        .values(acted_at=now)
    )


def close(connection: Connection, rollout: str, *, now: datetime) -> None:
    """Note that a rollout is over: nothing more is decided about it."""
    closing = update(rollouts).where(rollouts.c.id == rollout, rollouts.c.closed_at.is_(None))
    connection.execute(closing.values(closed_at=now))


def open_rollout(connection: Connection) -> Rollout | None:
    """Return the rollout that is not over, or None."""
    row = connection.execute(select(rollouts).where(rollouts.c.closed_at.is_(None))).first()
    return None if row is None else _rollout(connection, row)


def find_rollout(connection: Connection, rollout: str) -> Rollout | None:
    """Return a rollout by its id, or None."""
    row = connection.execute(select(rollouts).where(rollouts.c.id == rollout)).first()
    return None if row is None else _rollout(connection, row)


def latest_rollout(connection: Connection) -> Rollout | None:
    """Return the open rollout, or the last one."""
    newest = select(rollouts).order_by(
        rollouts.c.closed_at.is_(None).desc(), rollouts.c.started_at.desc()
    )
    row = connection.execute(newest.limit(1)).first()
    return None if row is None else _rollout(connection, row)


def list_rollouts(connection: Connection) -> list[tuple[str, str, datetime, datetime | None]]:
    """Return id, release, start and end of rollouts, the newest first."""
    columns = rollouts.c
    query = select(columns.id, columns.release, columns.started_at, columns.closed_at)
    rows = connection.execute(query.order_by(columns.started_at.desc()).limit(MOST_LISTED))
    return [(row.id, row.release, row.started_at, row.closed_at) for row in rows]


def heard(connection: Connection, rings: Sequence[str]) -> list[Heard]:
    """Return the stores of some rings in order of their numbers, each with its newest beat."""
    device = devices.join(beats, beats.c.device == devices.c.id, isouter=True)
    query = (
        select(
            stores.c.number,
            stores.c.ring,
            beats.c.received_at,
            beats.c.boot,
            beats.c.sequence,
            beats.c.body,
        )
        .select_from(
            stores.join(
                device,
                (devices.c.store == stores.c.number) & (devices.c.state == ACTIVE),
                isouter=True,
            )
        )
        .where(stores.c.ring.in_(rings))
        .order_by(stores.c.number)
    )
    found: dict[str, Heard] = {}
    for row in connection.execute(query):
        known = found.get(row.number)
        if known is not None and (row.received_at is None or _is_newer(known, row.received_at)):
            continue
        boot, sequence, body = row.boot or "", row.sequence or 0, row.body or ""
        found[row.number] = Heard(row.number, row.ring, row.received_at, boot, sequence, body)
    return list(found.values())


def ring_counts(connection: Connection) -> dict[str, int]:
    """Return how many stores each ring has."""
    query = select(stores.c.ring, func.count()).group_by(stores.c.ring)
    return {str(ring): int(count) for ring, count in connection.execute(query)}


def read_sightings(connection: Connection, rollout: str) -> dict[str, Sighting]:
    """Return what is remembered of a rollout's stores."""
    columns = rollout_stores.c
    query = select(columns.store, columns.body).where(columns.rollout == rollout)
    rows = connection.execute(query)
    return {row.store: from_plain(json.loads(row.body), Sighting) for row in rows}


def put_sightings(connection: Connection, rollout: str, seen: Mapping[str, Sighting]) -> None:
    """Remember how stores were seen."""
    if not seen:
        return
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = kind.insert(rollout_stores).values(
        {c.name: bindparam(c.name) for c in rollout_stores.c}
    )
    upsert = statement.on_conflict_do_update(
        index_elements=["rollout", "store"], set_={"body": statement.excluded.body}
    )
    rows = [
        {"rollout": rollout, "store": store, "body": json.dumps(to_plain(sighting))}
        for store, sighting in sorted(seen.items())
    ]
    connection.execute(upsert, rows)


def _is_newer(known: Heard, received_at: datetime) -> bool:
    return known.received_at is not None and known.received_at >= received_at


def _rollout(connection: Connection, row: Row[Any]) -> Rollout:
    columns = rollout_events.c
    query = select(rollout_events).where(columns.rollout == row.id).order_by(columns.number)
    log = tuple(_written(event) for event in connection.execute(query))
    plan = from_plain(json.loads(row.plan), Plan)
    return Rollout(row.id, plan, row.started_at, row.closed_at, log)


def _written(row: Row[Any]) -> Written:
    kind = EventKind(row.kind)
    event = Event(kind, row.at, row.ring, row.step, row.percent, by=row.by, why=row.why)
    return Written(row.number, event, row.acted_at)


def _plain(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind.value,
        "at": event.at,
        "ring": event.ring,
        "step": event.step,
        "percent": event.percent,
        "by": event.by,
        "why": event.why,
    }

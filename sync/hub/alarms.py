"""What is wrong with a store, or with the hub itself, from when until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, select, update

from appliance.errors import BadInput
from sync.hub import tables

# Kinds.
SILENT = "silent"  # no beat for so many minutes
CLONE = "clone"  # one identity, two machines
EXPIRED = "expired_metadata"  # a store refuses new releases, or the hub's repository runs out
DROPS = "spool_drops"  # a store's spool was full: what was least valuable is gone
JOURNAL_BACK = "journal_back"  # the journal's head is behind what it was: its tail was cut off
QUARANTINE = "quarantine"  # a batch that could not be read
KINDS = (SILENT, CLONE, EXPIRED, DROPS, JOURNAL_BACK, QUARANTINE)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that is wrong."""

    id: int
    store: str  # '': the hub's own
    kind: str
    why: str
    opened_at: datetime
    told_at: datetime  # when it was last found so
    closed_at: datetime | None


def open_alarm(connection: Connection, store: str, kind: str, why: str, *, now: datetime) -> None:
    """Raise an alarm; one of its kind that is open is told again."""
    told = connection.execute(
        update(tables.alarms).where(*_open(store, kind)).values(why=why, told_at=now)
    )
    if not told.rowcount:
        row = {"store": store, "kind": kind, "why": why, "opened_at": now, "told_at": now}
        connection.execute(insert(tables.alarms), row)


def close_alarm(connection: Connection, store: str, kind: str, *, now: datetime) -> int:
    """Close a store's alarm of a kind; return how many there were."""
    closing = update(tables.alarms).where(*_open(store, kind)).values(closed_at=now)
    return connection.execute(closing).rowcount


def open_alarms(connection: Connection, *, store: str | None = None) -> list[Alarm]:
    """Return what is wrong now, of one store or of all, oldest first."""
    query = select(tables.alarms).where(tables.alarms.c.closed_at.is_(None))
    if store is not None:
        query = query.where(tables.alarms.c.store == store)
    return [Alarm(*row) for row in connection.execute(query.order_by(tables.alarms.c.id))]


def _open(store: str, kind: str) -> tuple[ColumnElement[bool], ...]:
    columns = tables.alarms.c
    return columns.store == store, columns.kind == kind, columns.closed_at.is_(None)


def close_one(connection: Connection, alarm: int, *, now: datetime) -> None:
    """Close an alarm by its number.

    Raises:
        BadInput: There is none that is open.
    """
    columns = tables.alarms.c
    mine = (columns.id == alarm, columns.closed_at.is_(None))
    if not connection.execute(update(tables.alarms).where(*mine).values(closed_at=now)).rowcount:
        raise BadInput(f"There is no open alarm {alarm}.", hint="List them: backroom hub alarms")

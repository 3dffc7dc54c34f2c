"""Beats on their way into the ledger: those that come together share a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete
from sqlalchemy.dialects import postgresql, sqlite

from sync.hub import tables
from sync.hub.alarms import open_alarm
from sync.hub.ledger import Ledger
from sync.hub.problems import refused

LINGER_S = 0.1  # beats that come within it share a commit
MOST_WAITING = 2_000  # beats; more means that the database is away
SLOT = timedelta(minutes=15)  # of history
EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Entry:
    """One beat as the ledger keeps it."""

    row: Mapping[str, Any]  # of `beats`
    slot: Mapping[str, Any]  # of `history`
    alarms: Mapping[str, str] = field(default_factory=dict)  # kind and reason


@dataclass(slots=True)
class BeatBook:
    """Gathers beats and writes them together; lives on the event loop."""

    ledger: Ledger
    linger_s: float = LINGER_S
    _waiting: list[Entry] = field(default_factory=list)
    _written: asyncio.Task[None] | None = None

    async def put(self, entry: Entry) -> None:
        """Keep a beat; it is durable when this returns.

        Raises:
            LedgerError: It could not be written.
            Refused: 503, too many wait.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise refused(503, "too_many_beats", "Too many beats wait.", "Beat later.", wait_s=60)
        self._waiting.append(entry)
        if self._written is None:
            self._written = asyncio.get_running_loop().create_task(self._write())
        await asyncio.shield(self._written)  # one store that hangs up must not undo the others'

    async def _write(self) -> None:
        await asyncio.sleep(self.linger_s)
        entries, self._waiting, self._written = self._waiting, [], None
        await self.ledger.writing(lambda connection: write_down(connection, entries))


def slot_of(instant: datetime) -> datetime:
    """Return the beginning of the quarter of an hour that an instant lies in."""
    return EPOCH + (instant - EPOCH) // SLOT * SLOT


def write_down(connection: Connection, entries: list[Entry]) -> None:
    """Write beats, what they add to history, and the alarms they raise."""
    # In the same order everywhere: two workers that lock rows crosswise would both lose.
    ordered = sorted(entries, key=lambda entry: str(entry.row["device"]))
    name = connection.dialect.name
    connection.execute(_put_beat(name), [entry.row for entry in ordered])
    connection.execute(_add_history(name), [entry.slot for entry in ordered])
    for entry in ordered:
        for kind, why in entry.alarms.items():
            store, now = str(entry.row["store"]), entry.row["received_at"]
            open_alarm(connection, store, kind, why, now=now)


def forget_history(connection: Connection, *, before: datetime) -> None:
    """Drop the charts' oldest quarters of an hour."""
    connection.execute(delete(tables.history).where(tables.history.c.slot_at < before))


@cache
def _put_beat(dialect: str) -> Any:  # of either dialect
    kept = tables.beats.c
    statement = _insert(dialect, tables.beats)
    changed = {c.name: statement.excluded[c.name] for c in kept if c.name != "device"}
    return statement.on_conflict_do_update(index_elements=[kept.device], set_=changed)


@cache
def _add_history(dialect: str) -> Any:  # of either dialect
    kept = tables.history.c
    statement = _insert(dialect, tables.history)
    told = statement.excluded
    has_asks = told.asks > 0
    changed = {
        "beats": kept.beats + 1,
        "asks": kept.asks + told.asks,
        "errors": kept.errors + told.errors,
        "p50_ms": case((has_asks, told.p50_ms), else_=kept.p50_ms),
        "p95_ms": case((told.p95_ms > kept.p95_ms, told.p95_ms), else_=kept.p95_ms),
        "level": told.level,
        "live": told.live,
    }
    keys = [kept.store, kept.slot_at]
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _insert(dialect: str, table: Any) -> Any:
    kind = postgresql if dialect == "postgresql" else sqlite
    return kind.insert(table).values({c.name: bindparam(c.name) for c in table.c})

"""A batch that is whole: read, kept item by item, then acknowledged; or put aside with the reason.

In this order, so that a kill between two steps loses nothing and keeps nothing twice: pieces are
durable, then items (once by device and id), then the blob, then the batch's own row, which is the
acknowledgement; then the pieces go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from appliance.ports import Clock
from sync.hub import tables
from sync.hub.alarms import QUARANTINE, open_alarm
from sync.hub.blobs import Blobs
from sync.hub.bodies import words
from sync.hub.door import Caller
from sync.hub.ledger import Ledger
from sync.hub.pieces import Pieces
from sync.hub.unpack import DamagedBatch, read_batch
from sync.wire import BatchItem

KEPT, QUARANTINED, PARTIAL = "kept", "quarantined", "partial"
ITEMS_AT_ONCE = 200  # in one write, so that beats are not kept waiting
MOST_PRIORITY = 1_000
MOST_CHANGED = 3  # times a batch's bytes may arrive changed: then it is the store's that are


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a batch."""

    state: str  # kept | quarantined
    why: str = ""
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Keeper:
    """Takes whole batches in; one call at a time for a batch, from any thread."""

    ledger: Ledger
    pieces: Pieces
    blobs: Blobs
    clock: Clock

    def __call__(self, caller: Caller, sha256: str, total: int) -> Kept | None:
        """Keep a batch all of whose bytes are here; None when they are not those it is named for.

        None: they were changed on the way, and are dropped so that the store sends them again.

        Raises:
            LedgerError: It could not be kept now; its pieces stay.
        """
        is_whole = self.pieces.digest(caller.device, sha256, total) == sha256
        if not is_whole and self.pieces.spoil(caller.device, sha256) < MOST_CHANGED:
            return None
        try:
            if not is_whole:
                raise DamagedBatch("Its bytes are not those it is named for, however often sent.")
            owner = self._check(caller, sha256, total)
        except DamagedBatch as exc:
            kept, new = Kept(QUARANTINED, words(exc.message, 500), total), 0
            blob = f"quarantine/{caller.device}/{sha256}.zst" if is_whole else ""
        else:
            kept, blob = Kept(KEPT, bytes=total), f"batches/{caller.device}/{sha256}.zst"
            new = self._keep_items(caller, sha256, total, owner)
        if blob:
            self.blobs.put(blob, self.pieces.read(caller.device, sha256, total))
        self.ledger.write(lambda c: self._conclude(c, caller, sha256, kept, blob=blob, new=new))
        self.pieces.drop(caller.device, sha256)
        return kept

    def _check(self, caller: Caller, sha256: str, total: int) -> str:
        """Read all of a batch; return the device that sealed it.

        Raises:
            DamagedBatch: It cannot be read, or is another store's.
        """
        head, items = read_batch(self.pieces.read(caller.device, sha256, total))
        if head.store != caller.store:
            raise DamagedBatch("It was sealed by another store.")
        if head.device != caller.device:
            # Sealed before the store was enrolled again: still its own.
            query = select(tables.devices.c.id).where(
                tables.devices.c.id == head.device, tables.devices.c.store == caller.store
            )
            if self.ledger.read(lambda c: c.execute(query).first()) is None:
                raise DamagedBatch("It was sealed by a device that is none of this store's.")
        for _ in items:
            pass
        return head.device

    def _keep_items(self, caller: Caller, sha256: str, total: int, owner: str) -> int:
        _, items = read_batch(self.pieces.read(caller.device, sha256, total))
        now, new = self.clock.now(), 0
        for some in _chunks(items, ITEMS_AT_ONCE):
            rows = [
                {**_row(item), "device": owner, "store": caller.store, "received_at": now}
                | {"batch": sha256}
                for item in some
            ]
            new += self.ledger.write(lambda c, rows=rows: _insert_new(c, rows))  # type: ignore[misc]
        return new

    def _conclude(
        self,
        connection: Connection,
        caller: Caller,
        sha256: str,
        kept: Kept,
        *,
        blob: str,
        new: int,
    ) -> None:
        now = self.clock.now()
        row = {
            "device": caller.device,
            "sha256": sha256,
            "store": caller.store,
            "state": kept.state,
            "why": kept.why,
            "bytes": kept.bytes,
            "items": new,
            "ended_at": now,
            "blob": blob,
        }
        connection.execute(_put_batch(connection.dialect.name), row)
        if kept.state == QUARANTINED:
            why = f"Batch {sha256[:12]} could not be read: {kept.why}"
            open_alarm(connection, caller.store, QUARANTINE, why, now=now)


def find_kept(connection: Connection, device: str, sha256: str) -> Kept | None:
    """Return what became of a batch, or None while it is not all here."""
    columns = tables.batches.c
    query = select(columns.state, columns.why, columns.bytes).where(
        columns.device == device, columns.sha256 == sha256
    )
    row = connection.execute(query).first()
    return None if row is None else Kept(*row)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch that has come to its end, for people to see."""

    sha256: str
    store: str
    state: str
    why: str
    bytes: int
    items: int
    ended_at: datetime


def newest_batches(connection: Connection, *, most: int, quarantined: bool = False) -> list[Batch]:
    """Return the newest batches, or the newest of those that could not be read."""
    kept = tables.batches.c
    query = select(*(kept[field.name] for field in fields(Batch)))
    if quarantined:
        query = query.where(kept.state == QUARANTINED)
    rows = connection.execute(query.order_by(kept.ended_at.desc()).limit(most))
    return [Batch(*row) for row in rows]


def _row(item: BatchItem) -> dict[str, Any]:
    return {
        "id": words(item.id, 64),
        "kind": words(item.kind, 32),
        "priority": max(-MOST_PRIORITY, min(MOST_PRIORITY, item.priority)),
        "put_at": item.put_at,
        "reply": words(str(item.body.get("reply", "")), 64),
        "body": msgspec.json.encode(item.body).decode(),
    }


def _insert_new(connection: Connection, rows: list[dict[str, Any]]) -> int:
    """Keep items; return how many were not there. One that comes twice stays as it came first."""
    name = connection.dialect.name
    return sum(connection.execute(_put_item(name), row).rowcount for row in rows)


def _chunks(items: Iterable[BatchItem], size: int) -> Iterator[list[BatchItem]]:
    found = iter(items)
    while some := list(islice(found, size)):
        yield some


@cache
def _put_item(dialect: str) -> Any:  # of either dialect
    kept = tables.items.c
    columns = [c for c in kept if c.name != "answered_at"]
    return _insert(dialect, tables.items, columns).on_conflict_do_nothing(
        index_elements=[kept.device, kept.id]
    )


@cache
def _put_batch(dialect: str) -> Any:  # of either dialect
    kept = tables.batches.c
    return _insert(dialect, tables.batches, list(kept)).on_conflict_do_nothing(
        index_elements=[kept.device, kept.sha256]
    )


def _insert(dialect: str, table: Any, columns: list[Any]) -> Any:
    kind = postgresql if dialect == "postgresql" else sqlite
    return kind.insert(table).values({c.name: bindparam(c.name) for c in columns})

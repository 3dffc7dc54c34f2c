"""Wishes on their way to stores: put in a small table by any process, read by every worker."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert

from sync.hub import tables
from sync.wire import Wish, WishKind

# Of a device's streams: the kind of a signal that is no wish; its `release` is the device's id.
END = "end"
KEPT_FOR = timedelta(days=1)


def put_wish(
    connection: Connection, wish: Wish, *, now: datetime, store: str = "", to_ring: str = ""
) -> None:
    """Wish something of one store, of a ring's stores, or of all."""
    _put(connection, wish.kind.value, wish, now=now, store=store, to_ring=to_ring)


def end_streams(connection: Connection, devices: Iterable[str], *, now: datetime) -> None:
    """Let the wake streams of devices end; each has to show a good token to open another."""
    for device in devices:
        _put(connection, END, Wish(WishKind.LOOK, release=device), now=now)


def _put(  # what every signal has
    connection: Connection,
    kind: str,
    wish: Wish,
    *,
    now: datetime,
    store: str = "",
    to_ring: str = "",
) -> None:
    row = {"kind": kind, "store": store, "to_ring": to_ring, "made_at": now}
    connection.execute(insert(tables.signals), {**row, "ring": wish.ring, "release": wish.release})


def forget_signals(connection: Connection, *, now: datetime) -> None:
    """Drop what no beat tells any more."""
    connection.execute(delete(tables.signals).where(tables.signals.c.made_at < now - KEPT_FOR))

"""One worker's view of what is wished of stores: the table is looked at twice a second.

A wish reaches the streams of all workers within that, and the beats of stores without a stream.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from appliance.ports import Clock
from sync.hub import tables
from sync.hub.errors import LedgerError
from sync.hub.ledger import Ledger
from sync.hub.wakes import Wakes
from sync.hub.wishes import END
from sync.wire import Wish, WishKind

log = logging.getLogger("backroom.hub")
POLL_S = 0.5
MOST_KEPT = 1_000  # in a worker's memory; older ones a store finds out by itself
MOST_AT_ONCE = 500  # rows of one look
# Two of PostgreSQL's transactions can end in the other order than their ids: look again at the
# newest ids, pass over those already seen.
LOOK_BACK = 64
FIND_SIGNALS = (
    select(tables.signals)
    .where(tables.signals.c.id > bindparam("after"))
    .order_by(tables.signals.c.id)
    .limit(MOST_AT_ONCE)
)


@dataclass(frozen=True, slots=True)
class Signal:
    """A wish and whose it is."""

    id: int
    kind: str  # a WishKind or END
    store: str  # '': of every store
    to_ring: str  # '': of every ring
    wish: Wish
    made_at: datetime

    def is_for(self, store: str, ring: str) -> bool:
        """Tell whether it is for a store of a ring."""
        return self.store in {"", store} and self.to_ring in {"", ring}


@dataclass(slots=True)
class Signals:
    """One worker's view of the table."""

    ledger: Ledger
    clock: Clock
    wakes: Wakes
    _kept: deque[Signal] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    _seen: deque[int] = field(default_factory=lambda: deque(maxlen=LOOK_BACK * 4))
    _newest: int = 0

    def wishes_for(self, store: str, ring: str, *, since: datetime) -> tuple[Wish, ...]:
        """Return what was wished of a store since an instant, each wish once, oldest first."""
        found: dict[Wish, None] = {}
        for signal in reversed(self._kept):
            if signal.made_at < since:
                break
            if signal.kind != END and signal.is_for(store, ring):
                found[signal.wish] = None
        return tuple(reversed(found))

    def tell_here(self, wish: Wish, *, to_ring: str = "") -> None:
        """Wish something of the stores that this worker hears: each worker found it by itself."""
        signal = Signal(0, wish.kind.value, "", to_ring, wish, self.clock.now())
        self._kept.append(signal)
        self.wakes.wake(signal.kind, wish, is_for=signal.is_for)

    async def follow(self) -> None:
        """Look at the table until cancelled; a database that is away is waited for."""
        for signal in await self._look_calmly():
            self._kept.append(signal)  # of before this worker began: for beats alone
        while True:
            await asyncio.sleep(POLL_S)
            for signal in await self._look_calmly():
                self._kept.append(signal)
                self.wakes.wake(signal.kind, signal.wish, is_for=signal.is_for)

    async def _look_calmly(self) -> Sequence[Signal]:
        try:
            return await self.ledger.reading(self._look)
        except LedgerError as exc:
            log.warning("%s: wishes wait for the database: %s", exc.code, exc)
            return ()

    def _look(self, connection: Connection) -> list[Signal]:
        rows = connection.execute(FIND_SIGNALS, {"after": self._newest - LOOK_BACK}).all()
        found = [
            Signal(row.id, row.kind, row.store, row.to_ring, _wish(row), row.made_at)
            for row in rows
            if row.id not in self._seen
        ]
        self._seen.extend(signal.id for signal in found)
        self._newest = max([self._newest, *(signal.id for signal in found)])
        return found


def _wish(row: Row[Any]) -> Wish:
    kind = WishKind.LOOK if row.kind == END else WishKind(row.kind)
    return Wish(kind, ring=row.ring, release=row.release)

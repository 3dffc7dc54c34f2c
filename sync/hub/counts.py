"""What the hub counts, added up in the ledger over its workers and restarts."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam
from sqlalchemy.dialects import postgresql, sqlite

from appliance.errors import BackroomError
from sync.hub import tables
from sync.hub.ledger import Ledger

log = logging.getLogger("backroom.hub")
FLUSH_S = 10.0  # what a killed worker counted since is lost; nothing but charts goes by it
MOST_SERIES = 2_000


@dataclass(slots=True)
class Counts:
    """One worker's counts on their way into the ledger; any thread adds."""

    ledger: Ledger
    _waiting: Counter[str] = field(default_factory=Counter)

    def add(self, series: str, number: int = 1) -> None:
        """Count; `series` as Prometheus writes it, of bounded kinds: `name_total{what="beat"}`."""
        if series in self._waiting or len(self._waiting) < MOST_SERIES:
            self._waiting[series] += number

    async def follow(self) -> None:
        """Write what was counted, now and then, until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(FLUSH_S)
                await self.flush()
        finally:
            await asyncio.shield(self.flush())

    async def flush(self) -> None:
        """Write what was counted since the last time; what cannot be written is counted on."""
        counted, self._waiting = self._waiting, Counter()
        if not counted:
            return
        try:
            await self.ledger.writing(lambda connection: add_counts(connection, counted))
        except BackroomError as exc:
            self._waiting.update(counted)
            log.warning("%s: counts wait for the database.", exc.code)


def add_counts(connection: Connection, counted: Counter[str]) -> None:
    """Add to the ledger's counts, in one order, so that two workers do not wait crosswise."""
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    kept = tables.counts.c
    new = kind.insert(tables.counts).values(name=bindparam("name"), value=bindparam("value"))
    adding = new.on_conflict_do_update(
        index_elements=[kept.name], set_={"value": kept.value + new.excluded.value}
    )
    rows = [{"name": name[:120], "value": number} for name, number in sorted(counted.items())]
    connection.execute(adding, rows)

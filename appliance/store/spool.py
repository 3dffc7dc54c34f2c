"""What the store owes headquarters: bounded in bytes, the least valuable goes first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import apsw

from appliance.ports import Clock
from appliance.store.db import Database

DEFAULT_BUDGET_BYTES = 64 * 1024 * 1024  # days of edge cases of one store: about 2 kB each


@dataclass(frozen=True, slots=True)
class SqliteSpool:
    """`ports.Spool` on the store's database."""

    database: Database
    clock: Clock
    budget_bytes: int = DEFAULT_BUDGET_BYTES

    def put(self, kind: str, body: Mapping[str, Any], *, priority: int) -> bool:
        """Keep one item durably; return False when it was dropped because the spool is full.

        When full, lower priorities go first, oldest first among equals; each drop is counted.

        Raises:
            StoreError: It could not be written.
        """
        text = json.dumps(body, ensure_ascii=False, sort_keys=True)
        size = len(text.encode("utf-8", "surrogatepass"))
        at = self.clock.now().isoformat()

        def insert(connection: apsw.Connection) -> bool:
            if not self._make_room(connection, size, priority):
                _count_drop(connection, kind)
                return False
            connection.execute(
                "INSERT INTO spool (kind, priority, put_at, body, bytes) VALUES (?, ?, ?, ?, ?)",
                (kind, priority, at, text, size),
            )
            return True

        return self.database.write(insert)

    def withdraw(self, kind: str, *, reply: str) -> int:
        """Take back the items of one kind about one reply; return how many there were.

        Raises:
            StoreError: It could not be written.
        """

        def delete(connection: apsw.Connection) -> int:
            connection.execute(
                "DELETE FROM spool WHERE kind = ? AND json_extract(body, '$.reply') = ?",
                (kind, reply),
            )
            return int(connection.changes())

        return self.database.write(delete)

    def count(self) -> int:
        """Return the number of items kept."""
        return int(self.database.rows("SELECT count(*) FROM spool")[0][0])

    def dropped(self) -> int:
        """Return the number of items ever dropped because the spool was full."""
        rows = self.database.rows(
            "SELECT coalesce(sum(value), 0) FROM counters WHERE name LIKE 'spool_dropped_%'"
        )
        return int(rows[0][0])

    def _make_room(self, connection: apsw.Connection, size: int, priority: int) -> bool:
        used = int(connection.execute("SELECT coalesce(sum(bytes), 0) FROM spool").get)
        excess = used + size - self.budget_bytes
        if excess <= 0:
            return True
        evictable = int(
            connection.execute(
                "SELECT coalesce(sum(bytes), 0) FROM spool WHERE priority <= ?", (priority,)
            ).get
        )
        if evictable < excess:
            return False
        victims = connection.execute(
            "SELECT id, kind, bytes FROM spool WHERE priority <= ? ORDER BY priority, id",
            (priority,),
        ).fetchall()
        for item, kind, taken in victims:
            connection.execute("DELETE FROM spool WHERE id = ?", (item,))
            _count_drop(connection, str(kind))
            excess -= int(str(taken))
            if excess <= 0:
                break
        return True


def _count_drop(connection: apsw.Connection, kind: str) -> None:
    connection.execute(
        "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
        (f"spool_dropped_{kind}",),
    )

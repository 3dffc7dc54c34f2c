"""What the store owes headquarters: bounded in bytes, the least valuable goes first."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from appliance.ports import Clock
from appliance.store.db import Database

DEFAULT_BUDGET_BYTES = 64 * 1024 * 1024  # days of edge cases of one store: about 2 kB each


MOST_READ = 5_000  # items looked at for one batch; the rest wait for the next


@dataclass(frozen=True, slots=True)
class Owing:
    """One thing owed, as it is kept."""

    id: str  # 32 hexadecimal digits, the same however often it is sent
    kind: str
    priority: int
    put_at: datetime
    body: Mapping[str, Any]
    bytes: int  # of the body as JSON


@dataclass(frozen=True, slots=True)
class SpoolCount:
    """How much is owed."""

    items: int
    bytes: int
    dropped: int  # ever: there was no room, or headquarters refused it for good
    oldest_at: datetime | None
    most_valuable: int  # priority; 0 when nothing is owed


def new_item() -> str:
    """Return the name of an item: random, for two stores must never give the same."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class SqliteSpool:
    """`ports.Spool` on the store's database; what the agent sends is read and removed here."""

    database: Database
    clock: Clock
    budget_bytes: int = DEFAULT_BUDGET_BYTES
    new_item: Callable[[], str] = new_item

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
                "INSERT INTO spool (item, kind, priority, put_at, body, bytes)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (self.new_item(), kind, priority, at, text, size),
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

    def counted(self) -> SpoolCount:
        """Return how much is owed.

        Raises:
            StoreError: The database could not be read.
        """
        ((items, size, oldest, most),) = self.database.rows(
            "SELECT count(*), coalesce(sum(bytes), 0), min(put_at), coalesce(max(priority), 0)"
            " FROM spool"
        )
        oldest_at = datetime.fromisoformat(oldest) if oldest else None
        return SpoolCount(int(items), int(size), self.dropped(), oldest_at, int(most))

    def owing(
        self, *, most_bytes: int, most_items: int = MOST_READ, but: Sequence[str] = ()
    ) -> tuple[Owing, ...]:
        """Return what is owed, the most valuable first, oldest first among equals.

        Nothing is taken out: an item leaves by `remove`, once headquarters has it.

        Args:
            most_bytes: Of the bodies together; the first item comes whatever its size.
            most_items: At most so many.
            but: Items that are under way already.

        Raises:
            StoreError: The database could not be read.
        """
        left_out, found, size = frozenset(but), list[Owing](), 0
        rows = self.database.rows(
            "SELECT item, kind, priority, put_at, body, bytes FROM spool"
            " ORDER BY priority DESC, id LIMIT ?",
            (MOST_READ + len(left_out),),
        )
        for item, kind, priority, put_at, body, taken in rows:
            if item in left_out:
                continue
            size += taken
            if found and (size > most_bytes or len(found) >= most_items):
                break
            at = datetime.fromisoformat(put_at)
            found.append(Owing(item, kind, priority, at, json.loads(body), taken))
        return tuple(found)

    def remove(self, items: Sequence[str]) -> int:
        """Forget items that headquarters has; return how many were still here.

        Raises:
            StoreError: It could not be written; to remove them again completes it.
        """

        def delete(connection: apsw.Connection) -> int:
            found = 0
            for item in items:
                connection.execute("DELETE FROM spool WHERE item = ?", (item,))
                found += int(connection.changes())
            return found

        return self.database.write(delete)

    def give_up(self, item: str) -> None:
        """Forget an item that headquarters will never take; it is counted as dropped.

        Raises:
            StoreError: It could not be written.
        """

        def delete(connection: apsw.Connection) -> None:
            kinds = connection.execute("SELECT kind FROM spool WHERE item = ?", (item,)).fetchall()
            connection.execute("DELETE FROM spool WHERE item = ?", (item,))
            for (kind,) in kinds:
                _count_drop(connection, str(kind))

        self.database.write(delete)

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

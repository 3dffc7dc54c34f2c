"""Conversations: the turns of each thread, kept across restarts and releases."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

import apsw

from appliance.records import Turn
from appliance.store.db import Database


@dataclass(frozen=True, slots=True)
class SqliteThreads:
    """`ports.Threads` on the store's database."""

    database: Database

    def turns(self, thread: str, *, limit: int = 6) -> tuple[Turn, ...]:
        """Return the latest turns, oldest first; empty for an unknown thread."""
        if not thread:
            return ()
        rows = self.database.rows(
            "SELECT turn FROM threads WHERE thread = ? ORDER BY sequence DESC LIMIT ?",
            (thread, limit),
        )
        return tuple(_turn(row[0]) for row in reversed(rows))

    def add(self, thread: str, turn: Turn, *, reply_id: str, at: datetime) -> None:
        """Append a turn durably.

        Raises:
            StoreError: It could not be written.
        """
        text = json.dumps(asdict(turn), ensure_ascii=False)

        def insert(connection: apsw.Connection) -> None:
            connection.execute(
                "INSERT INTO threads (thread, sequence, reply_id, at, turn) SELECT ?,"
                " coalesce(max(sequence), 0) + 1, ?, ?, ? FROM threads WHERE thread = ?",
                (thread, reply_id, at.isoformat(), text, thread),
            )

        self.database.write(insert)


def _turn(text: str) -> Turn:
    fields = json.loads(text)
    return Turn(**{**fields, "subject": tuple(fields["subject"])})

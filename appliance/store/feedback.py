"""What associates thought of replies: one verdict a person, the latest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import apsw

from appliance.records import Feedback, Thumb
from appliance.store.db import Database


@dataclass(frozen=True, slots=True)
class SqliteFeedback:
    """Feedback in the store's database."""

    database: Database

    def of(self, reply_id: str, owner: tuple[str, str]) -> Feedback | None:
        """Return what this (device, badge) last said of a reply, or None."""
        rows = self.database.rows(
            "SELECT verdict, text FROM feedback WHERE reply_id = ? AND device = ? AND badge = ?",
            (reply_id, *owner),
        )
        return Feedback(reply_id, Thumb(rows[0][0]), str(rows[0][1])) if rows else None

    def put(self, feedback: Feedback, owner: tuple[str, str], *, at: datetime) -> None:
        """Keep a verdict durably in the place of an earlier one.

        Raises:
            StoreError: It could not be written.
        """
        row = (feedback.reply, *owner, feedback.verdict.value, feedback.text, at.isoformat())

        def insert(connection: apsw.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?, ?, ?)", row)

        self.database.write(insert)

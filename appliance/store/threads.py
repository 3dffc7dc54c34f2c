"""Conversations: the turns of each thread, kept across restarts and releases."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime

import apsw

from appliance.codec import from_plain
from appliance.records import LOCAL, Exchange, LaneName, LateAnswer, Principal, Source, Turn
from appliance.store.db import Database

MOST_EXCHANGES = 100  # of one conversation, shown at once
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


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

    def exchanges(
        self, thread: str, *, owner: tuple[str, str], limit: int = MOST_EXCHANGES
    ) -> tuple[Exchange, ...]:
        """Return the latest exchanges as they were said, oldest first, with this owner's thumbs."""
        rows = self.database.rows(
            "SELECT t.reply_id, json_extract(j.body, '$.ask.text'),"
            " json_extract(j.body, '$.reply.text'), json_extract(j.body, '$.reply.lane'), t.at,"
            " coalesce(f.verdict, ''), json_extract(j.body, '$.reply.sources'),"
            " json_extract(j.body, '$.reply.facts'),"
            " (SELECT l.told FROM late_answers l WHERE l.reply_id = t.reply_id AND l.device = ?1"
            " AND l.badge = ?2 AND l.told <> '' ORDER BY l.decided_at DESC LIMIT 1)"
            " FROM threads t"
            " JOIN journal j ON j.reply_id = t.reply_id AND j.kind = 'reply'"
            " LEFT JOIN feedback f ON f.reply_id = t.reply_id AND f.device = ?1 AND f.badge = ?2"
            " WHERE t.thread = ?3 ORDER BY t.sequence DESC LIMIT ?4",
            (*owner, thread, limit),
        )
        return tuple(
            Exchange(
                reply,
                text,
                answer,
                LaneName(lane),
                datetime.fromisoformat(at),
                verdict,
                _passages(sources, facts),
                from_plain(json.loads(late), LateAnswer) if late else None,
            )
            for reply, text, answer, lane, at, verdict, sources, facts, late in reversed(rows)
        )

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

    def claim(self, thread: str, principal: Principal, *, at: datetime) -> bool:
        """Return whether the thread is this principal's, durably; the first to ask owns it.

        A thread whose owner was never written down (it is older than owners are) is left to this
        machine's own command line and demo.

        Raises:
            StoreError: It could not be written.
        """
        owner = self._owner(thread)
        if owner is None:
            device, badge = principal.owner
            self.database.write(
                lambda connection: connection.execute(
                    "INSERT OR IGNORE INTO thread_owners (thread, device, badge, opened_at)"
                    " SELECT ?1, ?2, ?3, ?4 WHERE ?2 = ?5"
                    " OR NOT EXISTS (SELECT 1 FROM threads WHERE thread = ?1)",
                    (thread, device, badge, at.isoformat(), LOCAL),
                )
            )
            owner = self._owner(thread)
        return owner == principal.owner

    def is_owner(self, thread: str, owner: tuple[str, str]) -> bool:
        """Return whether the thread is there and this (device, badge) opened it."""
        return self._owner(thread) == owner

    def _owner(self, thread: str) -> tuple[str, str] | None:
        rows = self.database.rows(
            "SELECT device, badge FROM thread_owners WHERE thread = ?", (thread,)
        )
        return (str(rows[0][0]), str(rows[0][1])) if rows else None


def name_fault(thread: str) -> str:
    """Return why a conversation cannot be named so, in words; '' when it can, however it came."""
    if _NAME.fullmatch(thread):
        return ""
    return "That is not a thread's id: 1 to 64 letters, digits, - and _."


def _passages(sources: str, facts: str) -> tuple[Source, ...]:
    live = {fact["id"] for fact in json.loads(facts)}
    return tuple(Source(**s) for s in json.loads(sources) if s["id"] not in live)


def _turn(text: str) -> Turn:
    fields = json.loads(text)
    return Turn(**{**fields, "subject": tuple(fields["subject"])})

"""The journal: every reply as one durable row, each row's hash covering the one before.

Its kinds: `reply`, the `sentence`s of a streamed one, `feedback`; and who came and went: `pairing`,
`revocation`, `sign_in`, `sign_out`, `lock_out`; and `late_answer`, what headquarters answered to
an ask that was handed over. All but the first three are written with what they tell of, in one
transaction; `journal.head` hears of them with the next reply.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from appliance.errors import JournalBroken, StoreError
from appliance.ports import Clock
from appliance.records import Entry
from appliance.store.db import Database
from appliance.store.journal_head import JournalHead, check_head, read_head

GENESIS = "0" * 64
PAGE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class SqliteJournal:
    """`ports.Journal` on the store's database."""

    database: Database
    clock: Clock
    head: JournalHead | None = None  # of a store at work; reading alone needs none

    def append(self, kind: str, body: Mapping[str, Any]) -> Entry:
        """Write one row durably and return it.

        Raises:
            StoreError: The row could not be written.
        """
        at = self.clock.now()
        entry = self.database.write(lambda connection: add_row(connection, kind, body, at=at))
        if self.head is not None:
            self.head.note(entry)
        return entry

    def reply(self, reply_id: str) -> Mapping[str, Any] | None:
        """Return the body of a reply's row, or None."""
        rows = self.database.rows(
            "SELECT body FROM journal WHERE reply_id = ? AND kind = 'reply'", (reply_id,)
        )
        return dict(json.loads(rows[0][0])) if rows else None

    def count(self) -> int:
        """Return the number of rows; they are numbered without gaps, so none is counted."""
        return int(self.database.rows("SELECT coalesce(max(sequence), 0) FROM journal")[0][0])

    def latest(self, *, limit: int) -> list[Entry]:
        """Return the latest rows, newest first, but for the sentences: a reply has them all."""
        rows = self.database.rows(
            "SELECT sequence, written_at, kind, body, previous, hash FROM journal"
            " WHERE kind <> 'sentence' ORDER BY sequence DESC LIMIT ?",
            (limit,),
        )
        return [Entry(number, parse_time(at), *rest) for number, at, *rest in rows]

    def verify(self) -> int:
        """Return the number of rows checked.

        Rows cut off at the end are noticed by `journal.head`, but for those of the last second
        before a crash, and not when the head was taken away or written anew with them: for that,
        compare the last hash with one kept elsewhere (headquarters keeps it from each beat).

        Raises:
            JournalBroken: A row was altered, removed, reordered, or cut off at the end.
        """
        head = read_head(self.database)  # before the rows: a store at work adds to them
        previous, count, at_head = GENESIS, 0, ""
        while rows := self.database.rows(
            "SELECT sequence, written_at, kind, reply_id, body, previous, hash FROM journal"
            " WHERE sequence > ? ORDER BY sequence LIMIT ?",
            (count, PAGE_ROWS),
        ):
            for sequence, written_at, kind, reply_id, body, stated, digest in rows:
                count += 1
                _check(sequence, count, stated=stated, previous=previous)
                found = row_hash(sequence, written_at, kind, previous, body)
                if found != digest or reply_id != str(_parsed(body, sequence).get("id", "")):
                    raise JournalBroken(
                        f"Journal row {sequence} was altered: its hash is {digest[:12]}…, its"
                        f" content gives {found[:12]}….",
                        hint="Keep the file as evidence and call HQ operations.",
                    )
                previous = digest
                if head is not None and sequence == head.sequence:
                    at_head = digest
        check_head(head, rows=count, digest=at_head)
        return count


def add_row(
    connection: apsw.Connection, kind: str, body: Mapping[str, Any], *, at: datetime
) -> Entry:
    """Add one row within a transaction that is already open, and return it."""
    text, written_at = canonical(body), at.isoformat()
    last = connection.execute(
        "SELECT sequence, hash FROM journal ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    sequence, previous = (last[0] + 1, last[1]) if last else (1, GENESIS)
    digest = row_hash(sequence, written_at, kind, previous, text)
    connection.execute(
        "INSERT INTO journal (sequence, written_at, kind, reply_id, body, previous, hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (sequence, written_at, kind, str(body.get("id", "")), text, previous, digest),
    )
    return Entry(sequence, at, kind, text, previous, digest)


def canonical(body: Mapping[str, Any]) -> str:
    """Return JSON with sorted keys and no spaces: the same content is the same text."""
    try:
        return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError) as exc:
        raise StoreError(f"A journal row is not JSON: {exc}.") from exc


def row_hash(sequence: int, written_at: str, kind: str, previous: str, body: str) -> str:
    """Return the hex sha256 of a row's fields, joined by newlines; only body may hold any."""
    text = "\n".join((str(sequence), written_at, kind, previous, body))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def parse_time(text: str) -> datetime:
    """Return the instant written in a row."""
    return datetime.fromisoformat(text)


def _check(sequence: int, expected: int, *, stated: str, previous: str) -> None:
    if sequence != expected:
        raise JournalBroken(f"Journal row {expected} is missing; the next row is {sequence}.")
    if stated != previous:
        raise JournalBroken(
            f"Journal row {sequence} follows {stated[:12]}…, but the row before it is"
            f" {previous[:12]}…: a row was replaced."
        )


def _parsed(body: str, sequence: int) -> dict[str, Any]:
    try:
        return dict(json.loads(body))
    except (ValueError, TypeError) as exc:
        raise JournalBroken(f"Journal row {sequence} was altered: its body is not JSON.") from exc

"""What headquarters answers later: kept as it came, decided once, shown to whoever asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from appliance.codec import from_plain, to_plain
from appliance.ports import Clock
from appliance.records import Arrived, LateAnswer
from appliance.store.db import Database
from appliance.store.journal import add_row

ROW = "late_answer"  # kind of its journal row
ARRIVED, GIVEN, WITHHELD = "arrived", "given", "withheld"
MOST_SHOWN = 50
MOST_DECIDED = 20  # at one look; the rest at the next
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SqliteLateAnswers:
    """`ports.LateAnswers` on the store's database."""

    database: Database
    clock: Clock

    def arrive(self, answers: Sequence[Arrived]) -> int:
        """Keep answers durably, as they came; return how many were new here.

        One that came before changes nothing, unless it is a newer word of the same speaker: then
        it is decided anew. One to a reply this store never gave is logged and left.

        Raises:
            StoreError: They could not be written; to take them in again completes it.
        """
        at = self.clock.now().isoformat()
        return self.database.write(
            lambda connection: sum(_insert(connection, answer, at) for answer in answers)
        )

    def arrived(self, owner: tuple[str, str]) -> tuple[Arrived, ...]:
        """Return what came for this (device, badge) and is not decided yet, oldest first.

        Raises:
            StoreError: The database could not be read.
        """
        rows = self.database.rows(
            "SELECT said FROM late_answers WHERE device = ? AND badge = ? AND state = ?"
            " ORDER BY arrived_at, reply_id LIMIT ?",
            (*owner, ARRIVED, MOST_DECIDED),
        )
        return tuple(from_plain(json.loads(said), Arrived) for (said,) in rows)

    def decide(self, answer: LateAnswer, came: Arrived, *, checks: Sequence[Any]) -> None:
        """Write down what is shown of an answer: in the journal, here and in its thread, at once.

        Decided before, it stays as it was.

        Args:
            answer: As it may be shown.
            came: What it was made of.
            checks: Plain records of what governance said.

        Raises:
            StoreError: Nothing was written.
        """
        at = self.clock.now()
        body = {"id": answer.reply, "checks": list(checks), **_told(answer)}

        def write(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE late_answers SET state = ?, told = ?, decided_at = ?"
                " WHERE reply_id = ? AND by = ? AND said = ? AND state = ?",
                (
                    WITHHELD if answer.is_withheld else GIVEN,
                    _text(answer),
                    at.isoformat(),
                    *(answer.reply, answer.by, _text(came), ARRIVED),
                ),
            )
            if connection.changes():
                add_row(connection, ROW, body, at=at)
                if not answer.is_withheld:
                    _put_in_thread(connection, answer)

        self.database.write(write)

    def given(self, owner: tuple[str, str], *, limit: int = MOST_SHOWN) -> tuple[LateAnswer, ...]:
        """Return what may be shown to this (device, badge), the latest decided first.

        Raises:
            StoreError: The database could not be read.
        """
        rows = self.database.rows(
            "SELECT told FROM late_answers WHERE device = ? AND badge = ? AND state <> ?"
            " ORDER BY decided_at DESC, reply_id LIMIT ?",
            (*owner, ARRIVED, limit),
        )
        return tuple(from_plain(json.loads(told), LateAnswer) for (told,) in rows)


def _insert(connection: apsw.Connection, answer: Arrived, at: str) -> int:
    row = connection.execute(
        "SELECT coalesce(json_extract(body, '$.ask.device'), ''),"
        " coalesce(json_extract(body, '$.ask.associate'), '')"
        " FROM journal WHERE reply_id = ? AND kind = 'reply'",
        (answer.reply,),
    ).fetchone()
    if row is None:
        log.warning("late_answer: reply %s was never given here; it is left", answer.reply)
        return 0
    connection.execute(
        "INSERT INTO late_answers (reply_id, by, device, badge, said, state, arrived_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (reply_id, by) DO UPDATE SET"
        " said = excluded.said, state = excluded.state, arrived_at = excluded.arrived_at"
        " WHERE json_extract(said, '$.at') < json_extract(excluded.said, '$.at')",
        (answer.reply, answer.by, *row, _text(answer), ARRIVED, at),
    )
    return int(connection.changes())


def _put_in_thread(connection: apsw.Connection, answer: LateAnswer) -> None:
    """Have the next follow-up refer to the answer instead of to the hand-over."""
    connection.execute(
        "UPDATE threads SET turn = json_set(turn, '$.answer', ?) WHERE thread = ? AND reply_id = ?",
        (answer.text, answer.thread, answer.reply),
    )


def _told(answer: LateAnswer) -> dict[str, Any]:
    told = dict(to_plain(answer))
    for name in ("reply", "thread", "asked"):  # they stand in the reply's own row
        told.pop(name)
    return told


def _text(record: object) -> str:
    return json.dumps(to_plain(record), ensure_ascii=False, sort_keys=True)

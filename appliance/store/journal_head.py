"""The journal's last row, told again beside the database, so that a journal cut short is noticed.

The chain alone proves that no row before its last was touched; rows cut off its end leave a shorter
chain that is whole. `journal.head` says how far it went. It is written at most once a second and
when the store closes, off the asks' way, so after a crash it may lag by what was said in the last
second. Not covered: whoever takes the head away or writes it anew together with the rows, and rows
of that last second. For those the last hash is kept elsewhere: headquarters has it from each beat.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.damage import found
from appliance.errors import BackroomError, JournalBroken
from appliance.files import replaced
from appliance.records import Entry
from appliance.store.db import Database

log = logging.getLogger(__name__)

NAME = "journal.head"
EVERY_S = 1.0  # a head costs as much as a few rows: two fsyncs and a rename
EVIDENCE = (
    "Keep the database and journal.head as evidence and call HQ operations. A new head is begun"
    " once journal.head is moved away."
)


@dataclass(frozen=True, slots=True)
class Head:
    """How far a journal went."""

    sequence: int
    hash: str  # of that row, hex sha256


def read_head(database: Database) -> Head | None:
    """Return the head beside a database; None when none was written yet.

    Raises:
        JournalBroken: It cannot be read, or holds no row's number and hash.
    """
    path = _path(database)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return Head(int(fields["sequence"]), str(fields["hash"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise JournalBroken(
            f"{path} was altered: expected a sequence and a hash, found {found(exc)}.",
            hint=EVIDENCE,
        ) from exc


def check_head(head: Head | None, *, rows: int, digest: str) -> None:
    """Compare a head with the journal it stands beside.

    Args:
        head: As read before the rows were: a store at work adds some meanwhile.
        rows: Of the journal.
        digest: The hash of the head's row as the journal has it; '' when it has none.

    Raises:
        JournalBroken: The journal ends before the head, or has another row in that place.
    """
    if head is None or head.hash == digest:
        return
    if head.sequence > rows:
        raise JournalBroken(
            f"The journal ends at row {rows}, but {NAME} says that row {head.sequence} was written:"
            f" {head.sequence - rows} rows were cut off its end.",
            hint=EVIDENCE,
        )
    raise JournalBroken(
        f"Journal row {head.sequence} has hash {digest[:12]}…, but {NAME} says"
        f" {head.hash[:12]}…: the rows were written anew.",
        hint=EVIDENCE,
    )


class JournalHead:
    """Writes the head of one journal, on a thread of its own; close it after the last row."""

    def __init__(self, database: Database, *, every_s: float = EVERY_S) -> None:
        """Look at the head that is there; one that does not fit the journal is left as evidence."""
        self._path = _path(database)
        self._every_s = every_s
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._latest: Head | None = None
        self._written: Head | None = None
        self._is_evidence = _is_evidence(database)
        self._thread = threading.Thread(target=self._loop, name="journal-head", daemon=True)
        self._thread.start()

    def note(self, entry: Entry) -> None:
        """Remember a row that is durable; its head is written soon. Never raises."""
        with self._changed:
            if self._latest is None or entry.sequence > self._latest.sequence:
                self._latest = Head(entry.sequence, entry.hash)
                self._changed.notify()

    def close(self) -> None:
        """Write the last head and stop; idempotent."""
        with self._changed:
            self._closed.set()
            self._changed.notify()
        self._thread.join()

    def _loop(self) -> None:
        while True:
            with self._changed:
                while self._latest is self._written and not self._closed.is_set():
                    self._changed.wait()
                latest = self._latest
            if latest is self._written:
                return
            self._write(latest)
            self._written = latest
            self._closed.wait(self._every_s)

    def _write(self, head: Head | None) -> None:
        if head is None or self._is_evidence:
            return
        try:
            with replaced(self._path, make_folders=False) as file:
                file.write(json.dumps(asdict(head)) + "\n")
        except BackroomError as exc:
            # The row is durable and was perhaps heard: a head that lags takes nothing back.
            log.warning("journal: %s lags behind row %d: %s", NAME, head.sequence, exc)


def _is_evidence(database: Database) -> bool:
    """Tell, and log, that a journal was cut or altered while the store was closed."""
    try:
        head = read_head(database)
        if head is None:
            return False
        ((rows,),) = database.rows("SELECT coalesce(max(sequence), 0) FROM journal")
        there = database.rows("SELECT hash FROM journal WHERE sequence = ?", (head.sequence,))
        check_head(head, rows=int(rows), digest=str(there[0][0]) if there else "")
    except JournalBroken as exc:
        log.error("journal: %s", exc)
        return True
    return False


def _path(database: Database) -> Path:
    return database.path.with_name(NAME)

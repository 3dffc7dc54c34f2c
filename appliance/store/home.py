"""What a store keeps in its home: it stays open while one release follows another.

Two releases that are open at once write through this one database: one lock orders their rows, one
thread writes the journal's head, and a sign-in or a conversation outlives the release it began on.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock

import apsw

from appliance.config import Settings
from appliance.errors import StoreError
from appliance.ports import Clock
from appliance.store.associates import SqliteAssociates
from appliance.store.db import Database
from appliance.store.devices import SqliteDevices
from appliance.store.journal import SqliteJournal
from appliance.store.journal_head import JournalHead
from appliance.store.sessions import SqliteSessions
from appliance.store.spool import SqliteSpool
from appliance.store.threads import SqliteThreads

DATABASE = "store.db"
FAILED = "failed "  # in `counters`: then the release's id and the error's code
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Home:
    """The store's own database and all that is kept in it. Close it after the last release."""

    database: Database
    journal: SqliteJournal
    threads: SqliteThreads
    spool: SqliteSpool
    devices: SqliteDevices
    associates: SqliteAssociates
    sessions: SqliteSessions
    resources: ExitStack
    # One at a time, whichever release answers: see `backroom.Store`.
    rating: Lock = field(default_factory=Lock)
    deciding: Lock = field(default_factory=Lock)

    def count_failure(self, release: str, code: str) -> None:
        """Count an ask that a release answered with an error; one that cannot be is logged."""
        name = f"{FAILED}{release} {code}"
        try:
            self.database.write(lambda connection: _count(connection, name))
        except StoreError as exc:
            log.warning("switch: a failed ask of %s is not counted: %s", release, exc)

    def close(self) -> None:
        """Write the journal's head and close the database; idempotent."""
        self.resources.close()


def open_home(settings: Settings, clock: Clock) -> Home:
    """Open the store's database, made when it is not there.

    Raises:
        StoreError: It cannot be opened.
    """
    with ExitStack() as resources:
        database = Database(settings.home / DATABASE)
        resources.callback(database.close)
        head = JournalHead(database)
        resources.callback(head.close)
        return Home(
            database=database,
            journal=SqliteJournal(database, clock, head),
            threads=SqliteThreads(database),
            spool=SqliteSpool(database, clock),
            devices=SqliteDevices(database, clock),
            associates=SqliteAssociates(database, clock),
            sessions=SqliteSessions(database, clock, settings.session_hours),
            resources=resources.pop_all(),
        )


def _count(connection: apsw.Connection, name: str) -> None:
    connection.execute(
        "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
        (name,),
    )

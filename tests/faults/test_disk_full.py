"""A full disk: a clear error, nothing half-written, and work again once there is space."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from appliance.errors import BadInput, StoreError
from appliance.files import replaced
from appliance.store.db import Database
from appliance.store.journal import SqliteJournal
from tests.builders import disks
from tests.builders.records import NOW
from tests.builders.stores import Parts
from tests.fakes.clock import FakeClock

TEXT = "x" * 8_000
MOST_ROWS = 1_000


def allow_pages(database: Database, *, more: int) -> None:
    """Let the file grow by `more` pages and no further: SQLite then says the disk is full."""

    def set_limit(connection: apsw.Connection) -> None:
        pages = connection.pragma("page_count")
        connection.pragma("max_page_count", pages + more)

    database.write(set_limit)


def fill(journal: SqliteJournal, *, first: int = 0) -> int:
    """Append rows until the disk is full; return how many it took."""
    for n in range(first, first + MOST_ROWS):
        try:
            journal.append("reply", {"id": f"r{n}", "reply": {"text": TEXT}})
        except StoreError:
            return n - first
    raise AssertionError("the disk never filled up")


def test_a_full_disk_is_told_and_keeps_every_row_before_it_whole(tmp_path: Path) -> None:
    journal = SqliteJournal(Database(tmp_path / "store.db"), FakeClock())
    allow_pages(journal.database, more=20)

    taken = fill(journal)

    assert taken > 2
    with pytest.raises(StoreError, match="the disk is full") as caught:
        journal.append("reply", {"id": "late", "reply": {"text": TEXT}})
    assert caught.value.hint == "Free some space: df -h"
    assert journal.reply("late") is None
    assert journal.verify() == taken


def test_the_chain_goes_on_once_there_is_space(tmp_path: Path) -> None:
    journal = SqliteJournal(Database(tmp_path / "store.db"), FakeClock())
    allow_pages(journal.database, more=20)
    taken = fill(journal)

    allow_pages(journal.database, more=20)
    journal.append("reply", {"id": "later", "reply": {"text": TEXT}})

    assert journal.reply("later") is not None
    assert journal.verify() == taken + 1


def test_an_ask_on_a_full_disk_gets_no_reply_and_the_next_one_does(tmp_path: Path) -> None:
    parts = Parts.at(tmp_path, FakeClock(NOW))
    store = parts.store(tmp_path)
    store.ask("how long to return opened headphones", thread="t1")
    allow_pages(parts.database, more=0)

    def ask_on() -> None:
        for _ in range(20):  # the last page has room for a few rows
            store.ask("how long to return opened headphones", thread="t1")

    with pytest.raises(StoreError, match="the disk is full"):
        ask_on()
    rows, turns = store.journal.verify(), len(store.threads.turns("t1", limit=99))
    assert turns in {rows, rows - 1}

    allow_pages(parts.database, more=50)
    assert "30 days" in store.ask("how long to return opened headphones", thread="t1").text
    assert store.journal.verify() == rows + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disks.small_disk(tmp_path / "disk") as folder:
        yield folder


def test_a_real_full_file_system_is_told_and_recovers(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    journal = SqliteJournal(Database(small_disk / "store.db"), FakeClock())
    journal.append("reply", {"id": "first", "reply": {"text": TEXT}})
    ballast.write_bytes(b"x" * 300_000)
    taken = fill(journal)

    with pytest.raises(StoreError):
        journal.append("reply", {"id": "late", "reply": {"text": TEXT}})
    assert journal.verify() == taken + 1

    ballast.unlink()
    journal.append("reply", {"id": "later", "reply": {"text": TEXT}})
    assert journal.verify() == taken + 2
    journal.database.close()


def test_a_file_that_does_not_fit_leaves_the_old_one_as_it_was(small_disk: Path) -> None:
    path = small_disk / "report.jsonl"
    path.write_text("old\n")

    with pytest.raises(BadInput, match="No space left"), replaced(path) as file:
        file.write("x" * 2_000_000)

    assert path.read_text() == "old\n"
    assert [p.name for p in small_disk.iterdir()] == ["report.jsonl"]

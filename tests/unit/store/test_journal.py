"""The journal keeps what was said, and notices when anybody changes it."""

from pathlib import Path

import apsw
import pytest

from appliance.errors import JournalBroken, StoreError
from appliance.store.db import Database
from appliance.store.journal import SqliteJournal
from tests.fakes.clock import FakeClock


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    return SqliteJournal(Database(tmp_path / "store.db"), FakeClock())


def fill(journal: SqliteJournal, rows: int) -> None:
    for n in range(rows):
        journal.append("reply", {"id": f"r{n}", "reply": {"text": f"answer {n}"}})


def tamper(journal: SqliteJournal, sql: str) -> None:
    connection = apsw.Connection(str(journal.database.path))
    connection.execute(sql)
    connection.close()


def test_an_untouched_journal_verifies_every_row(journal: SqliteJournal) -> None:
    fill(journal, 7)
    assert journal.verify() == 7


def test_a_journal_longer_than_a_page_verifies(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.store.journal.PAGE_ROWS", 3)
    fill(journal, 10)
    assert journal.verify() == 10


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE journal SET body = replace(body, 'answer 3', 'answer 9') WHERE sequence = 4",
        "UPDATE journal SET written_at = '2020-01-01T00:00:00+00:00' WHERE sequence = 4",
        "UPDATE journal SET kind = 'sentence' WHERE sequence = 4",
        "UPDATE journal SET reply_id = 'r0' WHERE sequence = 4",
        "UPDATE journal SET body = 'not json' WHERE sequence = 4",
        "DELETE FROM journal WHERE sequence = 4",
        "UPDATE journal SET sequence = 99 WHERE sequence = 4",
    ],
)
def test_any_change_to_a_row_is_noticed(journal: SqliteJournal, sql: str) -> None:
    fill(journal, 7)
    tamper(journal, sql)
    with pytest.raises(JournalBroken, match=r"row [45]|missing"):
        journal.verify()


def test_a_reply_is_found_by_its_id_and_an_unknown_one_is_none(journal: SqliteJournal) -> None:
    fill(journal, 2)
    found = journal.reply("r1")
    assert found is not None
    assert found["reply"] == {"text": "answer 1"}
    assert journal.reply("nobody") is None


def test_the_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    for n in range(3):
        database = Database(tmp_path / "store.db")
        SqliteJournal(database, FakeClock()).append("reply", {"id": f"r{n}"})
        database.close()
    assert SqliteJournal(Database(tmp_path / "store.db"), FakeClock()).verify() == 3


def test_a_body_that_is_not_json_writes_nothing(journal: SqliteJournal) -> None:
    with pytest.raises(StoreError, match="not JSON"):
        journal.append("reply", {"id": object()})
    assert journal.verify() == 0


def test_a_foreign_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is not a database, but it is long enough to look like one" * 20)
    with pytest.raises(StoreError, match="not a sound SQLite database") as caught:
        Database(path)
    assert "mv " in caught.value.hint


def test_a_database_from_a_newer_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    Database(path).close()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="schema 99"):
        Database(path)


def test_a_failed_write_leaves_nothing_behind(journal: SqliteJournal) -> None:
    def fail(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO journal VALUES (1, '', 'reply', '', '{}', 'x', 'y')")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        journal.database.write(fail)
    assert journal.verify() == 0

"""A journal cut at its end is whole as a chain; its head, kept beside it, tells the difference."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import apsw
import pytest

from appliance.errors import JournalBroken
from appliance.store.db import Database
from appliance.store.journal import SqliteJournal
from appliance.store.journal_head import NAME, JournalHead
from tests.fakes.clock import FakeClock


def reader(folder: Path) -> SqliteJournal:
    return SqliteJournal(Database(folder / "store.db"), FakeClock())


def a_day(folder: Path, rows: int, *, every_s: float = 3_600.0) -> None:
    """Open a store's journal, say something, close it."""
    database = Database(folder / "store.db")
    head = JournalHead(database, every_s=every_s)
    journal = SqliteJournal(database, FakeClock(), head)
    for n in range(rows):
        journal.append("reply", {"id": f"r{n}"})
    head.close()
    head.close()
    database.close()


def change(folder: Path, sql: str) -> None:
    connection = apsw.Connection(str(folder / "store.db"))
    connection.execute(sql)
    connection.close()


def head_of(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / NAME).read_text()))


def test_a_closed_journal_leaves_its_last_row_as_the_head(tmp_path: Path) -> None:
    a_day(tmp_path, 5)
    ((sequence, digest),) = Database(tmp_path / "store.db").rows(
        "SELECT sequence, hash FROM journal ORDER BY sequence DESC LIMIT 1"
    )
    assert head_of(tmp_path) == {"sequence": sequence, "hash": digest}
    assert reader(tmp_path).verify() == 5


def test_rows_cut_off_the_end_are_noticed_with_both_numbers(tmp_path: Path) -> None:
    a_day(tmp_path, 5)
    change(tmp_path, "DELETE FROM journal WHERE sequence > 3")
    with pytest.raises(
        JournalBroken, match=r"ends at row 3, .* row 5 was written: 2 rows"
    ) as caught:
        reader(tmp_path).verify()
    assert "evidence" in caught.value.hint


def test_a_journal_emptied_or_taken_away_is_noticed(tmp_path: Path) -> None:
    a_day(tmp_path, 2)
    for file in tmp_path.glob("store.db*"):
        file.unlink()
    with pytest.raises(JournalBroken, match="ends at row 0"):
        reader(tmp_path).verify()


def test_a_chain_written_anew_is_noticed(tmp_path: Path) -> None:
    a_day(tmp_path, 3)
    kept = (tmp_path / NAME).read_text()
    for file in tmp_path.iterdir():
        file.unlink()
    a_day(tmp_path, 4)
    forged = {**json.loads(kept), "hash": "0" * 64}
    (tmp_path / NAME).write_text(json.dumps(forged))
    with pytest.raises(JournalBroken, match=r"row 3 .*written anew"):
        reader(tmp_path).verify()


def test_a_head_that_lags_after_a_crash_is_fine(tmp_path: Path) -> None:
    a_day(tmp_path, 3)
    reader(tmp_path).append("reply", {"id": "said in the last second"})
    assert reader(tmp_path).verify() == 4


def test_a_journal_without_a_head_verifies_by_its_chain_alone(tmp_path: Path) -> None:
    a_day(tmp_path, 3)
    (tmp_path / NAME).unlink()
    assert reader(tmp_path).verify() == 3


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"sequence": "x", "hash": ""}'])
def test_a_head_that_is_none_is_told_in_words(tmp_path: Path, content: bytes) -> None:
    a_day(tmp_path, 1)
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(JournalBroken, match=r"expected a sequence and a hash, found ") as caught:
        reader(tmp_path).verify()
    assert "Error" not in caught.value.message


def test_a_cut_is_not_forgotten_when_the_store_speaks_on(tmp_path: Path) -> None:
    a_day(tmp_path, 5)
    change(tmp_path, "DELETE FROM journal WHERE sequence > 3")
    a_day(tmp_path, 4)  # now longer than it ever was
    assert head_of(tmp_path)["sequence"] == 5
    with pytest.raises(JournalBroken, match=r"row 5 .*written anew"):
        reader(tmp_path).verify()
    shutil.move(tmp_path / NAME, tmp_path / "evidence")
    a_day(tmp_path, 1)
    assert reader(tmp_path).verify() == 8


def test_a_folder_that_takes_no_head_takes_no_answer_away(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "in the way").touch()
    with pytest.raises(JournalBroken, match="cannot be read"):
        reader(tmp_path).verify()
    a_day(tmp_path, 2)
    shutil.rmtree(tmp_path / NAME)
    assert reader(tmp_path).verify() == 2


def test_many_rows_at_once_cost_few_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    write = JournalHead._write

    def count(self: JournalHead, head: object) -> None:
        written.append(head)
        write(self, head)  # type: ignore[arg-type]

    monkeypatch.setattr(JournalHead, "_write", count)
    a_day(tmp_path, 50)
    assert 1 <= len(written) <= 2

"""Signal 9 while the store speaks: what was heard is in the journal, and the chain verifies."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest

from appliance.store.db import Database
from appliance.store.journal import SqliteJournal
from tests.fakes.clock import FakeClock

ROOT = Path(__file__).parents[2]
KILLS = 8
LONGEST_S = 0.25
# Speaks as the store does: a row for each sentence, one for the reply, each said once it stands.
SPEAKER = """
import sys
from pathlib import Path
from appliance.clock import SystemClock
from appliance.store.db import Database
from appliance.store.journal import SqliteJournal

journal = SqliteJournal(Database(Path(sys.argv[1])), SystemClock())
print("ready", flush=True)
for n in range(100_000):
    reply_id = f"{sys.argv[2]}-{n}"
    journal.append("sentence", {"id": reply_id, "n": 0, "text": "Within 30 days. " * 40})
    print(f"sentence {reply_id}", flush=True)
    journal.append("reply", {"id": reply_id, "reply": {"text": "Within 30 days. " * 40}})
    print(f"reply {reply_id}", flush=True)
"""


def heard_until_killed(path: Path, name: str, *, after_s: float) -> list[str]:
    """Return the whole lines heard of a speaker killed `after_s` seconds after its first word."""
    speaker = subprocess.Popen(
        [sys.executable, "-c", SPEAKER, str(path), name],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert speaker.stdout is not None
    try:
        assert speaker.stdout.readline() == "ready\n"
        timer = threading.Timer(after_s, speaker.kill)
        timer.start()
        lines = speaker.stdout.read().splitlines(keepends=True)
    finally:
        speaker.kill()
        speaker.wait(10)
        speaker.stdout.close()
    timer.join()
    assert speaker.returncode == -signal.SIGKILL
    return [line.strip() for line in lines if line.endswith("\n")]


def test_every_reply_heard_before_a_kill_is_in_the_journal_and_the_chain_verifies(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    moments = random.Random(20_261_122)
    heard: list[str] = []

    for kill in range(KILLS):
        after_s = moments.uniform(0.0, LONGEST_S)
        heard += heard_until_killed(path, f"k{kill}", after_s=after_s)

    database = Database(path)
    rows = database.rows("SELECT kind || ' ' || reply_id FROM journal")
    written = {row for (row,) in rows}
    assert len(heard) > KILLS, "the speakers were killed before they said anything"
    assert [line for line in heard if line not in written] == []
    # At most the one row that stood when the kill came between it and its word.
    assert len(written) <= len(heard) + KILLS
    assert SqliteJournal(database, FakeClock()).verify() == len(rows)


def test_a_row_cut_in_half_by_the_kill_is_not_there_at_all(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    heard_until_killed(path, "k", after_s=0.1)

    for kind, reply_id, body in Database(path).rows("SELECT kind, reply_id, body FROM journal"):
        assert json.loads(body)["id"] == reply_id
        assert kind in {"sentence", "reply"}


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    # A kill does not show what a power cut would: this is what makes a commit survive one.
    database = Database(tmp_path / "store.db")
    pragmas = database.write(lambda c: (c.pragma("synchronous"), c.pragma("journal_mode")))
    assert pragmas == (2, "wal")  # 2: FULL


def test_a_journal_that_loses_a_row_that_was_heard_is_found(tmp_path: Path) -> None:
    # The first test's own check, shown a culprit: a row gone from the middle breaks the chain.
    path = tmp_path / "store.db"
    heard_until_killed(path, "k", after_s=0.2)
    connection = apsw.Connection(str(path))
    connection.execute("DELETE FROM journal WHERE sequence = 1")
    connection.close()
    with pytest.raises(Exception, match="row 1 is missing"):
        SqliteJournal(Database(path), FakeClock()).verify()

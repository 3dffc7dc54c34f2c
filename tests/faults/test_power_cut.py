"""The power goes while the store speaks: only synced bytes survive, and no word that was heard."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.store.db import Database
from appliance.store.journal import SqliteJournal
from tests.builders.power.cut import WRITE, Step, after_cut, read_steps, recording
from tests.fakes.clock import FakeClock

ROOT = Path(__file__).parents[2]
CUTS = 60
# Speaks as the store does, and notes each word only once it may be heard.
SPEAKER = """
import sys
from pathlib import Path
from appliance.clock import SystemClock
from appliance.files import replaced
from appliance.store.db import Database
from appliance.store.journal import SqliteJournal
from appliance.store.spool import SqliteSpool
from tests.builders.power.cut import say

home, log = Path(sys.argv[1]), Path(sys.argv[2])
database = Database(home / "store.db")
journal, spool = SqliteJournal(database, SystemClock()), SqliteSpool(database, SystemClock())
for n in range(40):
    journal.append("reply", {"id": f"r{n}", "reply": {"text": "Within 30 days. " * 60}})
    say(log, f"r{n}")
    spool.put("edge_case", {"reply": f"r{n}"}, priority=2)
    say(log, f"owed r{n}")
    if n % 10 == 9:
        with replaced(home / "settings.toml") as file:
            file.write(f"asked = {n}\\n" * 400)
        say(log, f"settings {n}")
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Step]]:
    """Return a store's home and all that was done to it, from an empty folder on."""
    folder = tmp_path_factory.mktemp("power")
    home, log = folder / "home", folder / "log"
    home.mkdir()
    speaker = subprocess.run(
        [sys.executable, "-c", SPEAKER, str(home), str(log)],
        cwd=ROOT, env=recording(home, log), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert speaker.returncode == 0, speaker.stderr
    return home, read_steps(log)


def cut_somewhere(
    recorded: tuple[Path, list[Step]], into: Path, *, seed: int, share: float
) -> tuple[Path, list[str]]:
    home, steps = recorded
    rng = random.Random(seed)
    upto = rng.randint(0, len(steps))
    heard = after_cut(steps[:upto], home, into / "home", rng=rng, share=share)
    return into / "home", heard


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_what_was_heard_before_the_cut_is_in_the_journal_and_what_is_owed_in_the_spool(
    recorded: tuple[Path, list[Step]], tmp_path: Path, share: float
) -> None:
    promised = 0
    for seed in range(CUTS):
        home, heard = cut_somewhere(recorded, tmp_path / f"{seed}", seed=seed, share=share)
        database = Database(home / "store.db")
        said = {row for (row,) in database.rows("SELECT reply_id FROM journal")}
        owed = {json.loads(b)["reply"] for (b,) in database.rows("SELECT body FROM spool")}
        assert {w for w in heard if w.startswith("r")} <= said, f"cut {seed}"
        assert {w.split()[1] for w in heard if w.startswith("owed")} <= owed, f"cut {seed}"
        assert SqliteJournal(database, FakeClock()).verify() == len(said)
        database.close()
        promised += len(heard)
    assert promised > CUTS, "the cuts came before anything was said"


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_file_that_is_replaced_is_the_old_one_or_the_new_one_whole(
    recorded: tuple[Path, list[Step]], tmp_path: Path, share: float
) -> None:
    seen = 0
    for seed in range(CUTS):
        home, heard = cut_somewhere(recorded, tmp_path / f"{seed}", seed=seed, share=share)
        told = [int(w.split()[1]) for w in heard if w.startswith("settings")]
        path = home / "settings.toml"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        assert len(set(lines)) <= 1
        assert len(lines) in {0, 400}
        if told:
            assert lines
            assert int(lines[0].split()[-1]) >= told[-1]
            seen += 1
    assert seen


def test_the_model_of_a_cut_finds_a_program_that_does_not_sync(tmp_path: Path) -> None:
    # The tests above, shown a culprit: a commit that does not wait for the disk loses words.
    home, log = tmp_path / "home", tmp_path / "log"
    home.mkdir()
    hasty = SPEAKER.replace("database = Data", "import appliance.store.db as d\n"
                            "d.SYNCHRONOUS = 'OFF'\ndatabase = Data")  # fmt: skip
    subprocess.run(
        [sys.executable, "-c", hasty, str(home), str(log)],
        cwd=ROOT, env=recording(home, log), check=True, capture_output=True,
    )  # fmt: skip
    steps = read_steps(log)
    lost = 0
    for seed in range(20):
        copy, heard = cut_somewhere((home, steps), tmp_path / f"{seed}", seed=seed, share=0.0)
        database = Database(copy / "store.db")
        said = {row for (row,) in database.rows("SELECT reply_id FROM journal")}
        lost += len({w for w in heard if w.startswith("r")} - said)
        database.close()
    assert lost


def test_the_record_holds_every_byte_that_was_written(
    recorded: tuple[Path, list[Step]], tmp_path: Path
) -> None:
    home, steps = recorded
    assert sum(len(s.data) for s in steps if s.op == WRITE) > 0
    after_cut(steps, home, tmp_path / "home", rng=random.Random(1), share=1.0)
    # Of a program that has ended well nothing is unsure but torn tails; a WAL's content is synced.
    assert (tmp_path / "home" / "store.db").read_bytes()[:16] == b"SQLite format 3\0"

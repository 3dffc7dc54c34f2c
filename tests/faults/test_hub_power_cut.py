"""The power goes at headquarters: what it acknowledged is there, whatever only the cache had."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.power.cut import Step, after_cut, read_steps, recording

pytest.importorskip("alembic", reason="needs the hub: pip install -e '.[hub]'")

ROOT = Path(__file__).parents[2]
CUTS = 40
# A hub and a store's end in one process: each batch is said to be kept once the hub says so.
HEADQUARTERS = """
import sys
from pathlib import Path
from appliance.clock import SystemClock
from tests.builders.hub.homes import hub_at, line_to, make_home, store_at
from tests.builders.hub.store_end import item
from tests.builders.power.cut import say

home, log = Path(sys.argv[1]), Path(sys.argv[2])
clock = SystemClock()
with hub_at(make_home(home / "hub"), clock) as hub, line_to(hub) as client:
    store = store_at(hub, client)
    say(log, f"enrolled {store.device}")
    for number in range(12):
        owed = [item(number * 5 + n, clock) for n in range(5)]
        batch = store.batch(owed)
        state = store.sent(batch)
        assert state.state == "kept", state
        for one in owed:
            say(log, f"kept {one.id}")
        if number % 4 == 3:
            store.renew()
            say(log, f"link {number}")
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Step]]:
    """Return headquarters' folder and all that was done to it, from an empty one on."""
    folder = tmp_path_factory.mktemp("power")
    home, log = folder / "home", folder / "log"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", HEADQUARTERS, str(home), str(log)],
        cwd=ROOT, env=recording(home, log), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return home, read_steps(log)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_the_hub_acknowledged_survives_a_power_cut(
    recorded: tuple[Path, list[Step]], tmp_path: Path, share: float
) -> None:
    home, steps = recorded
    promised = 0
    for seed in range(CUTS):
        rng = random.Random(seed)
        upto = rng.randint(len(steps) // 3, len(steps))
        heard = after_cut(steps[:upto], home, tmp_path / f"{seed}", rng=rng, share=share)
        if not heard:
            continue
        ledger = sqlite3.connect(tmp_path / f"{seed}" / "hub" / "hub.db")
        there = {row[0] for row in ledger.execute("SELECT id FROM items")}
        devices = {row[0] for row in ledger.execute("SELECT id FROM devices")}
        blobs = [row[0] for row in ledger.execute("SELECT blob FROM batches WHERE state = 'kept'")]
        assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ledger.close()

        kept = {words.split()[1] for words in heard if words.startswith("kept")}
        assert kept <= there, f"cut {seed}"
        assert {w.split()[1] for w in heard if w.startswith("enrolled")} <= devices
        assert all((tmp_path / f"{seed}" / "hub" / "blobs" / name).is_file() for name in blobs)
        promised += len(kept)
    assert promised > CUTS, "the cuts came before anything was acknowledged"

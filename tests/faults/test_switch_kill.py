"""Signal 9 at every state of a switch and between: the store answers on a whole release, and on.

The process that is killed is store and agent in one. After it the store stands again, on whatever
is live, which is whole; then the switch goes on to where it would have come.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.clock import SystemClock
from appliance.config import load_settings
from appliance.follow import stand
from sync.fetch.verified import check_release
from sync.switch.record import read_record
from sync.wire import SwitchState as S
from tests.builders.server import ROOT
from tests.builders.switches import Chain, demo_release
from tests.builders.switching import stepper

QUESTION = "what time do we close on sunday"
LONGEST_S = 120.0
STATES = ("offered", "fits", "downloading", "verified", "rehearsed", "live", "probation")
MOMENTS = (
    *(
        f"{moment}:{state}"
        for state in (*STATES, "settled", "back")
        for moment in ("before", "after")
    ),
    "fetching",
    "named",
    "rehearsing",
    "opening",
    "opened",
)


@pytest.fixture(scope="module")
def hq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    releases = [demo_release(folder / f"v{n}", f"v{n}", n) for n in (1, 2)]
    chain = Chain.at(folder / "hq", SystemClock(), *releases)
    chain.promote("v2")
    (folder / "hq" / "root.json").write_bytes(chain.root)
    return folder


def killed_at(moment: str, home: Path, hq: Path) -> None:
    command = [sys.executable, "-m", "tests.builders.switching", str(home), str(hq), moment]
    late = {"opening": "0.4", "rehearsing": "1.0"}.get(moment, "0.02")
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "KILL_AFTER_S": late},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == -9, f"it was not killed: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_store_killed_anywhere_in_a_switch_answers_on_a_whole_release_and_goes_on(
    tmp_path: Path, hq: Path, moment: str
) -> None:
    home = tmp_path / "store"
    home.mkdir()
    (home / "backroom.toml").write_text(f'release = "{hq / "v1"}"\n', encoding="utf-8")
    killed_at(moment, home, hq / "hq")

    settings = load_settings(home)
    with stand(settings, every_s=0.05) as store:
        check_release(store.current.release.folder)
        assert store.ask(QUESTION).release in {"v1", "v2"}
        assert sum(p.name == "v2" for p in (home / "releases").glob("*")) <= 1

        step = stepper(settings, hq / "hq", where=moment)
        until = time.monotonic() + LONGEST_S
        while step().state not in {S.SETTLED, S.BACK} and time.monotonic() < until:
            time.sleep(0.05)
        expected = "v1" if moment.endswith(":back") else "v2"
        while store.release.manifest.id != expected and time.monotonic() < until:
            time.sleep(0.02)
        assert store.ask(QUESTION).release == expected
        step()
    assert read_record(home).state is (S.BACK if expected == "v1" else S.SETTLED)
    left = {p.name for p in (home / "releases").iterdir()}
    assert left <= {"v2"}  # nothing half, nothing on its way, nothing being removed
    assert not list(home.glob("*.part"))
    assert not (home / "rehearsal").exists() or moment == "rehearsing"

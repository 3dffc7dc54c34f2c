"""A whole tiny run, killed with signal 9 at several points, up to a release that answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from appliance.config import Settings
from appliance.errors import BadInput
from appliance.release import open_release
from models.recipe import Recipe, parse_recipe

pytest.importorskip("torch")
pytest.importorskip("peft")
pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[2]
TINY = ROOT / "models" / "recipes" / "tiny.toml"
STEPS = ("corpus", "base", "finetune", "export", "quantize", "parity", "router", "calibrate",
         "evaluate", "package")  # fmt: skip
LONGEST_S = 600.0
KILLED_AT: tuple[tuple[str, Callable[[Path], bool]], ...] = (
    ("base", lambda run: (run / "base.partial" / "work" / "text.pt").exists()),
    ("finetune", lambda run: (run / "finetune.partial").exists()),
    ("router", lambda run: (run / "router.partial" / "index.db").exists()),
    ("package", lambda run: (run / "package.partial" / "release" / "index.db").exists()),
)


@dataclass(frozen=True)
class Ran:
    """A finished run, and what stood in its folder after each kill."""

    folder: Path
    after_kill: dict[str, dict[str, str]]  # where it was killed -> finished steps' records
    said: str


def started(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "appliance.cli", "models", "run", str(TINY), "--out", folder]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def killed(folder: Path, when: Callable[[Path], bool]) -> None:
    """Run until a moment comes, then kill with signal 9, without a word."""
    process = started(folder)
    until = time.monotonic() + LONGEST_S
    try:
        while not when(folder):
            if process.poll() is not None:
                assert process.stdout is not None
                pytest.fail(f"it ended before it could be killed:\n{process.stdout.read()}")
            assert time.monotonic() < until, "it never came to where it is to be killed"
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL


def records(folder: Path) -> dict[str, str]:
    """Return the records of the steps that have their name."""
    return {p.parent.name: p.read_text() for p in folder.glob("*/step.json")}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("tiny") / "run"
    after: dict[str, dict[str, str]] = {}
    for name, when in KILLED_AT:
        killed(folder, when)
        after[name] = records(folder)
    process = started(folder)
    said, _ = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, said
    return Ran(folder, after, said)


def record(ran: Ran, step: str) -> dict[str, Any]:
    return dict(json.loads((ran.folder / step / "step.json").read_text()))


def tiny(**tables: Any) -> Recipe:
    """Return the tiny recipe with other tables."""
    return replace(parse_recipe(TINY.read_text(), TINY.parent), **tables)


def again(recipe: Recipe, folder: Path) -> list[str]:
    """Run in this process; return the names of the steps that were made."""
    from models.run.runner import Span, run
    from models.run.watch import Watch

    before = records(folder)
    with Watch.over(Console(quiet=True), steps=len(STEPS)) as watch:
        run(recipe, folder, span=Span(), watch=watch)
    return [name for name in STEPS if records(folder)[name] != before.get(name)]


def test_a_kill_leaves_whole_steps_or_none(ran: Ran) -> None:
    for name, found in ran.after_kill.items():
        assert set(found) == set(STEPS[: STEPS.index(name)]), name


def test_what_was_finished_before_a_kill_is_not_made_again(ran: Ran) -> None:
    now = records(ran.folder)
    for found in ran.after_kill.values():
        assert {name: now[name] for name in found} == found


def test_a_cut_training_goes_on_from_its_checkpoint(ran: Ran) -> None:
    log = (ran.folder / "base" / "work" / "log.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in log]
    assert steps == [25, 50, 75, 100, 110]  # 25 to 100 were not done twice
    assert record(ran, "base")["attempts"] == 2


def test_every_step_says_what_it_made(ran: Ran) -> None:
    story = json.loads((ran.folder / "run.json").read_text())
    assert tuple(story["steps"]) == STEPS
    assert story["recipe"] == TINY.read_text()
    assert all(step["outputs"] and step["inputs"] for step in story["steps"].values())
    assert list(ran.folder.glob("*.partial")) == []


def test_no_gguf_disagrees_with_its_source(ran: Ran) -> None:
    parity = record(ran, "parity")["figures"]
    assert set(parity) == {"f32", "q8_0", "q5_k_m", "q4_k_m"}
    assert parity["f32"]["answers"] == 1.0
    assert [found["tokenized_differently"] for found in parity.values()] == [0, 0, 0, 0]


def test_the_release_opens_carries_its_cards_and_its_report_and_answers(
    ran: Ran, tmp_path: Path
) -> None:
    from appliance.wiring import open_store

    release = open_release(ran.folder / "package" / "release")
    for part in ("specialist/CARD.md", "specialist/report.json", "DATA.md", "report/report.html"):
        assert part in release.manifest.parts
    assert release.manifest.evaluation["golden"]["questions"] == 12
    assert str(ran.folder) not in (release.folder / "manifest.json").read_text()
    with open_store(Settings(home=tmp_path, release=release.folder)) as store:
        reply = store.ask("can I give 25% off to a silver customer")
    assert "20 %" in reply.text


def test_a_run_that_is_up_to_date_makes_nothing(ran: Ran) -> None:
    assert again(tiny(), ran.folder) == []


def test_the_gate_refuses_with_every_reason_and_leaves_no_release(ran: Ran) -> None:
    limits = replace(tiny().gate, ece=0.0, most_bytes=1000, probe_s=0.0)
    with pytest.raises(BadInput, match="package: The release is refused, 3 of 6") as caught:
        again(tiny(gate=limits), ran.folder)
    assert all(
        f"\n  {name}: " in caught.value.message for name in ("calibrated", "answers", "light")
    )
    assert not (ran.folder / "package.partial").exists()
    told = json.loads((ran.folder / "gate.json").read_text())
    assert [f["name"] for f in told if not f["is_ok"]] == ["calibrated", "answers", "light"]
    assert again(tiny(), ran.folder) in ([], ["package"])

"""The simulator runs the very engine, and says the same for the same seed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.errors import BadInput
from sync.hub.rollout_commands import app
from sync.rollout.radius import EXAMPLE, measure
from sync.rollout.simulate import simulate
from sync.rollout.world import Fault, Setting

SIZES = [4, 20, 176]
SETTING = Setting(stores=200, tick_s=300.0, offline=0.1)
BAD = [fault for fault in Fault if fault is not Fault.NONE]


def test_the_same_seed_gives_the_same_outcome() -> None:
    once, again, other = (
        simulate(EXAMPLE, Fault.LATE, SETTING, seed=seed, sizes=SIZES) for seed in (3, 3, 4)
    )

    assert once == again
    assert once != other


def test_a_good_release_reaches_every_store_in_reach_past_those_offline() -> None:
    found = simulate(EXAMPLE, Fault.NONE, SETTING, seed=1, sizes=SIZES)

    assert found.ended == "done"
    assert found.hurt == 0
    assert found.ran > 0.85 * 200


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.REHEARSAL, Fault.DIES])
def test_what_fails_loudly_never_leaves_the_first_ring(fault: Fault) -> None:
    everywhere = replace(SETTING, affected=1.0)

    for seed in range(5):
        found = simulate(EXAMPLE, fault, everywhere, seed=seed, sizes=SIZES)
        assert found.ended == "halted"
        assert found.ran <= SIZES[0]


def test_a_release_that_fails_its_rehearsal_runs_nowhere() -> None:
    everywhere = replace(SETTING, affected=1.0)

    found = simulate(EXAMPLE, Fault.REHEARSAL, everywhere, seed=1, sizes=SIZES)

    assert (found.ran, found.hurt_hours) == (0, 0.0)


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.LATE])
def test_what_fails_softly_is_found_from_answers(fault: Fault) -> None:
    busy = replace(SETTING, asks_a_day=100_000.0, affected=1.0)

    found = simulate(EXAMPLE, fault, busy, seed=1, sizes=SIZES)

    assert found.ended == "halted"
    assert found.ran < 100


def test_the_table_is_the_same_for_the_same_seed() -> None:
    options = ["simulate", "--sizes", "4,20,76", "--runs", "2", "--seed", "7", "--json"]

    first, second = (CliRunner().invoke(app, options) for _ in range(2))

    assert first.exit_code == 0, first.output
    assert first.stdout == second.stdout
    told = json.loads(first.stdout)
    assert [row["fault"] for row in told] == [str(fault) for fault in Fault]


def test_sizes_that_cannot_be_meant_are_told() -> None:
    with pytest.raises(BadInput, match="3 rings"):
        measure(EXAMPLE, [Fault.NONE], SETTING, sizes=[1, 2], runs=1, seed=1)
    with pytest.raises(BadInput, match="--runs is 0"):
        measure(EXAMPLE, [Fault.NONE], SETTING, sizes=SIZES, runs=0, seed=1)


def test_a_plan_is_told_in_words(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(
        'release = "r2"\ncounter = 2\n[[rings]]\nring = "lab"\napproval = true\n'
        "steps = [{ percent = 100, check = true }]\n"
    )

    shown = CliRunner().invoke(app, ["plan", str(file)])
    checked = CliRunner().invoke(app, ["plan", str(file), "check"])

    assert "a second person has approved" in shown.stdout
    assert "then a person looks" in shown.stdout
    assert checked.stdout == f"{file} can work.\n"

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.config import Settings
from appliance.errors import BadInput
from appliance.live import (
    MOST_STARTS,
    OWN,
    STANDING,
    SWITCH,
    Live,
    Slot,
    Standing,
    choices,
    live_settings,
    read_live,
    read_standing,
    write_standing,
)

V1, V2 = Slot("v1", 1), Slot("v2", 2)
ON_TRIAL = Live(V2, V1, turn=7, state="probation")


def _first(live: Live, said: Standing) -> tuple[Slot, str]:
    return next(choices(live, said))


def test_a_store_that_never_switched_lives_on_the_release_it_was_installed_with(
    tmp_path: Path,
) -> None:
    settings = Settings(home=tmp_path, release=tmp_path / "installed")
    assert live_settings(settings).release == tmp_path / "installed"


def test_what_the_switch_names_is_live(tmp_path: Path) -> None:
    named = {"live": {"id": "v2", "counter": 2}, "turn": 1, "unknown": "a newer program's"}
    (tmp_path / SWITCH).write_text(json.dumps(named), encoding="utf-8")
    assert live_settings(Settings(home=tmp_path)).release == tmp_path / "releases" / "v2"


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"live": 3}', "\x00\x01"])
def test_a_damaged_switch_file_leaves_live_what_last_stood(tmp_path: Path, damage: str) -> None:
    write_standing(tmp_path, Standing(V1, turn=4))
    (tmp_path / SWITCH).write_text(damage, encoding="utf-8")
    assert read_live(tmp_path) == Live(V1, turn=4)


def test_a_damaged_standing_file_counts_starts_anew(tmp_path: Path) -> None:
    (tmp_path / STANDING).write_text("{", encoding="utf-8")
    assert read_standing(tmp_path) == Standing()


@pytest.mark.parametrize("name", ["..", "a/b", ".hidden", "v2.incoming", "", "a" * 121, "v2."])
def test_no_name_leads_out_of_the_releases_folder(tmp_path: Path, name: str) -> None:
    if not name:
        assert Slot(name).folder(Settings(home=tmp_path)) == Settings(home=tmp_path).release
        return
    with pytest.raises(BadInput):
        Slot(name).folder(Settings(home=tmp_path))


def test_starts_without_a_healthy_while_are_counted_and_the_release_on_trial_is_left() -> None:
    said = Standing(V1, turn=6)
    for _ in range(MOST_STARTS):
        assert _first(ON_TRIAL, said) == (V2, "")
        said = said.begun(V2, ON_TRIAL.turn, "boot")
    slot, why = _first(ON_TRIAL, said)
    assert slot == V1
    assert "3 starts" in why


def test_a_healthy_while_and_an_end_in_order_count_for_a_release() -> None:
    said = Standing(V2, turn=7)
    for _ in range(2 * MOST_STARTS):
        said = said.begun(V2, 7, "boot").ended()
    assert _first(ON_TRIAL, said) == (V2, "")
    for _ in range(2 * MOST_STARTS):
        said = said.begun(V2, 7, "boot").healthy()
    assert _first(ON_TRIAL, said) == (V2, "")


def test_a_release_that_settled_is_not_left_for_its_starts() -> None:
    said = Standing(V2, turn=7, starts=99)
    assert _first(replace(ON_TRIAL, state="settled"), said) == (V2, "")


def test_starts_of_another_turn_are_not_this_ones() -> None:
    assert _first(ON_TRIAL, Standing(V2, turn=6, starts=99, left="long ago")) == (V2, "")


def test_what_was_left_in_this_turn_stays_left_and_comes_last() -> None:
    said = Standing(V1, turn=7, left="it did not open")
    assert list(choices(ON_TRIAL, said)) == [
        (V1, "it did not open"),
        (OWN, "it did not open"),
        (V2, ""),
    ]


def test_where_the_live_one_does_not_open_the_one_before_comes_then_the_installed() -> None:
    assert [slot for slot, _ in choices(ON_TRIAL, Standing())] == [V2, V1, OWN]
    assert [slot for slot, _ in choices(Live(), Standing())] == [OWN]

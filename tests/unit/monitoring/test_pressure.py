"""Levels rise at once, fall a step at a time, and say why."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from appliance.monitoring.pressure import (
    BOUNDS,
    CALM_READINGS,
    RESTS,
    SHEDS,
    Level,
    Pressure,
    Vitals,
)
from appliance.records import LaneName
from tests.builders.vitals import some_vitals

CALM = some_vitals()
TIGHT = some_vitals(memory_available_share=0.08)
CRITICAL = some_vitals(memory_available_share=0.04)


def after(readings: Iterable[Vitals], *, start: Pressure | None = None) -> Pressure:
    pressure = start or Pressure()
    for vitals in readings:
        pressure = pressure.next(vitals)
    return pressure


@pytest.mark.parametrize(
    ("figures", "level"),
    [
        ({}, Level.CALM),
        ({"memory_available_share": 0.11}, Level.CALM),
        ({"memory_available_share": 0.10}, Level.TIGHT),
        ({"memory_available_share": 0.05}, Level.CRITICAL),
        ({"memory_available_share": 0.0}, Level.CRITICAL),
        ({"disk_free_mib": 1025.0}, Level.CALM),
        ({"disk_free_mib": 1024.0}, Level.TIGHT),
        ({"disk_free_mib": 0.0}, Level.CRITICAL),
        ({"temperature_c": 84.9}, Level.CALM),
        ({"temperature_c": 85.0}, Level.TIGHT),
        ({"temperature_c": 99.0}, Level.CRITICAL),
        ({"temperature_c": None}, Level.CALM),
        ({"steal_share": 0.09}, Level.CALM),
        ({"steal_share": 0.10}, Level.TIGHT),
        ({"steal_share": 0.5}, Level.CRITICAL),
        ({"cpu_share": 1.0}, Level.CALM),  # a store at work
    ],
)
def test_each_figure_presses_from_its_bound_on(figures: dict[str, float], level: Level) -> None:
    assert Pressure().next(some_vitals(**figures)).level is level


def test_the_worst_figure_decides_and_every_one_that_presses_is_told() -> None:
    pressure = Pressure().next(some_vitals(temperature_c=97.0, memory_available_share=0.09))
    assert pressure.level is Level.CRITICAL
    assert pressure.why == "9% of memory is available; the processor is at 97 °C"


def test_pressure_rises_at_the_first_reading_also_by_two_levels() -> None:
    assert after([CALM, CRITICAL]).level is Level.CRITICAL


def test_it_falls_only_after_so_many_calmer_readings_and_a_level_at_a_time() -> None:
    pressure = Pressure().next(CRITICAL)
    pressure = after([CALM] * (CALM_READINGS - 1), start=pressure)
    assert pressure.level is Level.CRITICAL
    pressure = pressure.next(CALM)
    assert pressure.level is Level.TIGHT
    assert pressure.why == "it comes back from: 4% of memory is available"
    assert after([CALM] * CALM_READINGS, start=pressure) == Pressure()


def test_one_reading_that_presses_again_starts_the_count_anew() -> None:
    almost = after([TIGHT, *[CALM] * (CALM_READINGS - 1), TIGHT])
    assert (almost.level, almost.calmer) == (Level.TIGHT, 0)
    assert after([CALM] * (CALM_READINGS - 1), start=almost).level is Level.TIGHT
    assert after([CALM] * CALM_READINGS, start=almost).level is Level.CALM


def test_a_figure_just_past_its_bound_does_not_let_go() -> None:
    """Hysteresis: 11 % presses nobody by itself, and keeps a tight store tight."""
    just_past = some_vitals(memory_available_share=0.11)
    assert Pressure().next(just_past).level is Level.CALM
    held = after([just_past] * 50, start=Pressure().next(TIGHT))
    assert held.level is Level.TIGHT
    assert held.why == "11% of memory is available"


def test_a_store_that_hovers_round_a_bound_does_not_flap() -> None:
    pressure, levels = Pressure(), []
    for n in range(60):
        share = 0.099 if n % 2 else 0.101
        pressure = pressure.next(some_vitals(memory_available_share=share))
        levels.append(pressure.level)
    assert set(levels[1:]) == {Level.TIGHT}


def test_a_higher_level_sheds_all_that_a_lower_one_sheds() -> None:
    for lower, higher in ((Level.CALM, Level.TIGHT), (Level.TIGHT, Level.CRITICAL)):
        assert RESTS[lower] < RESTS[higher]
        assert SHEDS[higher][: len(SHEDS[lower])] == SHEDS[lower]


def test_what_needs_no_model_never_rests() -> None:
    pressure = Pressure().next(CRITICAL)
    for lane in (LaneName.CARD, LaneName.LOOKUP, LaneName.QUOTE, LaneName.HANDOFF):
        assert pressure.rests(lane) == ""


def test_drafting_and_long_answers_go_first_the_specialist_last() -> None:
    tight, critical = Pressure().next(TIGHT), Pressure().next(CRITICAL)
    assert (tight.is_brief, bool(tight.rests(LaneName.GENERALIST))) == (True, True)
    assert tight.rests(LaneName.SPECIALIST) == ""
    said = "rests while this machine is critical: 4% of memory is available"
    assert critical.rests(LaneName.SPECIALIST) == said
    assert not Pressure().is_brief


def test_every_bound_comes_back_later_than_it_goes() -> None:
    for bound in BOUNDS:
        assert bound.ease > 0
        assert bound.sign * bound.critical > bound.sign * bound.tight

"""The last hour: true quantiles, bounded memory, minutes that no clock change moves."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from appliance.meter import STAGES
from appliance.monitoring.history import MINUTES, History
from appliance.monitoring.pressure import Pressure
from appliance.monitoring.sketch import Sketch
from appliance.records import Attempt, LaneName, LaneOdds, Reply, Tokens
from tests.builders.records import NOW, a_reply
from tests.builders.vitals import some_vitals
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


def timed(**times_ms: float) -> Reply:
    return a_reply(times_ms=tuple((stage, times_ms.get(stage, 1.0)) for stage in STAGES))


def note(history: History, reply: Reply) -> None:
    """Note a reply as the store's monitoring does."""
    history.answered(reply)
    whole_ms = sum(ms for _, ms in reply.times_ms)
    history.spent(monitoring_ms=dict(reply.times_ms)["monitoring"], whole_ms=whole_ms)


def minutes(history: History) -> list[dict[str, Any]]:
    return list(history.plain()["minutes"])


# ── quantiles ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("q", [0.0, 0.5, 0.95, 1.0])
def test_a_quantile_is_within_five_percent_of_the_true_one(q: float) -> None:
    values = sorted(random.Random(7).lognormvariate(2.0, 1.5) for _ in range(2_000))
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    true = values[max(1, math.ceil(q * len(values))) - 1]  # the nearest rank
    assert sketch.quantile(q) == pytest.approx(true, rel=0.05)


def test_a_merged_sketch_tells_what_one_of_all_values_tells() -> None:
    left, right, both = Sketch(), Sketch(), Sketch()
    for n in range(1, 400):
        (left if n % 3 else right).add(float(n))
        both.add(float(n))
    left.merge(right)
    assert [left.quantile(q) for q in (0.1, 0.5, 0.9)] == [
        both.quantile(q) for q in (0.1, 0.5, 0.9)
    ]


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-9, 1e12])
def test_what_is_out_of_range_counts_at_its_edge(value: float) -> None:
    sketch = Sketch()
    sketch.add(value)
    assert sketch.count == 1
    assert 0 < (sketch.quantile(0.5) or 0) <= 1.1e6


def test_nothing_has_no_quantile() -> None:
    assert Sketch().quantile(0.5) is None


# ── minutes ───────────────────────────────────────────────────────────────────────────────────


def test_each_stage_has_its_times_under_its_name(clock: FakeClock) -> None:
    history = History(clock)
    for ms in (1.0, 2.0, 40.0):
        note(history, timed(routing=ms, model=100 * ms))
    told = history.plain()["together"]
    assert set(told["stages"]) == set(STAGES)
    assert told["stages"]["routing"]["p50_ms"] == pytest.approx(2.0, rel=0.05)
    assert told["stages"]["model"]["p50_ms"] == pytest.approx(200.0, rel=0.05)
    assert told["stages"]["routing"]["p95_ms"] == pytest.approx(40.0, rel=0.05)
    assert sum(told["shares"].values()) == pytest.approx(1.0, abs=0.001)
    assert "model" not in told["shares"]


def test_an_ask_no_model_was_asked_for_is_not_in_the_models_median(clock: FakeClock) -> None:
    history = History(clock)
    for ms in (0.0, 0.0, 0.0, 300.0):
        note(history, timed(model=ms))
    assert history.plain()["together"]["stages"]["model"]["p50_ms"] == pytest.approx(300, rel=0.05)


def test_lanes_fallbacks_tokens_and_errors_are_counted_by_the_minute(clock: FakeClock) -> None:
    history = History(clock)
    wanted = (LaneOdds(LaneName.SPECIALIST, 0.9), LaneOdds(LaneName.QUOTE, 0.5))
    tried = Attempt(LaneName.SPECIALIST, "unsure", tokens=Tokens(40, 0, 7))
    note(history, replace(timed(), lane=LaneName.QUOTE, lanes=wanted, attempts=(tried,)))
    clock.advance(60)
    history.failed("store_error")
    first, second = minutes(history)
    assert (first["lanes"], first["fallbacks"], first["tokens"]) == ({"quote": 1}, 1, 7)
    assert (second["asks"], second["errors"]) == (0, {"store_error": 1})


def test_an_hour_is_kept_and_no_more(clock: FakeClock) -> None:
    history = History(clock)
    for _ in range(3 * MINUTES):
        note(history, timed())
        clock.advance(60)
    assert len(minutes(history)) == MINUTES
    assert history.plain()["together"]["asks"] == MINUTES - 1  # the minute of now is still empty


def test_minutes_older_than_an_hour_are_not_told_though_nothing_came_since(
    clock: FakeClock,
) -> None:
    history = History(clock)
    note(history, timed())
    clock.advance(2 * 3_600)
    assert history.plain()["together"]["asks"] == 0


def test_a_clock_that_is_put_right_moves_no_minute(clock: FakeClock) -> None:
    history = History(clock)
    note(history, timed())
    clock.at -= timedelta(days=20_000)  # the battery was empty: it is 1972
    note(history, timed())
    assert [m["asks"] for m in minutes(history)] == [2]


def test_a_minute_holds_its_worst_level_and_the_next_begins_with_the_level_of_now(
    clock: FakeClock,
) -> None:
    history = History(clock)
    for share in (0.5, 0.04, 0.3):
        vitals = some_vitals(memory_available_share=share, process_mib=300.0)
        history.watched(vitals, Pressure().next(vitals))
    clock.advance(60)
    vitals = some_vitals(memory_available_share=0.09)
    history.watched(vitals, Pressure().next(vitals))
    clock.advance(60)
    levels = [m["level"] for m in minutes(history)]
    assert levels == [2, 1, 1]
    assert minutes(history)[0]["memory_available_share"] == 0.04
    assert minutes(history)[0]["process_mib"] == 300.0


def test_how_many_waited_is_the_minutes_most(clock: FakeClock) -> None:
    waiting = iter([0, 0, 5, 1, 0, 0, 0])
    history = History(clock, waiting=lambda: next(waiting))
    for _ in range(3):
        note(history, timed())
    assert minutes(history)[0]["most_waiting"] == 5

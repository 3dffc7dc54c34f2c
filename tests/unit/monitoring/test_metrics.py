"""`/metrics` parses, holds the seven names, and counts what happened."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from appliance.meter import STAGES
from appliance.monitoring.breaker import State
from appliance.monitoring.monitor import AtDesk, Monitoring
from appliance.monitoring.pressure import Pressure
from appliance.ports import Load
from appliance.records import Attempt, LaneName, LaneOdds, Tokens
from tests.builders.records import NOW, a_reply
from tests.builders.vitals import some_vitals
from tests.fakes.clock import FakeClock
from tests.fakes.monitoring import IdleModel, some_monitoring
from tests.fakes.ports import TickingClock

TIMES = tuple((stage, 2.0) for stage in STAGES)


@pytest.fixture
def model() -> IdleModel:
    return IdleModel(load=Load(running=2, waiting=3, cells_reserved=512, cells=8192, failures=1))


@pytest.fixture
def monitoring(model: IdleModel) -> Monitoring:
    return some_monitoring(FakeClock(NOW), model=model)


def scraped(monitoring: Monitoring, desk: AtDesk | None = None) -> dict[tuple[str, ...], float]:
    """Return every sample's value under its name and its labels' values, by the labels' names."""
    text = monitoring.exposition(desk or AtDesk()).decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_seven_names_and_model_are_there_before_the_first_ask(monitoring: Monitoring) -> None:
    found = scraped(monitoring)
    for stage in STAGES:
        assert found["backroom_stage_seconds_count", stage] == 0


def test_a_reply_counts_its_times_lane_attempts_tokens_and_fallback(
    monitoring: Monitoring,
) -> None:
    reply = a_reply(
        times_ms=TIMES,
        lanes=(LaneOdds(LaneName.SPECIALIST, 0.9), LaneOdds(LaneName.QUOTE, 0.5)),
        attempts=(
            Attempt(LaneName.SPECIALIST, "unsure", "p", Tokens(60, 20, 5)),
            Attempt(LaneName.QUOTE, "answered"),
        ),
        is_brief=True,
    )
    monitoring.answered(reply)
    found = scraped(monitoring)
    assert found["backroom_stage_seconds_sum", "routing"] == pytest.approx(0.002)
    assert found["backroom_ask_seconds_count",] == 1
    assert found["backroom_replies_total", "quote"] == 1
    assert found["backroom_attempts_total", "specialist", "unsure"] == 1
    assert found["backroom_attempts_total", "quote", "answered"] == 1
    assert found["backroom_fallbacks_total", "quote", "specialist"] == 1  # lane, wanted
    assert found["backroom_replies_cut_total", "quote"] == 1
    kinds = ("prompt", "reused", "generated")
    assert [found["backroom_tokens_total", k, "specialist"] for k in kinds] == [60, 20, 5]


def test_what_counting_takes_is_counted_as_monitoring() -> None:
    """2 ms of the reply's own, and the 2 ms that pass on this clock while it is counted."""
    monitoring = some_monitoring(TickingClock(NOW))
    monitoring.answered(a_reply(times_ms=TIMES))
    assert scraped(monitoring)["backroom_stage_seconds_sum", "monitoring"] == pytest.approx(0.004)


def test_how_things_stand_is_read_when_somebody_looks(
    monitoring: Monitoring, model: IdleModel
) -> None:
    for _ in range(4):
        monitoring.guard.heard(LaneName.SPECIALIST, seconds=0.1, failed=True)
    vitals = some_vitals(memory_available_share=0.08, temperature_c=None)
    monitoring.press(vitals, Pressure().next(vitals))
    model.is_alive = False
    monitoring.failed("store_error")
    monitoring.metrics.responded(503)

    found = scraped(monitoring, AtDesk(taken=7, limit=40))

    assert found["backroom_pressure_level",] == 1
    assert found["backroom_vitals", "memory_available_share"] == 0.08
    assert ("backroom_vitals", "temperature_c") not in found
    assert found["backroom_breaker_state", "specialist"] == 2
    assert found["backroom_breaker_state", "generalist"] == 0
    assert found["backroom_engine", "waiting"] == 3
    assert found["backroom_engine_alive",] == 0
    assert (found["backroom_asks_in_hand",], found["backroom_asks_in_hand_limit",]) == (7, 40)
    assert found["backroom_spool_items",] == 0
    assert found["backroom_errors_total", "store_error"] == 1
    assert found["backroom_responses_total", "503"] == 1
    assert found["process_resident_memory_bytes",] > 0


def test_two_stores_in_one_process_count_apart() -> None:
    one, other = (some_monitoring(FakeClock(NOW)) for _ in range(2))
    one.answered(a_reply(times_ms=TIMES))
    assert ("backroom_replies_total", "quote") not in scraped(other)


def test_a_figure_that_fails_loses_no_answer(
    monitoring: Monitoring, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(monitoring.history, "answered", fail)
    monitoring.answered(a_reply(id="r7"))
    assert "r7 is not counted" in caplog.text


def test_the_status_tells_what_the_metrics_tell(monitoring: Monitoring) -> None:
    monitoring.answered(a_reply(times_ms=TIMES))
    told = monitoring.status(AtDesk(1, 40))
    assert (told["level"], told["sheds"], told["vitals"]) == ("calm", [], {})
    assert told["queue"] == {"in_hand": 1, "limit": 40, "running": 2, "waiting": 3}
    assert [b["state"] for b in told["breakers"]] == [State.CLOSED, State.CLOSED]
    assert told["hour"]["together"]["lanes"] == {"quote": 1}

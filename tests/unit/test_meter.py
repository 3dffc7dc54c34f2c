"""Times add up: nothing is counted twice, and the meter counts itself."""

import pytest

from appliance.meter import STAGES, Meter
from tests.fakes.clock import FakeClock


def test_a_nested_measurement_is_taken_out_of_the_outer_one() -> None:
    clock = FakeClock()
    meter = Meter(clock.monotonic)
    with meter.measure("governance"):
        clock.advance(1.0)
        with meter.measure("model"):
            clock.advance(2.0)
        clock.advance(0.5)
    times = dict(meter.times_ms())
    assert times["governance"] == pytest.approx(1500)
    assert times["model"] == pytest.approx(2000)


def test_time_is_kept_when_the_stage_raises() -> None:
    clock = FakeClock()
    meter = Meter(clock.monotonic)

    def work() -> None:
        with meter.measure("audit"):
            clock.advance(0.25)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert dict(meter.times_ms())["audit"] == pytest.approx(250)


def test_the_meters_own_time_is_monitoring() -> None:
    ticks = iter(range(100))
    meter = Meter(lambda: float(next(ticks)))
    with meter.measure("policy"):
        pass
    times = dict(meter.times_ms())
    assert times["monitoring"] == 2000
    assert times["policy"] == 1000


def test_every_stage_has_a_time_and_an_unknown_one_is_refused() -> None:
    meter = Meter(lambda: 0.0)
    assert [name for name, _ in meter.times_ms()] == list(STAGES)
    with pytest.raises(KeyError), meter.measure("thinking"):
        pass

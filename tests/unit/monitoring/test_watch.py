"""The watch reads this machine, outlives what fails, and stops when told."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from appliance.monitoring.pressure import Level, Pressure, Vitals
from appliance.monitoring.watch import Machine, Watch
from tests.builders.vitals import some_vitals

PATIENCE_S = 10.0


class Script:
    """A machine that reads what it is told to: vitals, or a fault."""

    def __init__(self, *readings: Vitals | Exception) -> None:
        self.readings = list(readings)

    def __call__(self) -> Vitals:
        found = self.readings.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def steps(*readings: Vitals | Exception) -> list[Pressure]:
    told: list[Pressure] = []
    watch = Watch(Script(*readings), lambda _, pressure: told.append(pressure))
    for _ in readings:
        watch.step()
    return told


def test_this_machine_can_be_read(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    vitals = [machine(), machine()][1]
    assert 0 < vitals.memory_available_share <= 1
    assert vitals.disk_free_mib > 0
    assert 0 <= vitals.steal_share <= 1
    assert 0 <= vitals.cpu_share <= 1
    assert vitals.process_mib > 1
    assert vitals.temperature_c is None or -20 < vitals.temperature_c < 130


def test_a_level_that_changes_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    told = steps(some_vitals(), some_vitals(temperature_c=96.0))
    assert [p.level for p in told] == [Level.CALM, Level.CRITICAL]
    assert "pressure: critical, was calm. the processor is at 96 °C" in caplog.text


def test_a_machine_that_cannot_be_read_keeps_its_level_and_is_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tight = some_vitals(disk_free_mib=500.0)
    told = steps(tight, OSError("gone"), ZeroDivisionError(), tight)
    assert [p.level for p in told] == [Level.TIGHT, Level.TIGHT]
    assert caplog.text.count("could not be read") == 1


def test_it_watches_in_a_thread_of_its_own_and_stops_with_the_block() -> None:
    seen = threading.Event()
    watch = Watch(some_vitals, lambda *_: seen.set(), every_s=3_600.0)
    with watch.running():
        assert seen.wait(PATIENCE_S)
        assert "watch" in {t.name for t in threading.enumerate()}
    assert "watch" not in {t.name for t in threading.enumerate()}


def test_it_stops_also_when_the_block_fails() -> None:
    watch = Watch(some_vitals, lambda *_: None, every_s=3_600.0)
    with pytest.raises(ZeroDivisionError), watch.running():
        raise ZeroDivisionError
    assert "watch" not in {t.name for t in threading.enumerate()}

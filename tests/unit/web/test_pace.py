"""How often a device may ask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.config import Settings
from appliance.records import Principal, Role
from appliance.web.pace import pace_of
from appliance.web.problems import Refused

SETTINGS = Settings(home=Path("/nowhere"), asks_per_minute=30)
ANA = Principal("till-3", "1001", Role.ASSOCIATE)
BEN = Principal("till-3", "1002", Role.LEAD)
ELSEWHERE = Principal("till-4", "1001", Role.ASSOCIATE)


class Time:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_device_asks_as_often_as_the_settings_say_whoever_holds_it() -> None:
    pace = pace_of(SETTINGS, monotonic=Time())
    for n in range(30):
        pace.take(ANA if n % 2 else BEN)

    with pytest.raises(Refused) as caught:
        pace.take(ANA)

    problem = caught.value.problem
    assert (problem.status, problem.code, problem.retry_after_s) == (429, "too_many_asks", 2)
    pace.take(ELSEWHERE)


def test_what_was_promised_as_the_time_to_come_back_holds() -> None:
    time = Time()
    pace = pace_of(SETTINGS, monotonic=time)
    for _ in range(30):
        pace.take(ANA)
    with pytest.raises(Refused) as caught:
        pace.take(ANA)

    time.now_s += caught.value.problem.retry_after_s

    pace.take(ANA)
    with pytest.raises(Refused):
        pace.take(ANA)


def test_no_number_is_no_limit() -> None:
    pace = pace_of(replace(SETTINGS, asks_per_minute=0), monotonic=Time())

    for _ in range(1_000):
        pace.take(ANA)

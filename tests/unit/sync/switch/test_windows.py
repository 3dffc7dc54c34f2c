from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sync.errors import PointerRefused
from sync.switch.windows import read_window


def _at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-27T{text}:00")


@pytest.mark.parametrize(
    ("window", "time", "is_open"),
    [
        ("", "12:00", True),
        ("22:00-05:00", "21:59", False),
        ("22:00-05:00", "22:00", True),
        ("22:00-05:00", "00:00", True),
        ("22:00-05:00", "04:59", True),
        ("22:00-05:00", "05:00", False),
        ("01:30-03:00", "02:00", True),
        ("01:30-03:00", "03:00", False),
        ("00:00-00:00", "17:00", True),
    ],
)
def test_a_window_is_open_from_its_begin_up_to_its_end(
    window: str, time: str, is_open: bool
) -> None:
    assert read_window(window).is_open(_at(time)) is is_open


@pytest.mark.parametrize(
    "window", ["22-5", "24:00-05:00", "22:00", "22:00-05:60", "always", "²2:00-05:00"]
)
def test_what_is_no_window_is_refused(window: str) -> None:
    with pytest.raises(PointerRefused, match="22:00-05:00"):
        read_window(window)


def test_the_hour_that_comes_twice_in_autumn_is_open_both_times() -> None:
    zone, window = ZoneInfo("America/New_York"), read_window("01:00-02:00")
    first, second = (
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
    )
    assert window.is_open(first.astimezone(zone))
    assert window.is_open(second.astimezone(zone))

"""One bucket: chat never waits, the rest waits for what it took, nights have their own rate."""

from __future__ import annotations

from datetime import datetime

import pytest

from appliance.errors import BadInput
from sync.agent.bucket import Bucket, Hours, Rate
from sync.agent.settings import load_agent_settings, read_hours
from tests.fakes.clock import FakeClock

KIB = 1024
NOON = datetime(2026, 11, 27, 12, 0)  # noqa: DTZ001 - of the store's own day
NIGHT = datetime(2026, 11, 27, 23, 30)  # noqa: DTZ001


class Sleeper:
    """A bucket on a clock that goes on while somebody waits."""

    def __init__(self, rate: Rate, local: datetime = NOON) -> None:
        self.clock, self.local = FakeClock(), local
        self.bucket = Bucket(
            rate,
            local=lambda: self.local,
            monotonic=self.clock.monotonic,
            sleep=self.clock.advance,
        )

    def took_s(self, size: int) -> float:
        begun = self.clock.monotonic()
        self.bucket.take(size)
        return self.clock.monotonic() - begun


def test_a_burst_passes_at_once_and_what_is_more_at_the_rate() -> None:
    line = Sleeper(Rate(64 * KIB, 128 * KIB))
    assert line.took_s(128 * KIB) == 0
    assert line.took_s(640 * KIB) == pytest.approx(10, abs=0.1)


def test_chat_does_not_wait_and_what_it_took_is_waited_for_by_the_rest() -> None:
    line = Sleeper(Rate(64 * KIB, 64 * KIB))
    line.bucket.count(64 * KIB + 320 * KIB)
    assert line.clock.monotonic() == 0
    assert line.took_s(1) == pytest.approx(5, abs=0.1)


def test_a_long_download_keeps_to_the_rate_whatever_its_pieces() -> None:
    line = Sleeper(Rate(64 * KIB, 16 * KIB))
    for _ in range(1_000):
        line.took_s(16 * KIB)
    assert 16_000 * KIB / line.clock.monotonic() <= 64 * KIB * 1.01


def test_without_a_rate_nothing_waits() -> None:
    line = Sleeper(Rate())
    assert line.took_s(10**9) == 0
    assert line.bucket.bytes_s == 0


def test_the_night_has_its_own_rate_and_no_debt_of_the_day() -> None:
    rate = Rate(1 * KIB, 1 * KIB, (Hours(22 * 60, 5 * 60, 0.0),))
    line = Sleeper(rate)
    line.bucket.count(10_000 * KIB)
    line.local = NIGHT
    assert line.took_s(10_000 * KIB) == 0
    line.local = NOON
    assert line.took_s(2 * KIB) == pytest.approx(1, abs=0.1)


def test_who_waits_goes_on_when_the_agent_ends() -> None:
    line = Sleeper(Rate(1 * KIB, 1 * KIB))
    line.bucket.stop()
    assert line.took_s(1_000 * KIB) == 0


def test_hours_are_read_as_they_are_written() -> None:
    assert read_hours("22:00-05:00 2048, 09:00-20:00 64") == (
        Hours(22 * 60, 5 * 60, 2048 * KIB),
        Hours(9 * 60, 20 * 60, 64 * KIB),
    )
    assert read_hours("") == ()


@pytest.mark.parametrize("text", ["22-5 64", "22:00-05:00", "22:00-05:00 fast", "09:00-20:00 -1"])
def test_hours_written_otherwise_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="line_hours"):
        read_hours(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("line_kib = 4", "unknown setting 'line_kib'"),
        ("line_kib_s = true", "must be a float"),
        ("line_kib_s = -1", "must be a float"),
        ("chats_at_once = 0", "at least 1"),
        ("generalist = 1", "must be a bool"),
        ("x", "not valid TOML"),
    ],
)
def test_settings_that_cannot_be_are_told(tmp_path, text: str, told: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "agent.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=told):
        load_agent_settings(path)


def test_settings_are_read_with_their_defaults(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "agent.toml"
    assert load_agent_settings(path).generalist
    path.write_text("line_kib_s = 64\ngeneralist = false\n")
    found = load_agent_settings(path)
    assert (found.rate.bytes_s, found.generalist) == (64 * KIB, False)

"""How long wrong PINs lock."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from appliance.store.lockout import LONGEST_LOCK, Tally, lock_for

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_the_fifth_miss_locks_for_five_minutes_and_each_after_it_for_twice_as_long() -> None:
    minutes = [lock_for(misses) / MINUTE for misses in range(13)]
    assert minutes == [0, 0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 240, 240]


def test_a_lock_is_over_when_it_is_over() -> None:
    tally = Tally(4).missed(NOW)
    assert tally.wait(NOW) == 5 * MINUTE
    assert tally.wait(NOW + 5 * MINUTE) == timedelta()


@given(misses=st.integers(0, 1_000_000), days=st.floats(-30_000, 30_000))
def test_no_clock_makes_a_lock_longer_than_locks_are(misses: int, days: float) -> None:
    tally = Tally(misses, NOW + timedelta(days=days)).at(NOW)
    assert tally.wait(NOW) <= lock_for(misses) <= LONGEST_LOCK
    assert tally.misses == misses


def test_a_lock_of_todays_clock_is_left_as_it_is() -> None:
    tally = Tally(6, NOW + 3 * MINUTE)
    assert tally.at(NOW) is tally

"""Token buckets: so many at once, then at a rate; a bounded number of them."""

import pytest

from appliance.web.limits import LONGEST_WAIT_S, Buckets
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def buckets(clock: FakeClock, *, rate: float = 60, burst: int = 3, most: int = 10) -> Buckets:
    return Buckets(rate, burst, most_keys=most, monotonic=clock.monotonic)


def test_a_burst_is_free_and_the_next_one_is_told_when_to_come(clock: FakeClock) -> None:
    kept = buckets(clock)
    assert [kept.take("a") for _ in range(4)] == [0, 0, 0, 1.0]


def test_waiting_as_long_as_told_is_enough(clock: FakeClock) -> None:
    kept = buckets(clock, rate=7)
    for _ in range(3):
        kept.take("a")
    clock.advance(kept.take("a") + 1e-6)
    assert kept.take("a") == 0
    assert kept.take("a") > 0


def test_being_told_no_costs_no_token(clock: FakeClock) -> None:
    kept = buckets(clock)
    for _ in range(50):
        kept.take("a")
    clock.advance(1)
    assert kept.take("a") == 0


def test_a_bucket_holds_no_more_than_its_burst(clock: FakeClock) -> None:
    kept = buckets(clock)
    kept.take("a")
    clock.advance(10_000)
    assert [kept.take("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_one_keys_bucket_is_no_others(clock: FakeClock) -> None:
    kept = buckets(clock, burst=1)
    assert [kept.take(key) for key in ("a", "b")] == [0, 0]
    assert kept.take("a") > 0


def test_the_bucket_longest_unused_makes_room(clock: FakeClock) -> None:
    kept = buckets(clock, burst=1, most=2)
    for key in ("a", "b", "a", "c"):
        kept.take(key)
    assert len(kept) == 2
    assert kept.take("a") > 0  # used since b was: still known
    assert kept.take("b") == 0


def test_a_rate_of_none_is_a_wait_that_can_be_written_down(clock: FakeClock) -> None:
    kept = buckets(clock, rate=0, burst=1)
    kept.take("a")
    assert kept.take("a") == LONGEST_WAIT_S

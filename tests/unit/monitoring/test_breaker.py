"""A breaker opens for cause, probes one at a time and comes back by itself."""

from __future__ import annotations

import pytest

from appliance.monitoring.breaker import Breaker, Limits, State
from tests.fakes.clock import FakeClock

LIMITS = Limits(slow_s=2.0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(LIMITS, clock.monotonic)


def try_it(breaker: Breaker, *, seconds: float = 0.1, failed: bool = False) -> bool:
    """Try the lane as a caller does; return whether it was let in."""
    if breaker.closed():
        return False
    breaker.heard(seconds, failed=failed)
    return True


def opened(breaker: Breaker) -> Breaker:
    for _ in range(LIMITS.least_tries):
        assert try_it(breaker, failed=True)
    assert breaker.tally().state is State.OPEN
    return breaker


def test_a_breaker_begins_closed_and_good_tries_leave_it_so(breaker: Breaker) -> None:
    assert all(try_it(breaker) for _ in range(100))
    assert breaker.tally().state is State.CLOSED


def test_it_waits_for_a_minimum_of_tries(breaker: Breaker) -> None:
    for _ in range(LIMITS.least_tries - 1):
        try_it(breaker, failed=True)
    assert breaker.tally().state is State.CLOSED
    try_it(breaker, failed=True)
    assert breaker.tally().state is State.OPEN


def test_it_opens_on_a_share_of_failures_and_says_so(breaker: Breaker) -> None:
    for n in range(10):
        try_it(breaker, failed=n % 2 == 1)
    assert breaker.closed() == (
        "its breaker is open: 2 failed of its last 4 tries; tried again in 15 s"
    )


def test_fewer_failures_than_its_share_leave_it_closed(breaker: Breaker) -> None:
    assert all(try_it(breaker, failed=n % 3 == 2) for n in range(60))


def test_it_opens_on_tries_slower_than_the_lanes_bound(breaker: Breaker) -> None:
    for _ in range(LIMITS.least_tries):
        try_it(breaker, seconds=2.01)
    assert "4 were too slow of its last 4 tries" in breaker.closed()


def test_a_try_at_its_bound_is_not_slow(breaker: Breaker) -> None:
    assert all(try_it(breaker, seconds=2.0) for _ in range(20))


def test_failures_that_are_long_past_do_not_count(breaker: Breaker, clock: FakeClock) -> None:
    for _ in range(3):
        try_it(breaker, failed=True)
    clock.advance(LIMITS.window_s + 1)
    try_it(breaker, failed=True)
    assert breaker.tally().tries == 1
    assert breaker.tally().state is State.CLOSED


def test_a_good_try_never_opens_it(clock: FakeClock) -> None:
    breaker = Breaker(Limits(slow_s=2.0, least_tries=3), clock.monotonic)
    try_it(breaker, failed=True)
    try_it(breaker, failed=True)
    try_it(breaker)
    assert breaker.tally().state is State.CLOSED


def test_while_it_is_open_nobody_is_let_in(breaker: Breaker, clock: FakeClock) -> None:
    opened(breaker)
    for _ in range(14):
        clock.advance(1.0)
        assert not try_it(breaker)


def test_after_the_cool_down_one_probe_goes_and_the_others_wait(
    breaker: Breaker, clock: FakeClock
) -> None:
    opened(breaker)
    clock.advance(LIMITS.cool_down_s)

    let_in = [not breaker.closed() for _ in range(8)]

    assert let_in == [True, *[False] * 7]
    assert "a probe is under way" in breaker.closed()
    assert breaker.tally().state is State.HALF_OPEN


def test_good_probes_in_a_row_close_it_and_the_past_is_forgotten(
    breaker: Breaker, clock: FakeClock
) -> None:
    opened(breaker)
    clock.advance(LIMITS.cool_down_s)
    assert try_it(breaker)
    assert breaker.tally().state is State.HALF_OPEN
    assert try_it(breaker)
    tally = breaker.tally()
    assert (tally.state, tally.tries, tally.why, tally.opened) == (State.CLOSED, 0, "", 1)


@pytest.mark.parametrize("probe", [{"failed": True}, {"seconds": 9.0}])
def test_a_bad_probe_opens_it_for_twice_as_long(
    breaker: Breaker, clock: FakeClock, probe: dict[str, float]
) -> None:
    opened(breaker)
    clock.advance(LIMITS.cool_down_s)
    assert try_it(breaker, **probe)  # type: ignore[arg-type]
    assert breaker.tally().retry_in_s == pytest.approx(2 * LIMITS.cool_down_s)
    clock.advance(2 * LIMITS.cool_down_s - 0.1)
    assert not try_it(breaker)


def test_a_lane_that_stays_down_is_probed_less_and_less_but_never_given_up(
    breaker: Breaker, clock: FakeClock
) -> None:
    """No retry storm: an hour of asks, ten a second, costs the one upstream this few tries."""
    opened(breaker)
    probes = 0
    for _ in range(36_000):
        clock.advance(0.1)
        probes += try_it(breaker, failed=True)
    assert 14 <= probes <= 20
    assert breaker.tally().retry_in_s <= LIMITS.longest_cool_down_s


def test_once_it_closed_it_waits_no_longer_than_at_first(
    breaker: Breaker, clock: FakeClock
) -> None:
    opened(breaker)
    clock.advance(LIMITS.cool_down_s)
    try_it(breaker, failed=True)
    clock.advance(2 * LIMITS.cool_down_s)
    assert try_it(breaker)
    assert try_it(breaker)
    opened(breaker)
    assert breaker.tally().retry_in_s == pytest.approx(LIMITS.cool_down_s)


def test_a_probe_that_was_excused_may_go_again_at_once(breaker: Breaker, clock: FakeClock) -> None:
    opened(breaker)
    clock.advance(LIMITS.cool_down_s)
    assert breaker.closed() == ""
    breaker.excuse()
    assert breaker.closed() == ""


def test_an_excused_try_is_not_counted(breaker: Breaker) -> None:
    for _ in range(50):
        assert breaker.closed() == ""
        breaker.excuse()
    assert breaker.tally().tries == 0


def test_a_probe_nobody_tells_of_bars_the_way_for_a_cool_down_only(
    breaker: Breaker, clock: FakeClock
) -> None:
    opened(breaker)
    clock.advance(LIMITS.cool_down_s)
    assert breaker.closed() == ""
    clock.advance(LIMITS.cool_down_s)
    assert breaker.closed() == ""


def test_tries_that_come_back_after_it_opened_change_nothing(breaker: Breaker) -> None:
    opened(breaker)
    before = breaker.tally()
    breaker.heard(0.1, failed=False)
    breaker.heard(9.0, failed=True)
    assert breaker.tally() == before

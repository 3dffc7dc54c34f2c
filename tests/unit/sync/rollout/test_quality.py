"""Worse answers are found when they are surely worse, and not by chance."""

from __future__ import annotations

import random

from sync.rollout.plan import QualityLimits
from sync.rollout.quality import Halves, Quality, worse

LIMITS = QualityLimits()
BEFORE = Quality(
    *(20_000, 200),
    *(20_000.0, 17_000.0, 300.0),
    timed=100,
    p95_sum=100 * 900.0,
    p95_squares=100 * (900.0**2 + 100.0**2),
    stores=100,
    dark=3,
)


def like(asks: int, **more: float) -> Quality:
    share = asks / BEFORE.asks
    told = {
        "errors": round(BEFORE.errors * share),
        "answered": BEFORE.answered * share,
        "expected": BEFORE.expected * share,
        "down": BEFORE.down * share,
    }
    return Quality(asks, **{**told, **more})  # type: ignore[arg-type]


def test_the_same_release_is_no_worse() -> None:
    assert worse(Halves(BEFORE, BEFORE), LIMITS) == ""


def test_more_errors_are_told_with_both_shares() -> None:
    found = worse(Halves(like(2000, errors=100), BEFORE), LIMITS)

    assert found == "errors: 5.0% of asks against 1.0%"


def test_few_asks_prove_nothing() -> None:
    assert worse(Halves(like(100, errors=100), BEFORE), LIMITS) == ""


def test_more_thumbs_down_are_told() -> None:
    assert "called wrong: 8.0% against 1.5%" in worse(Halves(like(1000, down=80.0), BEFORE), LIMITS)


def test_confidence_over_what_held_is_told() -> None:
    found = worse(Halves(like(3000, expected=2900.0), BEFORE), LIMITS)

    assert found.startswith("calibration")


def test_slower_stores_are_told() -> None:
    slow = Quality(timed=20, p95_sum=20 * 1800.0, p95_squares=20 * (1800.0**2 + 200.0**2))

    assert worse(Halves(slow, BEFORE), LIMITS) == "slower: p95 1,800 ms against 900 ms"


def test_one_slow_store_among_twenty_is_no_slow_release() -> None:
    times = [900.0] * 19 + [20_000.0]
    mixed = Quality(timed=20, p95_sum=sum(times), p95_squares=sum(t * t for t in times))

    assert worse(Halves(mixed, BEFORE), LIMITS) == ""


def test_stores_that_go_dark_together_are_told() -> None:
    assert worse(Halves(Quality(stores=40, dark=20), BEFORE), LIMITS).startswith("stores gone")


def test_without_a_release_before_nothing_is_compared() -> None:
    assert worse(Halves(like(5000, errors=5000), Quality()), LIMITS) == ""


def test_chance_alone_does_not_halt_a_day_of_looks() -> None:
    luck = random.Random(5)
    asks = errors = downs = 0
    for _ in range(1_000):
        asks += 20
        errors += sum(luck.random() < 0.01 for _ in range(20))
        downs += sum(luck.random() < 0.015 for _ in range(20))
        assert worse(Halves(like(asks, errors=errors, down=float(downs)), BEFORE), LIMITS) == ""


def test_more_thumbs_down_than_answers_are_told_and_stop_no_arithmetic() -> None:
    found = worse(Halves(like(1_000, down=1_500), BEFORE), LIMITS)

    assert found.startswith("called wrong")

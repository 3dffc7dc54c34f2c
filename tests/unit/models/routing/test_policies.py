"""Local or cloud: prices and recovered quality, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.routing.policies import (
    Paired,
    apgr,
    cloud_down,
    cpt,
    curve,
    nearest_score,
    oracle,
    points,
    quality_at,
)


def paired(score: list[float], local: list[bool], cloud: list[bool]) -> Paired:
    return Paired(
        np.array(score, dtype=float), np.array(local), np.array(cloud), np.ones(len(score))
    )


KNOWING = paired([0.1, 0.2, 0.8, 0.9], [False, False, True, True], [True, True, True, True])


def test_the_curve_goes_from_always_local_to_always_cloud() -> None:
    cost, quality = curve(KNOWING)
    assert cost.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert quality.tolist() == [0.5, 0.75, 1, 1, 1]


def test_a_score_that_knows_nothing_recovers_half_and_one_that_knows_more() -> None:
    assert apgr(KNOWING.scored(np.zeros(4))) == pytest.approx(0.5)
    assert apgr(KNOWING) == pytest.approx(0.75)
    assert apgr(KNOWING.scored(-KNOWING.score)) == pytest.approx(0.25)


def test_the_price_of_a_recovered_share_is_read_between_points() -> None:
    assert cpt(KNOWING, recovered=0.5) == pytest.approx(0.25)
    assert cpt(KNOWING, recovered=0.8) == pytest.approx(0.4)
    assert cpt(KNOWING.scored(np.zeros(4)), recovered=0.5) == pytest.approx(0.5)


def test_where_the_cloud_is_no_better_there_is_no_gap_to_recover() -> None:
    even = paired([0.1, 0.9], [True, False], [False, True])
    assert apgr(even) is None
    assert cpt(even, recovered=0.5) is None


def test_no_score_beats_the_one_that_knows() -> None:
    chance = np.random.default_rng(5)
    asks = Paired(
        chance.random(400), chance.random(400) < 0.6, chance.random(400) < 0.9, np.ones(400)
    )
    best = apgr(asks.scored(oracle(asks)))
    assert best is not None
    for _ in range(20):
        other = apgr(asks.scored(chance.random(400)))
        assert other is not None
        assert other < best
    assert max(p["quality"] for p in points(asks.scored(oracle(asks)))) == pytest.approx(
        (asks.local | asks.cloud).mean(), abs=0.01
    )


def test_a_dear_ask_spends_more_of_the_cost() -> None:
    dear = Paired(
        np.array([0.1, 0.9]), np.array([False, False]), np.array([True, True]), np.array([9.0, 1.0])
    )
    assert quality_at(dear, 0.9) == pytest.approx(0.5)


def test_with_the_line_down_what_the_cloud_had_answered_is_held() -> None:
    found = cloud_down(KNOWING, threshold=0.5)
    assert found[0] == {"down": 0.0, "right": 1.0, "wrong": 0.0, "held": 0.0}
    assert found[-1] == {"down": 1.0, "right": 0.5, "wrong": 0.0, "held": 0.5}
    for point in found:
        assert point["right"] + point["wrong"] + point["held"] == pytest.approx(1.0)


def test_neighbours_are_near_in_features_of_like_scale() -> None:
    known = np.array([[0.0, 1000.0], [0.1, 1100.0], [5.0, 1000.0], [5.1, 1100.0]])
    right = np.array([True, True, False, False])
    found = nearest_score(np.array([[0.05, 1100.0]]), known=known, right=right, k=2)
    assert found.tolist() == [1.0]
    assert nearest_score(known[:1], known=known, right=right, k=99).tolist() == [0.5]

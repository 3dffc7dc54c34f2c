"""A weighted sum as a probability."""

import math

import pytest

from appliance.logistic import Logistic


def test_the_probability_is_that_of_the_weighted_sum() -> None:
    model = Logistic({"cosine": 2.0, "long": -1.0}, 0.5)
    assert model.p({"cosine": 0.75, "long": 1.0}) == pytest.approx(1 / (1 + math.exp(-1.0)))


def test_a_missing_feature_is_nought_and_an_unweighed_one_counts_nothing() -> None:
    model = Logistic({"cosine": 2.0}, -1.0)
    assert model.p({}) == model.p({"moon": 9.0}) == pytest.approx(1 / (1 + math.e))


@pytest.mark.parametrize("score", [1e6, -1e6, math.inf, -math.inf])
def test_a_probability_never_overflows_and_stays_inside_its_bounds(score: float) -> None:
    assert 0.0 < Logistic({}, score).p({}) < 1.0

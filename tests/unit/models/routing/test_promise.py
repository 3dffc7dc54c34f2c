"""The promise: bounds as published, a choice that does not cheat, and truth kept on fresh data."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.errors import BadInput
from models.routing.promise import (
    OTHER_RISKS,
    STARTS,
    Promise,
    holds,
    least_answers,
    propose,
    prove,
    prove_least,
    upper_bound,
)

RISK, CONFIDENCE = 0.02, 0.95
DRAWS = 300


def a_world(chance: np.random.Generator, *, asks: int, sloppy: float) -> tuple[NDArray, NDArray]:
    """Return scores, and whether the answer was wrong: likelier the lower the score."""
    scores = chance.random(asks)
    return scores, chance.random(asks) < true_risk_of(scores, sloppy=sloppy)


def true_risk_of(scores: NDArray, *, sloppy: float) -> NDArray:
    return np.minimum(1.0, sloppy * 0.5 * (1.0 - scores) ** 2 + 0.004 * sloppy)


def true_risk_over(threshold: float, *, sloppy: float) -> float:
    """Return the share wrong among all answers at or over a threshold."""
    grid = np.linspace(threshold, 1.0, 20_001)
    return float(true_risk_of(grid, sloppy=sloppy).mean())


@pytest.mark.parametrize(
    ("wrong", "of", "upper"),
    # From the beta quantile function: beta.ppf(0.95, wrong + 1, of - wrong).
    [(0, 149, 0.019905), (0, 1, 0.95), (1, 10, 0.394163), (3, 500, 0.015435), (20, 400, 0.071997)],
)
def test_the_bound_is_clopper_and_pearsons(wrong: int, of: int, upper: float) -> None:
    assert upper_bound(wrong, of, confidence=0.95) == pytest.approx(upper, abs=2e-4)


def test_nothing_seen_bounds_nothing() -> None:
    assert upper_bound(0, 0, confidence=0.95) == 1.0
    assert upper_bound(7, 7, confidence=0.95) == 1.0


def test_so_many_right_answers_prove_a_risk_and_one_fewer_does_not() -> None:
    n = least_answers(RISK, CONFIDENCE)
    assert upper_bound(0, n, confidence=CONFIDENCE) <= RISK
    assert upper_bound(0, n - 1, confidence=CONFIDENCE) > RISK


def test_thresholds_are_proposed_strictest_first_and_each_once() -> None:
    found = propose([0.2, 0.2, 0.4, 0.9], steps=10)
    assert list(found) == sorted(set(found), reverse=True)
    assert found[-1] == 0.2
    with pytest.raises(BadInput, match="No scores"):
        propose([])


def promised(seed: int, *, asks: int = 1500, sloppy: float = 1.0) -> Promise:
    chance = np.random.default_rng(seed)
    other, _ = a_world(chance, asks=asks, sloppy=sloppy)
    scores, wrong = a_world(chance, asks=asks, sloppy=sloppy)
    return prove(list(scores), list(wrong), thresholds=propose(list(other)))


@pytest.mark.parametrize(("sloppy", "promised_in"), [(0.2, 200), (0.5, 100), (1.0, 50)])
def test_over_many_draws_the_promise_is_broken_no_oftener_than_it_says(
    sloppy: float, promised_in: int
) -> None:
    made = [promised(seed, sloppy=sloppy) for seed in range(DRAWS)]
    broken = sum(
        p.threshold is not None and true_risk_over(p.threshold, sloppy=sloppy) > RISK for p in made
    )
    # Were it broken with chance 5 %, more than 25 of 300 draws would be seen once in 300 trials.
    assert broken <= 25
    # And it is a promise: one that is never made is never broken.
    assert sum(p.threshold is not None for p in made) >= promised_in


def test_a_choice_without_its_correction_breaks_the_promise_far_too_often() -> None:
    """The test above can fail: the loosest threshold whose share wrong looks right breaks it."""
    broken = 0
    for seed in range(DRAWS):
        chance = np.random.default_rng(seed)
        scores, wrong = a_world(chance, asks=1500, sloppy=1.0)
        order = np.argsort(-scores)
        risk = np.cumsum(wrong[order]) / np.arange(1, 1501)
        loosest = scores[order][np.flatnonzero(risk <= RISK)[-1]]
        broken += true_risk_over(float(loosest), sloppy=1.0) > RISK
    assert broken > 75


def test_a_good_store_is_promised_much_and_a_hopeless_one_nothing() -> None:
    good, hopeless = promised(1, asks=3000, sloppy=0.2), promised(1, sloppy=30.0)
    assert good.coverage > 0.3
    assert good.wrong / good.answered < RISK
    assert hopeless.threshold is None
    assert hopeless.coverage == 0.0
    assert "Nothing can be promised" in hopeless.as_sentence()
    assert f"{good.answered:,}" in good.as_sentence()


def test_one_unlucky_strict_threshold_does_not_end_all_sequences() -> None:
    # The surest answer of all is wrong, nothing else is: a single sequence stops at its start.
    scores = np.linspace(1.0, 0.0, 2000)
    wrong = np.zeros(2000, dtype=bool)
    wrong[0] = True
    thresholds = propose(list(scores))[3:]  # the first answers 200: one wrong is too many
    one = prove(list(scores), list(wrong), thresholds=thresholds, starts=1)
    two = prove(list(scores), list(wrong), thresholds=thresholds, starts=2)
    assert one.threshold is None
    assert two.coverage == 1.0


def test_a_threshold_that_answers_too_few_to_prove_anything_is_passed_over() -> None:
    made = promised(3)
    least = least_answers(RISK, 1 - (1 - CONFIDENCE) / STARTS)
    assert made.tests
    assert min(t.answered for t in made.tests) >= least


def test_too_few_asks_promise_nothing() -> None:
    made = prove([0.9] * 100, [False] * 100, thresholds=[0.9, 0.5])
    assert (made.threshold, made.tests) == (None, ())


def test_fresh_asks_of_the_same_world_keep_the_promise_and_of_a_worse_one_refute_it() -> None:
    made = promised(4, asks=3000, sloppy=0.2)
    same = a_world(np.random.default_rng(99), asks=4000, sloppy=0.2)
    worse = a_world(np.random.default_rng(99), asks=4000, sloppy=3.0)
    assert made.threshold is not None
    assert holds(made, list(same[0]), list(same[1]))["is_broken"] is False
    assert holds(made, list(worse[0]), list(worse[1]))["is_broken"] is True


def test_of_nothing_promised_nothing_is_broken() -> None:
    made = prove([0.5] * 10, [True] * 10, thresholds=[0.5])
    assert holds(made, [0.9], [True]) == {
        "asks": 1,
        "answered": 0,
        "wrong": 0,
        "is_broken": False,
    }


def test_where_the_wished_risk_cannot_be_kept_the_least_that_can_is_offered() -> None:
    chance = np.random.default_rng(5)
    scores, wrong = a_world(chance, asks=5000, sloppy=4.0)  # 1.6 % wrong at the very best
    thresholds = tuple(n / 200 for n in range(199, 79, -1))
    wanted, least = prove_least(list(scores), list(wrong), thresholds=thresholds)
    assert wanted.threshold is None
    assert least is not None
    assert least.risk in OTHER_RISKS
    assert least.confidence == CONFIDENCE
    assert least.upper <= least.risk
    assert true_risk_over(least.threshold or 0.0, sloppy=4.0) <= least.risk


def test_a_wish_that_is_kept_needs_no_other() -> None:
    wanted, least = prove_least([0.9] * 400, [False] * 400, thresholds=[0.8])
    assert (wanted.threshold, least) == (0.8, None)


def test_the_offered_risk_is_broken_as_seldom_as_its_confidence_says() -> None:
    """Looking through risks for the least that passes costs confidence: it is paid for."""
    thresholds, broken = tuple(n / 200 for n in range(199, 79, -1)), 0
    for seed in range(DRAWS):
        scores, wrong = a_world(np.random.default_rng(seed), asks=2000, sloppy=3.0)
        wanted, least = prove_least(list(scores), list(wrong), thresholds=thresholds)
        made = least or wanted
        if made.threshold is not None:
            broken += true_risk_over(made.threshold, sloppy=3.0) > made.risk
    assert broken / DRAWS <= 1 - CONFIDENCE + 0.03


def test_few_thresholds_each_stand_for_themselves_and_are_all_paid_for() -> None:
    # Two of the 190 surest are wrong, none of the 400 after them: a sequence from the strictest on
    # would end there.
    scores = [0.95] * 190 + [0.9] * 400
    wrong = [n < 2 for n in range(590)]
    thresholds = (0.95, 0.9, 0.8)
    made = prove(scores, wrong, thresholds=thresholds, starts=3)
    assert (made.threshold, made.answered, made.wrong) == (0.8, 590, 2)
    assert made.upper == upper_bound(2, 590, confidence=1 - 0.05 / 3)


def test_few_thresholds_promise_too_much_as_seldom_as_their_confidence_says() -> None:
    thresholds, broken = (0.95, 0.9, 0.8, 0.7, 0.5), 0
    for seed in range(DRAWS):
        scores, wrong = a_world(np.random.default_rng(seed), asks=1400, sloppy=1.0)
        made = prove(list(scores), list(wrong), thresholds=thresholds, starts=5)
        if made.threshold is not None:
            broken += true_risk_over(made.threshold, sloppy=1.0) > RISK
    assert broken / DRAWS <= 1 - CONFIDENCE + 0.03

"""A trained router's judgement: which intent, how near, and which lanes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from appliance.logistic import Logistic
from appliance.records import LaneName
from appliance.stages.grams import GRAM_BUCKETS
from appliance.stages.scope import Scale, TrainedRouter, Views, named, shared_odds

DIM = 2
HIDDEN = 2
PRICE, STOCK = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
NOTHING = np.zeros(DIM, np.float32)


def a_router(**fields: object) -> TrainedRouter:
    """Return a router that reads its two intents off the embedding's two directions."""
    wide = np.zeros((2, DIM + GRAM_BUCKETS), np.float32)
    wide[:, :DIM] = np.eye(2)
    flat = np.zeros(2, np.float32)
    views = Views(
        joint=(wide, flat),
        inner=(wide, flat),
        outer=(np.eye(2, dtype=np.float32), flat),
        near=(np.eye(2, dtype=np.float32) * 10, flat),
        rarity=np.ones(GRAM_BUCKETS, np.float32),
    )
    known = {
        "intents": ("price", "stock"),
        "views": views,
        "scales": (Scale(10.0, 1.0, 1 / 3),) * 3,
        "in_scope_at": -2.0,
        "right": Logistic({"p": 2.0}, 0.0),
        "lanes": {},
    }
    return TrainedRouter(**{**known, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(("vector", "intent"), [(PRICE, "price"), (STOCK, "stock")])
def test_the_likeliest_intent_is_named_with_its_share(vector: np.ndarray, intent: str) -> None:
    found = a_router().judge("how much", vector)
    assert (named(found), found.is_ours) == (intent, True)
    assert found.p > 0.99
    assert found.score == pytest.approx(0.0)
    assert found.features[f"intent:{intent}"] == 1.0


def test_what_is_far_from_all_intents_is_out_of_scope() -> None:
    found = a_router().judge("sing a song", NOTHING)
    assert (named(found), found.is_ours) == ("out_of_scope", False)
    assert found.score == pytest.approx(-10.0)
    lanes, reasons = a_router().ladder(found)
    assert [o.lane for o in lanes] == [LaneName.HANDOFF]
    assert reasons[0].startswith("out of scope")


def test_signs_without_a_word_ask_nothing() -> None:
    assert a_router().judge("?!", PRICE).is_ours is False


def test_lanes_are_climbed_by_their_odds_and_the_hand_over_is_last() -> None:
    lanes = {"specialist": Logistic({}, -1.0), "lookup": Logistic({"intent:price": 4.0}, -2.0)}
    router = a_router(lanes=lanes)
    for vector, first in ((PRICE, LaneName.LOOKUP), (STOCK, LaneName.SPECIALIST)):
        found, reasons = router.ladder(router.judge("how much", vector))
        assert found[0].lane is first
        assert found[0].p > found[1].p
        assert found[-1].lane is LaneName.HANDOFF
        assert any(first.value in why for why in reasons)


def test_without_outcomes_the_lanes_p_is_the_intents_and_is_said_to_be() -> None:
    router = a_router()
    lanes, reasons = router.ladder(router.judge("how much", PRICE))
    assert lanes[0].p == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-3)
    assert any("no outcomes recorded" in why for why in reasons)


def test_odds_of_two_views_sum_to_one_and_need_both() -> None:
    odds = shared_odds(np.array([[9.0, 0.0]], np.float32), np.array([[0.0, 9.0]], np.float32))
    assert odds[0].tolist() == pytest.approx([0.5, 0.5])
    assert shared_odds(np.array([[1e4, 0]], np.float32), np.zeros((1, 2), np.float32)).sum() == 1


def test_the_grams_count_where_the_embedding_is_silent() -> None:
    router = a_router()
    wide = router.views.joint[0].copy()
    wide[1, DIM:] = 1.0
    views = replace(router.views, joint=(wide, router.views.joint[1]))
    silent = replace(router, views=views).judge("abc", NOTHING)
    assert silent.p != pytest.approx(router.judge("abc", NOTHING).p)

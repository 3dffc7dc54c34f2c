"""What a lane's answer counts for: right or not, in which half, and how odds are fitted to it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from appliance.records import Draft, LaneName, Sentence, Source
from models.excerpts import LabelledAsk
from models.intents import LiveAsk
from models.outcomes import (
    LANES,
    Trial,
    answers,
    draft_model,
    figures,
    fit,
    is_calibration,
    lane_models,
    try_handbook,
    try_live,
)
from tests.builders.records import HEADPHONES as RULE
from tests.builders.records import NOW
from tests.builders.stores import HEADPHONES, KETTLE, Parts
from tests.fakes.clock import FakeClock
from tests.fakes.ports import saying

ASK = LabelledAsk("how long to return opened headphones", "returns-headphones", RULE)


def says(text: str) -> Draft:
    return Draft(LaneName.SPECIALIST, (Sentence(text),), p=0.9)


def a_trial(lane: LaneName = LaneName.QUOTE, **fields: Any) -> Trial:
    known = {"features": {"policy": 1.0}, "signals": {}, "is_none": False, "is_right": True}
    return Trial(lane, **{**known, **fields})


def test_an_ask_is_in_the_same_half_in_every_run() -> None:
    # Written down, not computed: another hash would move asks between fitting and reporting.
    texts = ("opened headphones", "how many kettles", "¿cuánto cuesta?", "")
    assert [is_calibration(t) for t in texts] == [False, True, False, True]
    share = sum(is_calibration(f"ask {n}") for n in range(1000)) / 1000
    assert 0.4 < share < 0.6


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        (RULE, True),
        (f"The handbook says: “{RULE}”", True),
        ("Opened headphones come back within thirty days with the receipt.", False),
        ("Opened headphones come back within 15 days with the receipt.", False),
        ("30 days.", True),  # few words, all of them the answer's
        ("Within 30 days a laptop may be exchanged at the desk by any lead.", False),
        ("", False),
    ],
)
def test_an_answer_is_right_when_it_says_the_values_and_the_words(
    text: str, is_right: bool
) -> None:
    assert answers(says(text), ASK) is is_right


def test_no_draft_is_no_answer() -> None:
    assert not answers(None, ASK)
    assert not answers(Draft(LaneName.QUOTE, (), p=0.0, is_none=True), ASK)


@pytest.mark.parametrize(("right", "p"), [([True] * 8, 0.9), ([False] * 8, 0.1), ([], 0.5)])
def test_outcomes_that_all_agree_give_a_constant_that_is_never_certain(
    right: list[bool], p: float
) -> None:
    model = fit([{"policy": float(n)} for n in range(len(right))], right)
    assert model.weights == {}
    assert model.p({"policy": 9.0}) == pytest.approx(p)


def test_without_features_the_odds_are_the_share() -> None:
    assert fit([{}, {}, {}, {}], [True, False, False, False]).p({}) == pytest.approx(1 / 3)


def test_a_feature_that_tells_gets_its_weight_and_a_missing_one_counts_nought() -> None:
    pytest.importorskip("sklearn")
    rows = [{"policy": 1.0}, {}] * 20
    model = fit(rows, [bool(row) for row in rows])
    assert model.p({"policy": 1.0}) > 0.8
    assert model.p({}) < 0.2


def test_every_lane_gets_odds_of_its_own() -> None:
    models = lane_models([a_trial(lane, is_right=lane is LaneName.QUOTE) for lane in LANES])
    assert set(models) == {lane.value for lane in LANES}
    assert models["quote"].p({}) > 0.5 > models["card"].p({})


def test_a_drafts_odds_come_from_drafts_that_were_made() -> None:
    told = a_trial(LaneName.SPECIALIST, signals={"margin": 1.0})
    silent = a_trial(LaneName.SPECIALIST, signals={"margin": 1.0}, is_none=True, is_right=False)
    model = draft_model([told, told, silent], LaneName.SPECIALIST)
    assert model.p({}) == pytest.approx(0.75)  # two right of two, and never certain


def test_figures_say_how_often_and_how_surely() -> None:
    pytest.importorskip("sklearn")
    trials = [a_trial(lane, is_right=n == 0) for lane in LANES for n in range(2)]
    drafts = [
        a_trial(LaneName.SPECIALIST, signals={"margin": m}, is_right=m > 0) for m in (1.0, -1.0)
    ]
    draft = fit([{"margin": 1.0}, {"margin": -1.0}] * 9, [True, False] * 9)
    even = {lane.value: fit([], []) for lane in LANES}

    found = figures([*trials, *drafts], even, draft)

    assert found["quote"] == {"asks": 2, "right": 0.5, "brier": 0.25}
    assert found["specialist"]["asks"] == 4
    assert found["specialist_draft"] == {"told": 2, "right": 0.5, "auroc": 1.0}


def test_figures_without_a_draft_claim_nothing() -> None:
    even = {lane.value: fit([], []) for lane in LANES}
    found = figures([a_trial(lane) for lane in LANES], even, fit([], []))
    assert found["specialist_draft"] == {"told": 0, "right": None, "auroc": None}
    assert all(math.isfinite(found[lane.value]["brier"]) for lane in LANES)


def test_every_lane_is_tried_on_a_store_and_judged(tmp_path: Path) -> None:
    parts = Parts.at(tmp_path, FakeClock(NOW))
    cited = Source(HEADPHONES.id, HEADPHONES.title, 0, len(RULE))
    parts.specialist.script = saying(LaneName.SPECIALIST, Sentence(RULE, (cited,)))
    store = parts.store(tmp_path)

    handbook = list(try_handbook(store, [ASK]))
    live = list(try_live(store, [LiveAsk("price of the fernway kettle", "price", KETTLE)]))

    assert {t.lane.value: t.is_right for t in handbook} == {
        "card": False, "lookup": False, "specialist": True, "quote": True,
    }  # fmt: skip
    assert {t.lane.value: t.is_right for t in live} == {
        "card": False, "lookup": True, "specialist": False, "quote": False,
    }  # fmt: skip
    assert all("policy" in t.features for t in [*handbook, *live])
    assert parts.journal.verify() == 0

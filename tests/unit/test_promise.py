"""What a release promises: read from its manifest, told of each answer, held to by the ladder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from appliance.errors import DamagedRelease
from appliance.logistic import Logistic
from appliance.promise import Promise, promise_of
from appliance.records import LaneName
from appliance.release import Manifest
from appliance.router_file import Draft
from appliance.wiring import held_to
from tests.builders.records import NOW

ROW = {"risk": 0.02, "confidence": 0.95, "threshold": 0.9, "sentence": "At most 2.0% is wrong."}
KEPT = Promise(0.9, 0.02, 0.95, "At most 2.0% is wrong.")
DRAFTS = {"specialist": Draft(Logistic({}, 0.0), 0.8), "quote": Draft(Logistic({}, 0.0), 0.2)}


def a_manifest(**fields: Any) -> Manifest:
    return Manifest("r1", 1, NOW, "0", 0, {}, {}, **fields)


def test_a_release_that_was_never_asked_promises_nothing() -> None:
    assert promise_of(a_manifest()) is None


def test_the_promise_is_that_of_the_manifest() -> None:
    made = promise_of(a_manifest(thresholds={"promise_at": 0.9}, evaluation={"promise": ROW}))
    assert made == KEPT


@pytest.mark.parametrize("row", [{}, {**ROW, "risk": "much"}, "yes", ["risk"]])
def test_a_row_that_is_no_promise_is_damage(row: Any) -> None:
    with pytest.raises(DamagedRelease, match="its promise needs a risk"):
        promise_of(a_manifest(evaluation={"promise": row}))


@pytest.mark.parametrize(
    ("lane", "p", "said"),
    [
        (LaneName.LOOKUP, 0.95, "promised: of answers this sure at most 2.0% are wrong"),
        (LaneName.QUOTE, 0.6, "not promised: p 0.60 is under 0.90"),
        (LaneName.GENERALIST, 0.99, ""),
        (LaneName.HANDOFF, 1.0, ""),
    ],
)
def test_each_of_the_stores_answers_is_told_apart(lane: LaneName, p: float, said: str) -> None:
    told = KEPT.said_of(lane, p)
    assert told.startswith(said)
    assert bool(told) == bool(said)


def test_of_a_lane_that_is_not_covered_nothing_is_promised_however_sure_it_is() -> None:
    row = {**ROW, "lanes": ["lookup"]}
    made = promise_of(a_manifest(thresholds={"promise_at": 0.9}, evaluation={"promise": row}))
    assert made is not None
    assert "the quote lane is not covered" in made.said_of(LaneName.QUOTE, 0.99)
    assert made.said_of(LaneName.LOOKUP, 0.99).startswith("promised")


def test_where_nothing_could_be_proven_no_answer_is_promised() -> None:
    assert "nothing is promised" in replace(KEPT, at=None).said_of(LaneName.CARD, 1.0)


def test_the_specialist_speaks_only_what_the_promise_covers_and_the_quote_as_before() -> None:
    held = held_to(DRAFTS, KEPT)
    assert {lane: d.accept_at for lane, d in held.items()} == {"specialist": 0.9, "quote": 0.2}


@pytest.mark.parametrize("promise", [None, replace(KEPT, at=None), replace(KEPT, at=0.5)])
def test_a_promise_never_lets_more_be_said(promise: Promise | None) -> None:
    assert held_to(DRAFTS, promise) == DRAFTS

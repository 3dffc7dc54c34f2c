"""Lane odds follow what was recorded, and nothing is claimed of what was not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.errors import BadInput
from models.routing.lanes import best_local, fit_lanes, halves, said_answers
from models.routing.outcome_file import LaneOutcome, Outcome, Said
from tests.unit.models.routing.worlds import a_world

pytest.importorskip("sklearn")


def test_halves_are_of_the_text_and_share_no_ask() -> None:
    ours, theirs = halves(a_world(300))
    assert len(ours) + len(theirs) == 300
    assert 100 < len(ours) < 200
    again, _ = halves([replace(o, id="other") for o in a_world(300)])
    assert [o.text for o in again] == [o.text for o in ours]


def test_a_lanes_odds_follow_its_outcomes() -> None:
    models = fit_lanes(a_world(800))
    assert set(models) == {"specialist", "quote", "generalist"}
    sure, unsure = ({"hint": h, "noise": 0.5} for h in (0.95, 0.05))
    assert models["specialist"].p(sure) > 0.85
    assert models["specialist"].p(unsure) < 0.2
    assert models["quote"].p(sure) == pytest.approx(0.3, abs=0.1)


def test_the_local_lane_with_the_best_odds_is_taken_and_never_the_cloud() -> None:
    world = a_world(800)
    found = best_local(world, fit_lanes(world))
    assert set(found.lane) == {"specialist", "quote"}
    for one, lane, right in zip(world, found.lane, found.right, strict=True):
        assert right == one.lanes[lane].right
        if one.features["hint"] > 0.8:
            assert lane == "specialist"


def test_a_lane_hardly_tried_has_no_odds() -> None:
    world = a_world(100)
    world[0] = replace(world[0], lanes={**world[0].lanes, "card": LaneOutcome(right=True)})
    assert "card" not in fit_lanes(world)


def test_outcomes_without_features_or_too_few_are_refused() -> None:
    with pytest.raises(BadInput, match="None of the 50 outcomes has features"):
        fit_lanes([replace(o, features={}) for o in a_world(50)])
    with pytest.raises(BadInput, match="No lane has 20 outcomes"):
        fit_lanes(a_world(10))


def test_the_card_is_told_from_its_own_nearness_alone() -> None:
    asks = [
        Outcome(
            str(n),
            str(n),
            {"card": LaneOutcome(right=n % 2 == 0)},
            {"card_cosine": float(n % 2 == 0), "policy": float(n % 2)},
        )
        for n in range(60)
    ]
    assert set(fit_lanes(asks)["card"].weights) == {"card_cosine", "card_close"}


def test_a_hand_over_is_no_answer_of_the_store() -> None:
    one = a_world(1)[0]
    found = said_answers([one, replace(one, said=Said("handoff", 1.0)), replace(one, said=None)])
    assert found.lane == ("specialist", "", "")
    assert found.p.tolist()[1:] == [-1.0, -1.0]
    assert not found.right[1:].any()

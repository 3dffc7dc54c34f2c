"""The router's report: beside the simple ways, per slice, and honest on what was assumed."""

from __future__ import annotations

import json

import pytest

from models.routing.promised import kept_on, said_promise
from models.routing.report import notes, router_report
from tests.unit.models.routing.worlds import CLOUD_RIGHT, a_world

pytest.importorskip("sklearn")
REPORT = router_report(a_world(1200), draws=120)


def figure(kind: str, way: str, name: str) -> float:
    cell = REPORT[kind][way][name]
    assert cell["low"] <= cell["value"] <= cell["high"]
    return float(cell["value"])


def test_the_router_tells_where_the_store_is_wrong_and_chance_does_not() -> None:
    assert figure("local", "router", "auroc_local_is_wrong") > 0.7
    assert figure("local", "random", "auroc_local_is_wrong") == 0.5
    assert figure("local", "router", "auroc_local_is_wrong") > figure(
        "local", "knn", "auroc_local_is_wrong"
    )
    assert REPORT["local"]["router"]["ece"]["value"] < 0.1


def test_the_order_of_the_policies_is_as_it_must_be() -> None:
    oracle, router, chance = (figure("cloud", w, "apgr") for w in ("oracle", "router", "random"))
    assert oracle > router > chance
    assert chance == 0.5
    prices = [figure("cloud", w, "cpt_80%") for w in ("oracle", "router", "random")]
    assert prices == sorted(prices)
    assert figure("cloud", "always_cloud", "quality") == pytest.approx(CLOUD_RIGHT, abs=0.04)
    assert figure("cloud", "always_local", "quality") < figure("cloud", "always_cloud", "quality")


def test_each_slice_that_is_large_enough_is_told_apart() -> None:
    assert set(REPORT["slices"]) == {"language=en", "language=es"}
    cell = REPORT["slices"]["language=es"]["local"]["router"]["right"]
    whole = REPORT["local"]["router"]["right"]
    assert cell["high"] - cell["low"] > whole["high"] - whole["low"]
    assert not router_report(a_world(80), draws=100)["slices"].get("language=es")


def test_what_was_assumed_is_said_in_plain_words() -> None:
    (said,) = [n for n in REPORT["notes"] if n.startswith("generalist")]
    assert "1,200 outcomes are assumed, 0 recorded; figures that use it are no measurement" in said


def test_without_a_recorded_cloud_nothing_is_said_of_it() -> None:
    world = a_world(400, with_cloud=False)
    found = router_report(world, draws=100)
    assert found["cloud"] == {}
    assert not {"cost_quality", "cloud_down"} & set(found["drawings"])
    assert any("generalist: none recorded" in n for n in notes(world))


def test_a_report_is_plain_json_with_points_to_draw() -> None:
    again = json.loads(json.dumps(REPORT))
    drawings = again["drawings"]
    assert set(drawings["cost_quality"]) == {"router", "knn", "random", "oracle"}
    assert {"coverage", "risk", "threshold"} == set(drawings["risk_coverage"]["router"][0])
    assert drawings["cloud_down"]["points"][-1]["down"] == 1.0
    assert sum(sum(row) for row in drawings["confusion"]["counts"]) == again["asks"]["reporting"]


def test_the_same_outcomes_give_the_same_report() -> None:
    assert router_report(a_world(300), draws=100) == router_report(a_world(300), draws=100)


def test_a_promise_on_recorded_asks_is_kept_on_fresh_ones_of_the_same_kind() -> None:
    made, _ = said_promise(a_world(6000, lucid=14.0))
    assert made.threshold is not None
    assert made.coverage > 0.2
    fresh = kept_on(made, a_world(4000, seed=77, lucid=14.0))
    assert fresh["answered"] > 500
    assert fresh["is_broken"] is False
    # The same scores where right does not follow them: the promise is refuted.
    swapped = [
        replace_said(one, other)
        for one, other in zip(
            a_world(4000, seed=78, lucid=14.0), a_world(4000, seed=79, lucid=14.0), strict=True
        )
    ]
    assert kept_on(made, swapped)["is_broken"] is True


def replace_said(one, other):
    from dataclasses import replace

    return replace(one, lanes=other.lanes)

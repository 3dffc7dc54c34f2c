"""How a store comes by each part: kept, delta or full; thought out before anything is fetched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.release import Manifest, Part
from sync.errors import NeedsFullDownload, Untrusted
from sync.fetch.offer import (
    DELTA,
    FREE_BYTES,
    FULL,
    KEPT,
    DeltaWay,
    Offered,
    check_full,
    plan_fetch,
    read_deltas,
)
from sync.trust.paths import delta_target

OLD, NEW, SMALL = "a" * 64, "b" * 64, "c" * 64


def manifest(parts: dict[str, Part]) -> Manifest:
    return Manifest(
        id="r-2",
        counter=2,
        created_at=datetime(2026, 11, 27, tzinfo=UTC),
        min_agent="0.1.0",
        disk_needed=0,
        parts=parts,
        compatibility={},
    )


def offered(*, delta_bytes: int = 1_000, large: int = 5 * FREE_BYTES) -> Offered:
    parts = {"index.db": Part(NEW, large), "prompts.toml": Part(SMALL, 300)}
    way = DeltaWay(OLD, delta_target("index.db", new=NEW, old=OLD), delta_bytes)
    return Offered(manifest(parts), b"{}", {NEW: (way,)})


def ways(held: dict[str, str], **options: Any) -> dict[str, str]:
    return {step.name: step.way for step in plan_fetch(offered(), held, **options).steps}


def test_what_is_held_stays_what_has_a_delta_comes_by_it_the_rest_whole() -> None:
    assert ways({}) == {"index.db": FULL, "prompts.toml": FULL}
    assert ways({OLD: "x"}) == {"index.db": DELTA, "prompts.toml": FULL}
    assert ways({NEW: "x", SMALL: "y"}) == {"index.db": KEPT, "prompts.toml": KEPT}
    assert ways({OLD: "x"}, uses_deltas=False)["index.db"] == FULL
    assert ways({}, here=frozenset({"index.db"}))["index.db"] == KEPT


def test_a_delta_dearer_than_the_part_is_not_taken() -> None:
    plan = plan_fetch(offered(delta_bytes=10**9), {OLD: "x"})

    assert plan.line_bytes == 5 * FREE_BYTES + 300


def test_the_cheapest_of_several_deltas_is_taken() -> None:
    dear = DeltaWay(SMALL, "x", 5_000)
    two = Offered(offered().manifest, b"", {NEW: (dear, *offered().deltas[NEW])})

    assert plan_fetch(two, {OLD: "", SMALL: ""}).line_bytes == 1_000


def test_bytes_of_line_and_disk_are_told_and_small_ones_come_first() -> None:
    plan = plan_fetch(offered(), {OLD: "x"})

    assert plan.line_bytes == 1_300
    assert plan.disk_bytes == 5 * FREE_BYTES + 300 + 1_000
    assert [step.name for step in plan.steps] == ["prompts.toml", "index.db"]


def test_only_large_parts_need_leave_to_travel_whole() -> None:
    with pytest.raises(NeedsFullDownload, match=r"1 parts \(5,242,880 bytes\).*index\.db"):
        check_full(plan_fetch(offered(), {}), release="r-2")
    check_full(plan_fetch(offered(), {OLD: "x"}), release="r-2")
    check_full(plan_fetch(offered(large=FREE_BYTES), {}), release="r-2")


@given(st.sets(st.sampled_from([OLD, NEW, SMALL])), st.booleans())
def test_a_plan_has_every_part_once_and_never_costs_more_than_all(
    held: set[str], uses_deltas: bool
) -> None:
    plan = plan_fetch(offered(), dict.fromkeys(held), uses_deltas=uses_deltas)

    assert {step.name for step in plan.steps} == {"index.db", "prompts.toml"}
    assert 0 <= plan.line_bytes <= 5 * FREE_BYTES + 300


def told(new: str, **change: Any) -> dict[str, Any]:
    way = {"from": OLD, "target": delta_target("index.db", new=NEW, old=OLD), "bytes": 7}
    return {"counter": 2, "deltas": {new: [{**way, **change}]}}


def test_deltas_are_read_as_they_were_signed() -> None:
    found = read_deltas(told(NEW), offered().manifest)

    assert found == {NEW: (DeltaWay(OLD, delta_target("index.db", new=NEW, old=OLD), 7),)}


@pytest.mark.parametrize(
    "custom", [told("d" * 64), told(NEW, target=f"models/{OLD}/x"), {"counter": 2}]
)
def test_deltas_that_lead_elsewhere_are_passed_over(custom: dict[str, Any]) -> None:
    assert not any(read_deltas(custom, offered().manifest).values())


@pytest.mark.parametrize(
    "custom",
    [
        None,
        {},
        {"counter": 3},
        told(NEW, bytes="many"),
        {"counter": 2, "deltas": {NEW: [{}]}},
        {"counter": 2, "deltas": {NEW: 4}},
        {"counter": 2, "deltas": 4},
    ],
)
def test_a_custom_field_of_another_shape_is_refused(custom: object) -> None:
    with pytest.raises(Untrusted):
        read_deltas(custom, offered().manifest)

"""Recorded outcomes of the cloud beside the store's: joined, never assumed, refused by the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import BadInput
from models.routing.cloud_file import with_cloud
from models.routing.outcome_file import CLOUD, LaneOutcome, Outcome
from models.routing.report import router_report
from tests.unit.models.routing.worlds import a_world

pytest.importorskip("sklearn")
STORE = {"quote": LaneOutcome(right=False, p=0.4)}
ASKS = [Outcome("a1", "how long", STORE), Outcome("a2", "how much", STORE)]


def a_file(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return path


def test_what_the_cloud_answered_is_joined_by_id_or_text_and_nothing_is_assumed(
    tmp_path: Path,
) -> None:
    path = a_file(tmp_path / "c", {"id": "a1", "right": True, "cost": 0.5})
    first, second = with_cloud(ASKS, path)
    assert first.lanes[CLOUD] == LaneOutcome(right=True, cost=0.5)
    assert second.cloud is None
    path = a_file(tmp_path / "c", {"text": "how much", "right": False})
    assert with_cloud(ASKS, path)[1].lanes[CLOUD] == LaneOutcome(right=False, cost=1.0)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("{", "line 1: not JSON"),
        ({"right": True}, "line 1: not an outcome"),
        ({"id": "a1", "right": 1}, "line 1: not an outcome"),
        ({"id": "a1", "right": True, "cost": -1}, "line 1: not an outcome"),
        ({"id": "other", "right": True}, "None of the 1 lines"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, row: Any, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        with_cloud(ASKS, a_file(tmp_path / "c", row))


def test_with_recorded_clouds_every_way_of_deciding_is_reported_with_intervals_by_slice(
    tmp_path: Path,
) -> None:
    from dataclasses import replace

    local = [
        replace(o, lanes={k: v for k, v in o.lanes.items() if k != CLOUD}) for o in a_world(400)
    ]
    rows = [{"id": o.id, "right": n % 10 != 0} for n, o in enumerate(local)]
    found = router_report(with_cloud(local, a_file(tmp_path / "c", *rows)), draws=100)
    assert not router_report(local, draws=100)["cloud"]
    ways = {"router", "knn", "random", "oracle", "always_local", "always_cloud"}
    assert set(found["cloud"]) == ways
    assert found["cloud"]["router"]["apgr"]["low"] is not None
    assert found["drawings"]["cloud_down"]["points"]
    assert found["slices"]
    assert all(set(part["cloud"]) == ways for part in found["slices"].values())

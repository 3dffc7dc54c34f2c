"""Plans are read strictly: what cannot work is told before anything is signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import BadInput
from sync.rollout.plan import Silent, plan_of, read_plan

PLAN = """
release = "demo-2"
counter = 2
silent = "all"

[quality]
error_rise = 0.02

[[rings]]
ring = "lab"
approval = true
steps = [{ percent = 100, success = 1.0, fail_count = 1 }]

[[rings]]
ring = "all"
[[rings.steps]]
percent = 10
check = true
[[rings.steps]]
percent = 100
"""


def table(**more: object) -> dict[str, object]:
    return {"release": "r", "counter": 1, "rings": [{"ring": "a", "steps": [{"percent": 100}]}]} | (
        more
    )


def test_a_plan_is_read(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(PLAN)

    plan = read_plan(file)

    assert plan.silent is Silent.ALL
    assert plan.quality.error_rise == 0.02
    assert plan.rings[0].approval
    assert [s.percent for s in plan.rings[1].steps] == [10, 100]
    assert plan.rings[1].steps[0].check


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"speed": 3}, "unknown key 'speed'"),
        ({"quality": {"errors": 1}}, "unknown key 'errors'"),
        ({"quality": 3}, "should be a table"),
        ({"rings": 3}, "should be tables"),
        ({"rings": []}, "0 rings"),
        ({"release": ""}, "names no release"),
        ({"rings": [{"ring": "a"}]}, "0 steps"),
        ({"rings": [{"ring": "a", "steps": [{"percent": 50}]}]}, "ends at 50 %"),
        ({"rings": [{"ring": "a", "steps": [{"percent": 50}, {"percent": 50}]}]}, "must rise"),
        ({"rings": [{"ring": "a", "steps": [{"percent": 0}, {"percent": 100}]}]}, "over 0"),
        ({"rings": [{"ring": "../a", "steps": [{"percent": 100}]}]}, "ring's name"),
        ({"rings": [{"ring": "a", "steps": [{"percent": 100, "success": 2}]}]}, "shares"),
        ({"rings": [{"ring": "a", "steps": [{"percent": 100, "fail_count": 0}]}]}, "fail_count"),
        ({"rings": [{"ring": "a", "steps": [{"percent": 100, "soak_s": -1}]}]}, "soak_s"),
        ({"rings": [{"ring": "a", "steps": [{"percent": 100, "soak": 1}]}]}, "unknown key 'soak'"),
        ({"rings": [{"ring": "a", "steps": [{"percent": "many"}]}]}, "Not a Plan"),
        ({"silent": "some"}, "Not a Plan"),
        ({"watch_s": -1}, "watch_s"),
        ({"watch_s": float("inf")}, "watch_s"),
        ({"silent_after_s": float("nan")}, "silent_after_s"),
        ({"rings": [{"ring": "a", "steps": [{"percent": 100, "soak_s": 1e12}]}]}, "a year"),
        (
            {"rings": [{"ring": "a", "steps": [{"percent": 100, "deadline_s": float("inf")}]}]},
            "a year",
        ),
        ({"rings": [{"ring": "a", "steps": [{"percent": 100}], "window": "22-05"}]}, "22:00-05:00"),
        ({"rings": [{"ring": "a", "steps": [{"percent": 100}]}] * 2}, "comes twice"),
    ],
)
def test_what_cannot_work_is_told(changed: dict[str, object], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        plan_of(table(**changed))


def test_a_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text("release = ")

    with pytest.raises(BadInput, match="not valid TOML"):
        read_plan(file)
    with pytest.raises(BadInput, match="cannot be read"):
        read_plan(tmp_path / "other.toml")

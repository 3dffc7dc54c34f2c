"""Recorded outcomes: written and read back, and refused by line where they say nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import BadInput
from models.routing.outcome_file import (
    LaneOutcome,
    Outcome,
    Said,
    assumptions,
    read_outcomes,
    write_outcomes,
)

ONE = Outcome(
    "a1",
    "how much is it",
    {
        "specialist": LaneOutcome(right=True, p=0.9),
        "generalist": LaneOutcome(right=False, cost=2.5, assumed=True),
    },
    {"policy": 0.25},
    {"language": "en"},
    Said("specialist", 0.9),
)
ROW: dict[str, Any] = {"id": 1, "text": "x", "lanes": {"quote": {"right": True}}}


def test_outcomes_read_back_as_written(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "o.jsonl", [ONE, Outcome("a2", "y", {"card": LaneOutcome(False)})])
    found = read_outcomes(tmp_path / "o.jsonl")
    assert found[0] == ONE
    assert found[1].said is None
    assert list(found[0].local) == ["specialist"]
    assert found[0].cloud == LaneOutcome(right=False, cost=2.5, assumed=True)


def test_what_is_assumed_is_counted_apart_from_what_is_recorded() -> None:
    assert assumptions([ONE]) == {
        "specialist": {"recorded": 1, "assumed": 0},
        "generalist": {"recorded": 0, "assumed": 1},
    }


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("{no json", "line 2: not JSON"),
        ([], 'line 2: not an object with "lanes"'),
        ({"text": "x"}, 'line 2: not an object with "lanes"'),
        ({**ROW, "id": None}, 'line 2: it has no "id"'),
        ({**ROW, "id": 0}, "line 2: the id '0' was used before"),
        ({**ROW, "lanes": {}}, "line 2: no lane was tried"),
        ({**ROW, "lanes": {"oracle": {"right": True}}}, "no lane is called 'oracle'"),
        ({**ROW, "lanes": {"quote": {}}}, 'quote has "right": null'),
        ({**ROW, "lanes": {"quote": {"right": "yes"}}}, 'quote has "right": "yes"'),
        ({**ROW, "lanes": {"quote": {"right": True, "cost": -1}}}, "cost of quote is -1"),
        ({**ROW, "lanes": {"quote": {"right": True, "p": 1.5}}}, "p of quote is 1.5"),
        ({**ROW, "features": {"a": "b"}}, "the feature a is 'b'"),
        ({**ROW, "features": {"a": float("nan")}}, "the feature a is 'nan'"),
        ({**ROW, "said": {"lane": "card", "p": 1}}, "said it by 'card', of which there is no"),
        ({**ROW, "said": {"lane": "quote"}}, "the p of what was said is 'None'"),
    ],
)
def test_a_line_that_is_no_outcome_is_named(tmp_path: Path, fields: Any, told: str) -> None:
    path = tmp_path / "o.jsonl"
    line = fields if isinstance(fields, str) else json.dumps(fields)
    path.write_text(json.dumps({**ROW, "id": 0}) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(BadInput, match=told):
        read_outcomes(path)


def test_a_file_without_outcomes_says_so(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text("\n\n", encoding="utf-8")
    with pytest.raises(BadInput, match="holds no outcomes"):
        read_outcomes(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_outcomes(tmp_path / "nowhere")

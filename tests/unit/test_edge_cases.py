"""Which replies an expert should look at, and what of them leaves the store."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.edge_cases import edge_case, is_unsure
from appliance.records import Feedback, Thumb

ROW: dict[str, Any] = {
    "masked": "is [NAME]'s order [ORDER] here",
    "ask": {"text": "is Ana Gomez's order ORD-12345678 here", "asked_at": "2026-11-22T15:00:00Z"},
    "reply": {
        "id": "r1",
        "text": "Order ORD-12345678 is for Ana Gomez: shelf 4.",
        "lane": "lookup",
        "confidence": 0.41,
        "intent": "pickup",
        "release": "demo-7",
        "model": "",
        "sources": [{"id": "pickup:ORD-12345678", "title": "pickup", "start": 0, "end": 9}],
    },
}


@pytest.mark.parametrize(
    ("lane", "confidence", "expected"),
    [("quote", 0.49, True), ("quote", 0.5, False), ("handoff", 0.1, False), ("card", 0.9, False)],
)
def test_a_reply_is_unsure_under_the_mark_and_a_handover_never_is(
    lane: str, confidence: float, expected: bool
) -> None:
    assert is_unsure(lane, confidence, under=0.5) is expected


def test_no_personal_data_leaves_with_an_edge_case() -> None:
    case = edge_case(ROW)

    assert case["masked"] == ROW["masked"]
    assert case["answer"] == "Order [ORDER] is for [NAME]: shelf 4."
    assert "Gomez" not in str(case)
    assert "12345678" not in str(case["answer"])


def test_an_edge_case_says_whether_a_person_or_the_store_itself_doubts_it() -> None:
    unsure = edge_case(ROW)
    wrong = edge_case(ROW, Feedback("r1", Thumb.DOWN, "Shelf 7."))
    right = edge_case(ROW, Feedback("r1", Thumb.UP))

    assert (unsure["why"], unsure["verdict"], unsure["text"]) == ("unsure", "", "")
    assert (wrong["why"], wrong["verdict"], wrong["text"]) == ("called_wrong", "down", "Shelf 7.")
    assert (right["why"], right["verdict"]) == ("unsure", "up")

"""Records to plain values and back, without losing anything."""

import json
from dataclasses import replace
from typing import Any

import pytest

from appliance.codec import from_plain, to_plain
from appliance.errors import BadInput
from appliance.records import Ask, Evidence, Role, Stitched, Turn
from tests.builders.records import a_fact, a_passage, a_stitched, an_ask, an_evidence, excerpts_of

ASK = an_ask(
    "¿cuánto cuesta? 🎧",
    role=Role.LEAD,
    thread="t1",
    turns=(Turn("q", "a", subject=("LM-104233",), intent="price", topic="q?"),),
)


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (ASK, Ask),
        (an_evidence([a_passage()], [a_fact()], missing=("x",)), Evidence),
        (a_stitched(), Stitched),
        (replace(a_fact(), columns=(("cost", "null"), ("price", "24.99"))), type(a_fact())),
        (excerpts_of(a_passage(), 0.25)[0], type(excerpts_of(a_passage(), 0.25)[0])),
    ],
)
def test_a_record_comes_back_equal_through_json_text(record: object, kind: type) -> None:
    assert from_plain(json.loads(json.dumps(to_plain(record))), kind) == record


def test_an_amount_is_text_so_that_no_cent_is_lost() -> None:
    (value,) = [v for v in to_plain(a_fact())["values"] if v["kind"] == "money"]
    assert value["amount"] == "24.99"


@pytest.mark.parametrize(
    "change",
    [{"role": "boss"}, {"asked_at": "yesterday"}, {"text": None}, {"turns": [{"text": 1}]}],
)
def test_a_wrong_field_is_named(change: dict[str, Any]) -> None:
    plain = {**to_plain(ASK), **change}
    with pytest.raises(BadInput, match=f"Not a Ask: .*{next(iter(change))}"):
        from_plain(plain, Ask)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(BadInput, match="asked_at"):
        from_plain({"id": "a1", "text": "x"}, Ask)

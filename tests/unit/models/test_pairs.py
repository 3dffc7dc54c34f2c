"""Labelled pairs: read whole, refused by line, laid out as a store lays out what it read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gguf")
pytestmark = pytest.mark.training

from appliance.errors import BadInput  # noqa: E402
from models.pairs import lay, read_pairs  # noqa: E402
from tests.builders.hf_bases import pair, write_pairs  # noqa: E402


def test_pairs_are_read_in_order_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(f"{json.dumps(pair(0))}\n\n{json.dumps(pair(1, weight='(left out)'))}\n")
    first, second = read_pairs(path)
    assert (first.line, second.line, second.weight) == (1, 3, 1.0)
    assert first.source == ("returns#2",)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source": "(left out)"}, "line 2 has no source"),
        ({"source": ""}, "line 2 has no source"),
        ({"source": "returns#9"}, "line 2 has source 'returns#9'; it read"),
        ({"source": ["a", "b", "c"]}, "line 2: source is"),
        ({"sauce": 1}, "line 2 has unknown keys: sauce"),
        ({"ask": " "}, "line 2: ask is ' '"),
        ({"answer": 7}, "line 2: answer is 7"),
        ({"answer": "Within 90 days."}, "line 2: the answer says '90 days', its source"),
        ({"weight": 0}, "line 2: weight is 0"),
        ({"weight": True}, "line 2: weight is True"),
        ({"weight": float("nan")}, "line 2: weight is nan"),
        ({"passages": "none"}, "line 2: passages is no list"),
        ({"passages": [{"id": "a"}]}, "line 2: passages holds"),
        ({"passages": [], "facts": []}, "line 2 has neither passages nor facts"),
        (
            {"facts": [{"id": "returns#2", "title": "", "text": "twice"}]},
            "line 2 has two texts of one id",
        ),
    ],
)
def test_a_spoilt_line_is_named_with_the_remedy(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    path = write_pairs(tmp_path / "pairs.jsonl", pair(0), pair(0, **changes))
    with pytest.raises(BadInput) as refused:
        read_pairs(path)
    assert told in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"\n  \n", "the file is empty"),
        (b"{\n", "line 1 is not JSON"),
        (b"[1]\n", "line 1 is no JSON object but list"),
        (b"\xff\xfe", "not UTF-8 from byte 0"),
    ],
)
def test_a_file_that_holds_no_pairs_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=told):
        read_pairs(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No pairs at"):
        read_pairs(tmp_path / "none.jsonl")


def laid(tmp_path: Path, **changes: Any) -> Any:
    (one,) = read_pairs(write_pairs(tmp_path / "pairs.jsonl", pair(0, **changes)))
    return lay(one)


def test_facts_come_first_then_sentences_with_values_slotted(tmp_path: Path) -> None:
    found = laid(tmp_path)
    assert [s.id for s in found.sources] == ["stock:1", "care#1", "care#1", *["returns#2"] * 2]
    assert found.sources[found.places[0]].text == "Headphones can be returned within ⟦v1⟧."
    assert found.is_copy


def test_other_words_are_placed_at_the_sentence_they_are_nearest(tmp_path: Path) -> None:
    found = laid(tmp_path, answer="You have 14 days to bring headphones back.")
    assert found.sources[found.places[0]].text.startswith("Headphones can be")
    assert not found.is_copy


def test_nothing_answers_where_the_source_is_null(tmp_path: Path) -> None:
    assert laid(tmp_path, source=None, answer="").places == ()


def test_what_is_right_is_kept_though_eight_sentences_stand_before_it(tmp_path: Path) -> None:
    long = {"id": "long", "title": "Long", "text": "One more rule. " * 20}
    passages = [long, *pair(0)["passages"]]
    found = laid(tmp_path, passages=passages, source=["returns#2", "stock:1"])
    assert len(found.sources) == 8
    assert [found.sources[at].id for at in found.places] == ["returns#2", "stock:1"]

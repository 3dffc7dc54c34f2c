"""Examples as people hand them in: what can be used, and where it says what cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import BadInput
from models.routing.examples_file import read_examples, read_training, read_validation

GOOD = "text,label\nhow much is it,price\nwhat does it cost,price\nis it in,stock\nany left,stock\n"


def a_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "examples.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_examples_are_read_folded_and_each_once(tmp_path: Path) -> None:
    found = read_training(a_file(tmp_path, GOOD + "HOW much is   it,price\njoke,out_of_scope\n"))
    assert found.ours[0].text == "how much is it"
    assert found.repeats == 1
    assert found.intents == ("price", "stock")
    assert [r.text for r in found.foreign] == ["joke"]


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n"),
        "id,Label,Text\n1,price,how much\n2,price,cost\n3,stock,any\n4,stock,left\n",
        'text,label\n"red, or blue",a\n"say ""hi""",a\n\nx,b\ny,b\n',
    ],
)
def test_what_a_spreadsheet_writes_is_read(tmp_path: Path, text: str | bytes) -> None:
    assert len(read_training(a_file(tmp_path, text)).rows) == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("text,label\n", "holds no examples"),
        ("question,label\nx,a\n", "no column text"),
        ("a,b\nx,a\n", "no column text and no column label"),
        ("text,label\nx,a\ny,a\n", r"1 intent in scope \(a\)"),
        ("text,label\nx,out_of_scope\n", r"0 intent in scope \(none\)"),
        ("text,label\nx,a\ny,b\nz,b\n", "'a' has one example"),
        ("text,label\nx,a\nX ,b\n", "line 3 is 'b' there and 'a' on line 2"),
        ("text,label\nx,\n", "line 2: the label is empty"),
        ("text,label\n  ,a\n", "line 2: the text is empty"),
        ("text,label\nx\n", "line 2: 1 fields, expected 2"),
        ("text,label\nx,oos\n", "'oos' is not an intent's name"),
        ("text,label\n" + "y" * 9000 + ",a\n", "line 2: the text has 9,000 characters"),
        (b"text,label\n\xff\xfe,a\n", "not UTF-8 text: byte 11"),
        ('text,label\n"open,a\n', "not a CSV table"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(
    tmp_path: Path, text: str | bytes, told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        read_training(a_file(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.csv cannot be read"):
        read_examples(tmp_path / "nowhere.csv")


def test_a_validation_may_hold_no_intent_of_its_own_and_must_hold_some(tmp_path: Path) -> None:
    path = a_file(tmp_path, "text,label\nx,price\njoke,out_of_scope\n")
    assert len(read_validation(path, intents=["price", "stock"]).ours) == 1
    with pytest.raises(BadInput, match="line 2: the intent 'price' is not among the 1"):
        read_validation(path, intents=["stock"])
    with pytest.raises(BadInput, match="no example in scope"):
        read_validation(a_file(tmp_path, "text,label\nx,out_of_scope\n"), intents=["stock"])

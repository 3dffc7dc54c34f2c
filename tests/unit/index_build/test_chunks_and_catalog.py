"""Passages of about 200 tokens, and products of any columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import BadInput
from appliance.index_build.catalog import read_catalog
from appliance.index_build.chunks import count_tokens, pack, product_chunks, spans
from appliance.index_build.pieces import Notes


def test_a_short_section_is_one_passage() -> None:
    assert pack(["One.", "Two."]) == ["One.\nTwo."]


def test_a_long_section_is_cut_between_sentences_into_even_passages() -> None:
    sentence = "Every opened item needs its box, its cable and its printed manual. "
    texts = pack([sentence.strip(), (sentence * 40).strip()])

    sizes = [count_tokens(text) for text in texts]
    assert all(text.endswith("manual.") for text in texts)
    assert max(sizes) <= 230
    assert min(sizes) >= 120


@given(st.lists(st.text(alphabet="ab. \n", max_size=400), max_size=8))
def test_packing_loses_no_word(paragraphs: list[str]) -> None:
    before = " ".join(paragraphs).split()

    assert " ".join(pack(paragraphs)).split() == before


@given(st.text(alphabet="aB1.!? \n\"'", max_size=300))
def test_sentence_spans_cover_every_visible_character(text: str) -> None:
    found = spans(text)

    covered = {i for start, end in found for i in range(start, end)}
    assert all(i in covered for i, c in enumerate(text) if not c.isspace())
    assert found == sorted(found)


def test_columns_become_sentences_that_name_the_product(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        "Item ID;Product Name;Brand;Price;Options;Is Waterproof;Warranty months;Stock;Cost;"
        "Image URL\n"
        "77001;Trail lamp;Lumo;19.5;color=red; size=M;true;24;3;4.10;http://x/y.jpg\n".replace(
            "color=red; size=M", '"color=red; size=M"'
        ),
        encoding="utf-8",
    )
    notes = Notes()
    product = read_catalog(path, notes=notes)[0]

    assert product.sku == "77001"
    assert product.sentences == (
        "Trail lamp is a product of Lumo (SKU 77001).",
        "Trail lamp: color red, size M, warranty 24 months.",
        "The Trail lamp is waterproof.",
        "The list price of the Trail lamp is $19.50.",
    )
    assert product.confidential == ("Trail lamp: cost 4.10.",)
    assert "Cost" not in product.columns
    assert product.columns["Stock"] == "3"
    assert [c.audience for c in product_chunks(product)] == ["associate", "manager"]
    assert "Stock" in notes.remarks[0].why


def test_the_column_that_tells_rows_apart_is_the_sku(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("product_id,item_id,name\n1,10,Shirt\n1,11,Shirt\n", encoding="utf-8")

    assert [p.sku for p in read_catalog(path, notes=Notes())] == ["10", "11"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("c.jsonl", b'{"sku": "A1000", "name": "Kettle", "tags": ["a", "b"], "size": {"h": 3}}\n'),
        ("c.json", b'[{"sku": "A1000", "name": "Kettle", "tags": ["a", "b"], "size": {"h": 3}}]'),
        ("c.yaml", b"- sku: A1000\n  name: Kettle\n  tags: [a, b]\n  size: {h: 3}\n"),
    ],
)
def test_other_formats_hold_the_same_products(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)

    product = read_catalog(tmp_path / name, notes=Notes())[0]

    assert product.columns == {"sku": "A1000", "name": "Kettle", "tags": "a, b", "h": "3"}


def test_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("sku,name\nA1,Kettle\nA1,Other\n,None\nA3,\n", encoding="utf-8")
    notes = Notes()

    assert [p.sku for p in read_catalog(path, notes=notes)] == ["A1"]
    assert [s.source for s in notes.skipped] == ["c.csv:3", "c.csv:4", "c.csv:5"]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("c.csv", b"", "no rows"),
        ("c.csv", b"sku,name\n", "no rows"),
        ("c.csv", b"sku,sku\n1,2\n", "every column once"),
        ("c.csv", b"sku,name\n1,2,3\n", "Line 2 has 3 cells"),
        ("c.csv", b"colour,size\nred,3\n", "no column for the sku"),
        ("c.csv", b"sku,size\n1,3\n", "no column for the name"),
        ("c.csv", b"\x00\x01", "NUL"),
        ("c.json", b"{", "cannot be parsed"),
        ("c.yaml", b"a: b", "list of objects"),
        ("c.xlsx", b"PK", ".csv .tsv .jsonl"),
    ],
)
def test_a_catalogue_that_cannot_be_read_says_why(
    tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(data)

    with pytest.raises(BadInput) as caught:
        read_catalog(tmp_path / name, notes=Notes())

    assert says in str(caught.value)

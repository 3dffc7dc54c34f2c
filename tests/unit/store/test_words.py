"""Words, slips and identifiers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store.identifiers import candidates, is_telling, keys
from appliance.store.words import any_of, is_one_slip, stems, words


@pytest.mark.parametrize(
    ("a", "b"),
    [("kettel", "kettle"), ("recept", "receipt"), ("refunnd", "refund"), ("rafund", "refund"),
     ("efund", "refund"), ("refun", "refund")],
)  # fmt: skip
def test_one_slip_is_seen_both_ways(a: str, b: str) -> None:
    assert is_one_slip(a, b)
    assert is_one_slip(b, a)


@pytest.mark.parametrize(
    ("a", "b"), [("refund", "refund"), ("kettle", "cattle"), ("a", "abc"), ("abcd", "badc")]
)
def test_none_or_two_slips_are_not_one(a: str, b: str) -> None:
    assert not is_one_slip(a, b)


@given(st.text(max_size=60))
def test_words_and_stems_are_the_same_tokens(text: str) -> None:
    assert [word.stem for word in words(text)] == stems(text)


def test_a_quote_inside_a_word_stays_inside() -> None:
    assert any_of(['5"', "NOT"]) == '"5""" OR "NOT"'


@pytest.mark.parametrize("key", ["500ml", "30days", "12pack", "2026", "pack", "xm5", "1x"])
def test_amounts_and_short_runs_name_no_product(key: str) -> None:
    assert not is_telling(key)


def test_keys_are_the_whole_and_the_parts_after_punctuation_or_leading_letters() -> None:
    assert dict(keys("AW-HIV11-1PACK")) == {"awhiv111pack": True, "hiv111pack": False}
    assert dict(keys("WH1000XM5")) == {"wh1000xm5": True, "1000xm5": False}


def test_candidates_join_what_was_typed_apart() -> None:
    assert {"wh1000xm5", "1000xm5"} <= set(candidates("price of wh 1000 xm5?"))
    assert len(list(candidates("a1b2 " * 10_000))) <= 64

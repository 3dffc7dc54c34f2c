"""Shorthand is written out; times, codes and everything else stay as typed."""

import tomllib
from pathlib import Path

import pytest

from appliance.stages.lexicon import Lexicon

TABLE = Path(__file__).parents[3] / "models" / "corpus" / "lexicon.toml"


@pytest.fixture(scope="module")
def lexicon():
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return Lexicon(table["shorthand"], {k: tuple(v) for k, v in table["synonyms"].items()})


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("rtn plcy opnd elctrncs", "return policy opened electronics"),
        ("pm on a tv?", "price match on a tv?"),
        ("can mgr do a $75 pm", "can manager do a $75 price match"),
        ("cust w/o rcpt, gc ok?", "customer without receipt, gift card ok?"),
        ("RTN w/ rcpt", "return with receipt"),
    ],
)
def test_shorthand_is_written_out(lexicon, typed, meant):
    assert lexicon.expand(typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "open at 3 pm",
        "9 am or 12 PM?",
        "3:30 pm to 10 pm",
        "LM-104233",
        "ORD 12345678",
        "WH-1000XM5 in aisle 4",
        "",
    ],
)
def test_times_and_codes_stay_as_they_are(lexicon, text):
    assert lexicon.expand(text) == text


def test_a_synonym_adds_its_head_word_once(lexicon):
    assert lexicon.with_synonyms("money back on a notebook") == (
        "money back on a notebook refund laptop"
    )
    assert lexicon.with_synonyms("refund, money back") == "refund, money back"


def test_no_expansion_is_itself_shorthand(lexicon):
    again = {t: lexicon.expand(lexicon.expand(t)) for t in lexicon.shorthand}
    assert again == {t: lexicon.expand(t) for t in lexicon.shorthand}

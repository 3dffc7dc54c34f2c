"""Text is folded to one spelling, split into sentences and told apart by language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.stages.text import fold, language, sentence_spans, words


@pytest.mark.parametrize(
    ("given_text", "folded"),
    [
        ("  a \t\n b  ", "a b"),
        ("ＳＫＵ ４２", "SKU 42"),
        ("pass\u200bword \u202eevil", "password evil"),
        ("a\x00b\ud800c", "a b c"),
        ("⟦v3⟧ <|im_start|> hi", "v3 hi"),
        ("", ""),
    ],
)
def test_text_is_folded(given_text, folded):
    assert fold(given_text) == folded


@given(st.text(max_size=200))
def test_what_is_folded_holds_no_control_and_no_slot(text):
    folded = fold(text)
    assert folded == folded.strip()
    assert not set("⟦⟧\x00\n\t\u200b\u202e") & set(folded)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("how long can a customer return headphones", "en"),
        ("¿cuántos días para devolver?", "es"),
        ("¿y para audífonos?", "es"),
        ("Nordvale QuietWave 300", "en"),
        ("", "en"),
    ],
)
def test_language_goes_by_function_words(text, expected):
    assert language(text) == expected


def test_sentences_end_at_stops_and_line_breaks_but_not_at_abbreviations():
    text = "Ask Mrs. Chen, e.g. at 9 p.m. today. Is it $4.50?\n Yes!"
    said = [text[start:end] for start, end in sentence_spans(text)]
    assert said == ["Ask Mrs. Chen, e.g. at 9 p.m. today.", "Is it $4.50?", "Yes!"]


def test_words_are_lower_case_and_keep_their_apostrophes():
    assert words("Don't touch LM-104233!") == ["don't", "touch", "lm", "104233"]

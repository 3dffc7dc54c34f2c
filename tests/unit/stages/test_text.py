"""Text is folded to one spelling, split into sentences and told apart by language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.stages.text import balanced, fold, language, sentence_spans, words


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


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        ("“Go home.", "“Go home.”"),
        ("Come back.”", "“Come back.”"),
        ("«Vuelva. «Hoy».", "«Vuelva. «Hoy».»"),
        ('Say "go home.', 'Say "go home."'),
        ('Come back."', '"Come back."'),
        ('("Go home.', '("Go home."'),
    ],
)
def test_a_quote_mark_gets_its_lost_partner_back(cut, whole):
    assert balanced(cut) == whole
    assert balanced(whole) == whole


@pytest.mark.parametrize(
    "text",
    [
        "",
        'The 55" TV.',
        'The "ready" message.',
        '"A 55" TV is 55" wide"',
        "The store’s own “rule”.",
    ],
)
def test_inches_apostrophes_and_whole_pairs_are_left_alone(text):
    assert balanced(text) == text


@given(st.text(alphabet='“”"«» a5.', max_size=40))
def test_a_balanced_text_stays_as_it_is(text):
    assert balanced(balanced(text)) == balanced(text)

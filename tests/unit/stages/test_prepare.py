"""Prepare reads an ask as typed, masks it, and never raises."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.records import Ask, Span, Turn
from appliance.stages.lexicon import Lexicon
from appliance.stages.prepare import Prepare, ean13, find_entities, mask

PREPARE = Prepare(Lexicon({"rtn": "return", "pm": "price match", "exp": "expired", "ord": "order"}))
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def prepared(text, *turns):
    return PREPARE(Ask(id="1", text=text, asked_at=NOW, turns=turns))


def test_the_ask_is_masked_at_the_offsets_of_the_text_given():
    text = "  RTN   for Maria Lopez,\tm.lopez@example.com "
    record = prepared(text)
    assert record.masked == "  RTN   for [NAME],\t[EMAIL] "
    assert [text[s.start : s.end] for s in record.spans] == ["Maria Lopez", "m.lopez@example.com"]
    assert record.query.text == "return for Maria Lopez, m.lopez@example.com"


def test_masking_takes_spans_in_any_order():
    spans = (Span(4, 5, "phone"), Span(0, 1, "name"))
    assert mask("A to B", spans[:0]) == "A to B"
    assert mask("A to B", spans) == "[NAME] to[PHONE]B"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lm 104233 or LM-208811", [("sku", "LM-104233"), ("sku", "LM-208811")]),
        ("scan 4006381333931", [("ean", "4006381333931")]),
        ("upc 036000291452", [("ean", "0036000291452")]),
        ("order 12345678", [("order", "ORD-12345678")]),
        ("ord-12345678", [("order", "ORD-12345678")]),
        ("badge #4410", [("badge", "4410")]),
        ("QW-300B for 25 %", [("model", "QW-300B"), ("percent", "25 %")]),
        ("two week wait, $49.99", [("duration", "two week"), ("money", "$49.99")]),
    ],
)
def test_identifiers_and_values_are_named(text, expected):
    kinds = {kind for kind, _ in expected}
    assert [(e.kind, e.value) for e in find_entities(text) if e.kind in kinds] == expected


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("4006381333931", "4006381333931"),
        ("036000291452", "0036000291452"),
        ("4006381333932", ""),
        ("123", ""),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", ""),
    ],
)
def test_a_barcode_is_known_by_its_check_digit(digits, expected):
    assert ean13(digits) == expected


def test_shorthand_leaves_times_and_spanish_alone():
    assert prepared("rtn till 3 pm").query.text == "return till 3 pm"
    assert prepared("¿hay exp para la tienda?").query.text == "¿hay exp para la tienda?"


def test_a_follow_up_carries_the_subject_unless_it_names_its_own():
    turn = Turn(text="do we carry the Nordvale kettle", answer="", subject=("LM-104233",))
    assert prepared("how much is it?", turn).query.subject == ("LM-104233",)
    assert prepared("is it better than LM-208811?", turn).query.subject == ()
    assert prepared("and for headphones?", turn).query.subject == ()


def test_a_spanish_follow_up_stays_spanish():
    turn = Turn(text="¿cuántos días tengo para devolver una laptop?", answer="")
    query = prepared("¿y para audífonos?", turn).query
    assert (query.language, query.is_follow_up) == ("es", True)
    assert query.standalone == "¿cuántos días tengo para devolver audífonos"


@given(st.text(max_size=200), st.text(max_size=60))
def test_no_text_raises(text, before):
    record = prepared(text, Turn(text=before, answer=""))
    assert record.ask.text == text


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", '" OR * NEAR(', "LM-", "a1-" * 30_000])
def test_odd_asks_are_prepared_quietly(text):
    assert prepared(text).query.subject == ()

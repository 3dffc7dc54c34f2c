"""A short follow-up is read against the thread; a question that stands alone is left alone."""

import pytest

from appliance.records import Turn
from appliance.stages.followup import MAX_TURNS, resolve, subject_of

SKU = ("LM-104233",)


def thread(*asks, subject=()):
    return tuple(Turn(text=ask, answer="", subject=subject) for ask in asks)


@pytest.mark.parametrize(
    ("before", "ask", "standalone"),
    [
        ("return window for laptops", "and for headphones?", "return window for headphones"),
        ("return window for opened laptops", "what about tablets",
         "return window for opened tablets"),
        ("can I return opened laptops without a receipt?", "and headphones?",
         "can I return opened headphones without a receipt"),
        ("what is the return window for opened tvs?", "what about Gold customers?",
         "what is the return window for opened tvs for Gold customers"),
        ("can I give a Silver customer 25 % off?", "and Gold customers?",
         "can I give Gold customers 25 % off"),
        ("can I return opened headphones", "and without a receipt?",
         "can I return opened headphones without a receipt"),
        ("what time do we close", "and on Sundays?", "what time do we close on Sundays"),
        ("what time do we open on Saturday", "on Sundays?", "what time do we open on Sundays"),
        ("how much is the red Nordvale kettle?", "and the blue one?",
         "how much is the blue Nordvale kettle"),
        ("price of the 55 inch Nordvale tv", "what about the 65 inch one",
         "price of the 65 inch Nordvale tv"),
        ("¿cuántos días tengo para devolver una laptop?", "¿y para audífonos?",
         "¿cuántos días tengo para devolver audífonos"),
        ("¿cuál es la política de devolución para laptops?", "¿y para audífonos?",
         "¿cuál es la política de devolución para audífonos"),
        ("¿cuánto cuesta la licuadora roja?", "¿y el azul?", "¿cuánto cuesta la licuadora azul"),
        ("puedo devolver ropa", "¿y sin recibo?", "puedo devolver ropa sin recibo"),
    ],
)  # fmt: skip
def test_a_fragment_takes_its_place_in_the_last_question(before, ask, standalone):
    assert resolve(ask, thread(before))[:2] == (standalone, True)


@pytest.mark.parametrize(
    ("ask", "keeps"),
    [
        ("how much is it?", True),
        ("¿cuánto cuesta?", True),
        ("is that one returnable if opened", True),
        ("and without a receipt?", True),
        ("what about Gold customers?", True),
        ("and for headphones?", False),
        ("and the blue one?", False),
    ],
)
def test_the_product_is_kept_by_a_pronoun_and_dropped_for_another(ask, keeps):
    turns = thread("do we carry the red Nordvale kettle", subject=SKU)
    assert resolve(ask, turns)[1:] == (True, keeps)


@pytest.mark.parametrize(
    "ask",
    ["what is the layaway deposit?", "layaway deposit", "thanks", "and?", "", "¿?", "x" * 500],
)
def test_what_stands_alone_is_left_alone(ask):
    assert resolve(ask, thread("return window for laptops")) == (ask, False, False)


def test_without_a_thread_nothing_is_a_follow_up():
    assert resolve("and for headphones?", ()) == ("and for headphones?", False, False)


def test_six_turns_of_follow_ups_build_on_each_other():
    turns = thread(
        "return window for laptops",
        "and for headphones?",
        "and without a receipt?",
        "what about Gold customers?",
        "and for tablets?",
    )
    assert resolve("and earbuds?", turns)[0] == (
        "return window for earbuds without a receipt for Gold customers"
    )


def test_a_variant_reaches_past_a_pronoun_to_the_thing_itself():
    turns = thread("do we carry the red Nordvale kettle", "how much is it?", subject=SKU)
    standalone, is_follow_up, _ = resolve("and the blue one?", turns)
    assert is_follow_up
    assert standalone == "how much is it? (do we carry the blue Nordvale kettle)"


def test_a_finish_is_a_variant_too():
    standalone, is_follow_up, same = resolve(
        "what about the stainless one", thread("do we have the barista espresso in black")
    )
    assert (standalone, is_follow_up, same) == (
        "do we have the barista espresso in stainless", True, False,
    )  # fmt: skip


def test_a_known_topic_is_taken_before_the_words_typed():
    turns = (Turn("and for headphones?", "", topic="return window for headphones"),)
    assert resolve("and tablets?", turns)[0] == "return window for tablets"


def test_the_subject_is_the_last_one_within_six_turns():
    turns = (*thread("kettle", subject=SKU), *thread("layaway deposit", "hours"))
    assert subject_of(turns) == SKU
    assert subject_of((*turns, *thread(*["hours"] * MAX_TURNS))) == ()

"""A conversation told by who asks is read as the thread it would have been."""

from __future__ import annotations

from appliance.recall import Recall
from appliance.stages.lexicon import Lexicon
from appliance.stages.prepare import Prepare
from tests.builders.records import NOW
from tests.fakes.ports import WordIndex

KETTLE = "LM-104233"
NAME = "Fernway steel kettle"
RECALL = Recall(Prepare(Lexicon({"hp": "headphones"})), WordIndex(products={KETTLE: NAME}))


def test_a_question_is_read_as_it_was_prepared() -> None:
    (turn,) = RECALL([("can opnd hp come back?", "Only when faulty.")], at=NOW)

    assert "headphones" in turn.text
    assert turn.topic == turn.text
    assert turn.answer == "Only when faulty."


def test_a_follow_up_among_them_keeps_the_topic() -> None:
    first, second = RECALL(
        [("return window for laptops", "15 days."), ("and for headphones?", "30 days.")], at=NOW
    )

    assert first.topic == "return window for laptops"
    assert second.topic == "return window for headphones"


def test_a_product_named_by_its_number_or_in_the_answer_is_what_it_was_about() -> None:
    by_number, by_name, by_neither = (
        RECALL([pair], at=NOW)[0].subject
        for pair in (
            (f"price of {KETTLE}", "It is $24.99."),
            ("price of the fernway kettle", f"The price of {NAME} is $24.99."),
            ("can a fernway kettle come back", "Within 30 days with the receipt."),
        )
    )

    assert by_number == by_name == (KETTLE,)
    assert by_neither == ()


def test_only_the_latest_turns_are_read() -> None:
    turns = RECALL([(f"question {n}", "") for n in range(20)], at=NOW)

    assert [turn.text for turn in turns] == [f"question {n}" for n in range(14, 20)]


def test_nothing_said_is_nothing_recalled() -> None:
    assert RECALL([], at=NOW) == ()

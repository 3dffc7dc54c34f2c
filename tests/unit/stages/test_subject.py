"""What a question asks of a product does not depend on which product it is."""

import pytest

from appliance.stages.subject import Subject, without_name
from tests.fakes.ports import WordIndex

PAN = "LM-100001"
SHELF = WordIndex([], {PAN: "Cindercook Patisserie pan set with lid, black"})


def bare(text: str, *skus: str) -> str:
    return without_name(text, Subject(skus, 1.0, is_named=bool(skus)), SHELF)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("how much is the Cindercook Patisserie pan", "how much is the this item"),
        ("price of cindercook patisserie pan set with lid, black?", "price of this item"),
        ("cindercook price", "this item price"),
        ("what did the patisserie pan set us back", "what did the this item us back"),
    ],
)
def test_a_name_becomes_this_item(text: str, said: str) -> None:
    assert bare(text, PAN) == said


def test_a_word_of_the_name_alone_stays_where_more_of_the_name_is_said() -> None:
    assert bare("with two lids, cindercook patisserie", PAN) == "with two lids, this item"


@pytest.mark.parametrize("text", ["how much is LM-100001", "what time do we close"])
def test_a_question_that_says_no_name_stays_as_it_is(text: str) -> None:
    assert bare(text, PAN) == text
    assert bare(text) == text

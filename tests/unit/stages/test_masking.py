"""Numbered tokens: out they go, back they come, and nothing personal goes with them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.stages.masking import masked_together
from appliance.stages.personal import find_personal

GOLDEN = Path(__file__).parents[2] / "golden" / "personal.jsonl"
ROWS = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
ASK = "customer Maria Lopez, phone 503-555-0142, and customer Derek Holloway"


def test_two_people_of_one_ask_are_two_tokens() -> None:
    (masked,) = masked_together([ASK]).texts
    assert masked == "customer [NAME_1], phone [PHONE_1], and customer [NAME_2]"


def test_what_comes_back_has_its_names_again_however_the_model_writes_the_token() -> None:
    masking = masked_together([ASK])
    for written in ("[NAME_2]", "[name_2]", "NAME_2", r"[NAME\\_2]".replace("\\\\", "\\")):
        assert masking.restored(f"Ask {written} for it.") == "Ask Derek Holloway for it."


def test_the_same_person_in_another_text_is_the_same_token() -> None:
    texts = masked_together([ASK, "As I said, Maria Lopez waits.", "MARIA LOPEZ"]).texts
    assert texts[1:] == ("As I said, [NAME_1] waits.", "[NAME_1]")


def test_a_token_nobody_was_given_is_a_stranger() -> None:
    masking = masked_together([ASK])
    assert masking.strangers("[NAME_1] and [NAME_9] and [EMAIL_1]") == ("NAME_9", "EMAIL_1")
    assert masking.restored("[NAME_9]") == "[NAME_9]"


def test_a_token_the_asker_typed_is_disarmed() -> None:
    masking = masked_together(["what does [NAME_1] mean, asks customer Maria Lopez"])
    assert masking.texts == ("what does (NAME_1) mean, asks customer [NAME_1]",)


def test_numbers_of_the_first_text_do_not_hang_on_the_others() -> None:
    alone = masked_together([ASK]).texts[0]
    assert masked_together([ASK, "customer Ana Gómez", "[NAME_1]"]).texts[0] == alone


def test_nothing_personal_stays_as_it_was() -> None:
    text = "Can opened headphones (LM-104233) be returned within 30 days for $49.99?"
    assert masked_together([text]).texts == (text,)


def test_no_token_is_made_twice_for_two_and_citations_are_left_alone() -> None:
    masking = masked_together([ASK])
    assert masking.restored("Thirty days [1]. [2]") == "Thirty days [1]. [2]"
    assert len(set(masking.tokens.values())) == len(masking.tokens) == 3


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(ROWS), min_size=1, max_size=4), st.sampled_from(["", ", ", "\n"]))
def test_what_was_found_is_neither_in_that_text_nor_in_a_later_one_and_comes_back(
    rows: list[dict[str, object]], between: str
) -> None:
    texts = [between.join(str(row["text"]) for row in rows), *(str(row["text"]) for row in rows)]

    masking = masked_together(texts)

    found: set[str] = set()
    for given_text, text in zip(texts, masking.texts, strict=True):
        found |= {given_text[s.start : s.end] for s in find_personal(given_text)}
        assert [f for f in found if len(f) > 2 and _holds(text, f)] == []
        assert masking.restored(text).casefold() == given_text.casefold()


def _holds(text: str, found: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(found)}(?!\w)", text) is not None


@pytest.mark.parametrize("row", ROWS[:40], ids=lambda row: str(row["text"])[:30])
def test_the_golden_texts_are_masked_where_they_say(row: dict[str, object]) -> None:
    text = str(row["text"])
    (masked,) = masked_together([text]).texts
    spans = find_personal(text)
    assert masked.count("[") - text.count("[") == len(spans)

"""The demo store, whole and real, against the questions written by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.backroom import Store
from appliance.config import Settings
from appliance.wiring import open_store
from tests.golden.run import GoldenClock, Result, figures, questions, run


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home: Path = tmp_path_factory.mktemp("golden")
    with open_store(Settings(home=home), clock=GoldenClock()) as opened:
        yield opened


@pytest.fixture(scope="module")
def results(store: Store) -> list[Result]:
    return run(store, questions())


def test_four_in_five_golden_questions_are_answered_right(results: list[Result]) -> None:
    # The target is 85 %; the floor leaves room for ties that batched arithmetic breaks differently.
    assert figures(results)["right"] >= 0.83


def test_no_answer_holds_a_value_that_its_sources_do_not(results: list[Result]) -> None:
    assert [(r.question["id"], r.wrong) for r in results if r.wrong] == []


def test_few_answers_are_wrong_without_saying_that_they_are_a_quote(results: list[Result]) -> None:
    assert figures(results)["wrong"] <= 0.03


def test_every_golden_reply_is_in_the_journal_and_the_chain_is_whole(
    store: Store, results: list[Result]
) -> None:
    assert store.journal.verify() >= len(results)


def test_every_tenth_golden_reply_replays_to_the_same_words(
    store: Store, results: list[Result]
) -> None:
    for result in results[::10]:
        recorded, again = store.replay(result.reply.id)
        assert (recorded["text"], recorded["lane"]) == (again.text, again.lane.value)

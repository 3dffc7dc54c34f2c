"""What labelled questions tell of a new one, by hand."""

from __future__ import annotations

import pytest

from appliance.ports import Asked
from appliance.stages.asked import FEATURES, asked_features

IDF = {"headphon": 2.0, "box": 1.0}


def told(*asked: tuple[str, float], stems: tuple[str, ...] = ()) -> dict[str, float]:
    texts, cosines = (tuple(x) for x in zip(*asked, strict=True)) if asked else ((), ())
    return asked_features(IDF, Asked(texts, cosines), stems=frozenset(stems), total=3.0)


def test_a_sentence_no_one_asked_about_tells_nothing() -> None:
    assert told() == dict.fromkeys(FEATURES, 0.0)


def test_the_nearest_question_and_the_three_nearest_count() -> None:
    found = told(("a", 0.2), ("b", 0.9), ("c", 0.7), ("d", 0.5))
    assert found["asked"] == 0.9
    assert found["asked_near"] == pytest.approx(0.7)


def test_a_word_is_covered_by_any_question_or_by_the_sentence() -> None:
    assert told(("open headphones", 0.5))["asked_coverage"] == pytest.approx(2 / 3)
    assert told(("open headphones", 0.5), stems=("box",))["asked_coverage"] == pytest.approx(1.0)
    assert told(("something else", 0.5))["asked_coverage"] == 0.0


def test_a_word_of_many_questions_counts_more_than_one_of_one() -> None:
    once = told(("headphones", 0.5), ("jar", 0.4))["asked_often"]
    twice = told(("headphones", 0.5), ("my headphones", 0.4))["asked_often"]
    assert once == pytest.approx(2 / 3 * 0.5)
    assert twice == pytest.approx(2 / 3 * 0.75)


def test_the_match_is_with_the_nearest_question_alone() -> None:
    far_match = told(("headphones box", 0.1), ("jar", 0.9))
    near_match = told(("headphones box", 0.9), ("jar", 0.1))
    assert far_match["asked_match"] == 0.0
    assert near_match["asked_match"] == 1.0

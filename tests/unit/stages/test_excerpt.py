"""The sentence ranker: features by hand, order by probability."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from appliance.logistic import Logistic
from appliance.ports import Asked, IndexedSentence
from appliance.records import Passage
from appliance.stages.excerpt import FEATURES, RankExcerpts, stem
from appliance.stages.text import sentence_spans
from tests.builders.records import a_passage
from tests.fakes.ports import HashEmbedder, WordIndex

EMBEDDER = HashEmbedder()
PAIR = a_passage("Keep the box. Opened headphones come back within 30 days.")


def features(text: str, *passages: Passage) -> list[dict[str, float]]:
    rank = RankExcerpts(Logistic({}, 0.0), lambda _: 1.0)
    return rank.features(
        text, EMBEDDER.embed([text])[0], passages=passages, sentences=sentences(*passages)
    )


def sentences(*passages: Passage) -> list[IndexedSentence]:
    return WordIndex(passages).sentences([p.id for p in passages])


def ranked(weights: Mapping[str, float], text: str, *passages: Passage) -> list[str]:
    rank = RankExcerpts(Logistic(weights, 0.0), lambda _: 1.0)
    found = rank(text, EMBEDDER.embed([text])[0], passages=passages, sentences=sentences(*passages))
    by_id = {p.id: p.text for p in passages}
    return [by_id[e.passage][e.start : e.end] for e in found]


def test_a_row_has_every_feature_and_no_other() -> None:
    for row in features("return headphones", PAIR):
        assert set(row) == set(FEATURES)
        assert all(math.isfinite(v) for v in row.values())


def test_the_sentence_with_the_asks_words_comes_first() -> None:
    assert ranked({"coverage": 5.0}, "opened headphones", PAIR)[0].startswith("Opened headphones")


def test_equal_sentences_stay_in_reading_order() -> None:
    assert ranked({}, "anything", PAIR) == ["Keep the box.", PAIR.text[14:]]


def test_coverage_is_the_share_of_the_asks_rare_words() -> None:
    box, opened = features("opened headphones warranty", PAIR)
    assert box["coverage"] == 0.0
    assert opened["coverage"] == pytest.approx(2 / 3)
    assert opened["coverage_lead"] == pytest.approx(2 / 3)
    assert box["coverage_lead"] == pytest.approx(-2 / 3)


def test_a_question_for_a_time_span_wants_a_sentence_that_holds_one() -> None:
    box, opened = features("how long do I have", PAIR)
    assert (box["asks_value"], box["lacks_asked_value"]) == (1.0, 1.0)
    assert (opened["has_asked_value"], opened["lacks_asked_value"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("what is the restocking fee", 1.0),
        ("what are the fees", 1.0),
        ("can I return a coffee maker", 0.0),  # "coffee" holds "fee"
        ("I feel unlimited", 0.0),
        ("is there a limit", 1.0),
        ("what percentage", 1.0),
        ("¿cuánto cuesta?", 1.0),
    ],
)
def test_a_cue_is_a_word_not_a_part_of_one(text: str, asks: float) -> None:
    assert features(text, PAIR)[0]["asks_value"] == asks


def test_cuantos_asks_for_a_number_and_not_for_money() -> None:
    passage = a_passage("Cuesta $5.00. Son 3 cajas.")
    money, count = features("¿cuántos hay?", passage)
    assert (money["has_asked_value"], count["has_asked_value"]) == (0.0, 1.0)


def test_the_lead_of_a_single_sentence_is_its_whole_score() -> None:
    (row,) = features("opened headphones", a_passage("Opened headphones."))
    assert row["coverage_lead"] == row["coverage"]
    assert row["cosine_lead"] == pytest.approx(row["cosine"])


def test_every_sentence_of_a_passage_knows_its_best_one() -> None:
    rows = features("opened headphones", PAIR)
    best = max(row["cosine"] for row in rows)
    assert [row["passage_cosine"] for row in rows] == [best, best]
    assert [row["opening"] for row in rows] == [1.0, 0.0]


def test_no_sentence_and_no_word_are_no_fault() -> None:
    rank = RankExcerpts(Logistic({"coverage": 1.0}, 0.0), lambda _: 1.0)
    vector = EMBEDDER.embed([""])[0]
    assert rank("", vector, passages=(), sentences=()) == ()
    assert len(features("", PAIR)) == len(sentence_spans(PAIR.text))


def test_an_excerpts_offsets_are_those_of_its_passage() -> None:
    rank = RankExcerpts(Logistic({"coverage": 5.0}, -2.0), lambda _: 1.0)
    text = "opened headphones"
    best = rank(text, EMBEDDER.embed([text])[0], passages=[PAIR], sentences=sentences(PAIR))[0]
    assert PAIR.text[best.start : best.end] == "Opened headphones come back within 30 days."
    assert best.p == pytest.approx(1 / (1 + math.exp(-3.0)))


@pytest.mark.parametrize("word", ["returned", "returns", "returning"])
def test_forms_of_a_word_share_a_stem(word: str) -> None:
    assert stem(word) == "return"


def test_a_short_word_is_its_own_stem() -> None:
    assert [stem(w) for w in ("bed", "is", "gas", "king")] == ["bed", "is", "gas", "king"]


def test_vectors_are_read_as_they_lie_in_the_index() -> None:
    rank = RankExcerpts(Logistic({"cosine": 10.0}, 0.0), lambda _: 1.0)
    one, other = np.eye(2, dtype=np.float32)
    found = rank(
        "x",
        one,
        passages=[PAIR],
        sentences=[IndexedSentence(PAIR.id, 0, 13, other), IndexedSentence(PAIR.id, 14, 57, one)],
    )
    assert [e.start for e in found] == [14, 0]


def test_where_there_is_a_judge_its_odds_stand_and_the_weights_are_not_asked() -> None:
    seen: list[tuple[int, ...]] = []

    def judge(rows: np.ndarray) -> np.ndarray:
        seen.append(rows.shape)
        return np.array([0.1, 0.7], np.float32)

    rank = RankExcerpts(Logistic({}, 99.0), lambda _: 1.0, judge)
    found = rank("x", EMBEDDER.embed(["x"])[0], passages=[PAIR], sentences=sentences(PAIR))
    assert [(e.start, e.p) for e in found] == [(14, pytest.approx(0.7)), (0, pytest.approx(0.1))]
    assert seen == [(2, len(FEATURES))]


def test_a_judge_is_not_asked_about_nothing() -> None:
    def judge(rows: np.ndarray) -> np.ndarray:
        raise AssertionError("asked")

    rank = RankExcerpts(Logistic({}, 0.0), lambda _: 1.0, judge)
    assert rank("x", EMBEDDER.embed(["x"])[0], passages=(), sentences=()) == ()


def test_the_questions_of_a_sentence_speak_for_it_alone() -> None:
    text = "can I bring the thing back"
    rank = RankExcerpts(Logistic({}, 0.0), lambda _: 1.0)
    box, opened = rank.features(
        text,
        EMBEDDER.embed([text])[0],
        passages=[PAIR],
        sentences=sentences(PAIR),
        asked=[Asked(), Asked(("bring a thing back",), (0.9,))],
    )
    assert box["asked_coverage"] == 0.0
    assert opened["asked_coverage"] == pytest.approx(1.0)
    assert opened["asked_coverage_lead"] == pytest.approx(1.0)
    assert (box["asked_lead"], opened["asked_lead"]) == (pytest.approx(-0.9), pytest.approx(0.9))

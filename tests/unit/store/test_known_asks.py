"""Known questions: each sentence once, by its nearest question."""

import json
from pathlib import Path

import numpy as np
import pytest

from appliance.errors import DamagedRelease
from appliance.ports import Asked, IndexedSentence, KnownAnswer
from appliance.store.known_asks import KnownAsks, packed, unpacked

ROWS = [
    {"passage": "a#0", "start": 0, "end": 5, "text": "one"},
    {"passage": "a#0", "start": 0, "end": 5, "text": "uno"},
    {"passage": "b#0", "start": 6, "end": 9, "text": "two"},
]
VECTORS = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
EAST = np.array([1.0, 0.0], dtype=np.float32)


def written(folder: Path, vectors: object = VECTORS, table: str = json.dumps(ROWS)) -> KnownAsks:
    (folder / "asks.json").write_text(table, encoding="utf-8")
    np.save(folder / "vectors.npy", np.asarray(vectors, dtype=np.float16))
    return KnownAsks.load(folder / "asks.json", folder / "vectors.npy")


def test_sentences_come_by_their_nearest_question_each_once(tmp_path: Path) -> None:
    known = written(tmp_path)
    assert known.nearest(EAST, k=5) == [KnownAnswer("a#0", 0, 5, 1.0), KnownAnswer("b#0", 6, 9, 0)]
    assert [a.passage for a in known.nearest(EAST, k=1)] == ["a#0"]


def test_the_ask_being_learned_from_is_left_out(tmp_path: Path) -> None:
    (first, *_) = written(tmp_path).nearest(EAST, k=5, but="one")
    assert first.passage == "a#0"
    assert first.cosine == pytest.approx(0.8, abs=1e-3)


def test_a_sentence_has_the_questions_labelled_with_it_and_no_others(tmp_path: Path) -> None:
    known = written(tmp_path)
    here, beside, other = known.asked(
        EAST,
        [
            IndexedSentence("a#0", 2, 8, EAST),
            IndexedSentence("a#0", 5, 9, EAST),
            IndexedSentence("c#0", 0, 5, EAST),
        ],
    )
    assert here.texts == ("one", "uno")
    assert here.cosines == pytest.approx((1.0, 0.8), abs=1e-3)
    assert beside == other == Asked()


def test_the_ask_being_learned_from_is_not_among_a_sentences_questions(tmp_path: Path) -> None:
    sentence = IndexedSentence("a#0", 0, 5, EAST)
    (found,) = written(tmp_path).asked(EAST, [sentence], but="one")
    assert found.texts == ("uno",)


def test_without_known_asks_no_sentence_has_questions() -> None:
    none = KnownAsks((), (), np.zeros((0, 2), dtype=np.float32))
    assert none.asked(EAST, [IndexedSentence("a#0", 0, 5, EAST)]) == [Asked()]


def test_without_known_asks_nothing_is_near() -> None:
    assert KnownAsks((), (), np.zeros((0, 2), dtype=np.float32)).nearest(EAST, k=3) == []


@pytest.mark.parametrize("table", ["", "{", "[1]", '[{"passage": "a"}]', "{}"])
def test_a_foreign_table_is_refused(tmp_path: Path, table: str) -> None:
    with pytest.raises(DamagedRelease) as caught:
        written(tmp_path, table=table)
    assert caught.value.hint


@pytest.mark.parametrize("vectors", [VECTORS[:2], VECTORS[0]])
def test_vectors_of_other_asks_are_refused(tmp_path: Path, vectors: object) -> None:
    with pytest.raises(DamagedRelease, match="asks"):
        written(tmp_path, vectors)


def test_packed_vectors_point_the_same_way() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    again = unpacked(packed(rows))
    assert np.linalg.norm(again, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (rows * again).sum(axis=1).min() > 0.9995


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedRelease, match="no known asks"):
        KnownAsks.load(tmp_path / "asks.json", tmp_path / "vectors.npy")

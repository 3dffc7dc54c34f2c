"""The ranker's file and its features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from appliance.errors import DamagedRelease
from appliance.store.ranker import FEATURES, Pool, Ranker, features, untrained
from appliance.store.words import Term, Word


def terms_of(*ids: int) -> list[Term]:
    return [
        Term(Word(f"w{i}", f"w{i}"), i, passages=1, products=0, idf=2.0, place=place)
        for place, i in enumerate(ids)
    ]


def pool_of(*texts: list[int]) -> Pool:
    count = len(texts)
    return Pool(
        tokens=tuple(np.array(text, dtype=np.uint32) for text in texts),
        cosine=np.linspace(0.9, 0.1, count, dtype=np.float32),
        sentence_cosine=np.linspace(0.9, 0.1, count, dtype=np.float32),
        document=np.arange(count, dtype=np.int32),
        is_product=np.zeros(count, dtype=bool),
        is_identified=np.zeros(count, dtype=bool),
    )


def column(table: np.ndarray, name: str) -> list[float]:
    return [round(float(x), 4) for x in table[:, FEATURES.index(name)]]


def test_coverage_counts_title_and_text() -> None:
    table = features(terms_of(5, 6), pool_of([5, 0, 6], [0, 6, 9], [0, 9]), mean_length=3)

    assert column(table, "coverage") == [1.0, 0.5, 0.0]
    assert column(table, "title_coverage") == [0.5, 0.0, 0.0]


def test_neighbours_in_the_ask_are_looked_for_as_neighbours() -> None:
    far = [0, 5, *[9] * 30, 6]
    table = features(terms_of(5, 6), pool_of([0, 5, 6], [0, 6, 5], far), mean_length=10)

    assert column(table, "pairs") == [1.0, 0.0, 0.0]
    assert column(table, "window_coverage") == [1.0, 1.0, 0.5]


def test_an_ask_without_words_still_has_features() -> None:
    table = features([], pool_of([0, 5]), mean_length=3)

    assert np.isfinite(table).all()


def test_more_of_the_ask_is_a_higher_bm25() -> None:
    table = features(terms_of(5, 6), pool_of([0, 5, 6], [0, 5, 9], [0, 8, 9]), mean_length=3)

    found = column(table, "bm25")
    assert found[0] > found[1] > found[2] == 0.0
    assert column(table, "bm25_rank") == [1.0, 0.5, 0.0]


def test_a_ranker_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "ranker.json"
    path.write_text(untrained().as_json(), encoding="utf-8")

    loaded = Ranker.load(path)

    assert loaded.probabilities(np.ones((2, len(FEATURES)), np.float32)).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "{",
        "[]",
        "{}",
        json.dumps({"schema": "1", "features": {"other": {}}, "bias": 0}),
        untrained().as_json().replace('"bias": 0.0', '"bias": "x"'),
        untrained().as_json().replace('"scale": 1.0', '"scale": 0.0'),
        untrained().as_json()[:200],
    ],
)
def test_a_damaged_ranker_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ranker.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")

    with pytest.raises(DamagedRelease, match=r"ranker\.json"):
        Ranker.load(path)

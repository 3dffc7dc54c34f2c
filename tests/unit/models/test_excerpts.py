"""The sentence ranker's labels, fit and figures."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from appliance.logistic import Logistic
from appliance.stages.excerpt import FEATURES
from appliance.stages.lexicon import Lexicon
from appliance.store.known_asks import KnownAsks
from models.excerpts import (
    Candidates,
    LabelledAsk,
    find_answer,
    gather,
    read_asks,
    report,
    train,
    write,
)
from tests.builders.records import NOW, a_passage
from tests.fakes.ports import HashEmbedder, WordIndex

ASK = LabelledAsk("how long to return headphones", "returns", "Headphones come back in 30 days.")
TEXT = "Keep the box. Headphones come back in 30 days."
COSINE = FEATURES.index("cosine")


def candidates(cosines: list[float], right: int | None) -> Candidates:
    rows = np.zeros((len(cosines), len(FEATURES)))
    rows[:, COSINE] = cosines
    labels = np.array([n == right for n in range(len(cosines))])
    return Candidates(ASK, rows, labels, ("returns#0",) * len(cosines))


def test_asks_are_read_with_their_answer_by_split(tmp_path: Path) -> None:
    row = {"doc": "returns", "answer": "x", "asks": ["a", "b"], "held_out": ["c"]}
    (tmp_path / "returns.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert [a.text for a in read_asks(tmp_path, "asks")] == ["a", "b"]
    assert read_asks(tmp_path, "held_out") == [LabelledAsk("c", "returns", "x")]


def test_the_sentence_that_answers_is_labelled_and_no_other() -> None:
    passage = a_passage(TEXT, id="returns#0", document="returns")
    said_too = f"{ASK.answer} Laptops, tablets, cables and chargers stay."
    other = a_passage(said_too, id="other#0", document="other", title="Elsewhere")
    no_known = KnownAsks((), (), np.zeros((0, 64), dtype=np.float32))
    (found,) = gather(
        [ASK],
        index=WordIndex([passage, other]),
        embedder=HashEmbedder(),
        lexicon=Lexicon({}),
        known=no_known,
        on=NOW.date(),
    )
    assert found.features.shape == (len(found.labels), len(FEATURES))
    assert len(found.labels) == 4
    assert found.labels.sum() == 1  # the same words in another document are no answer


def test_without_its_document_an_ask_has_no_answer_but_still_has_sentences() -> None:
    passage = a_passage(TEXT, id="returns#0", document="returns")
    other = a_passage("Headphones are on aisle 4.", id="other#0", document="other")
    (found,) = gather(
        [ASK],
        index=WordIndex([passage, other]),
        embedder=HashEmbedder(),
        lexicon=Lexicon({}),
        known=KnownAsks((("returns#0", 14, 46),), ("how long",), np.ones((1, 64), np.float32)),
        on=NOW.date(),
        without=True,
    )
    assert found.passages == ("other#0",)
    assert not found.labels.any()


def test_an_ask_that_finds_nothing_gives_no_row() -> None:
    none = gather(
        [ASK],
        index=WordIndex([]),
        embedder=HashEmbedder(),
        lexicon=Lexicon({}),
        known=KnownAsks((), (), np.zeros((0, 64), dtype=np.float32)),
        on=date(2026, 11, 22),
    )
    assert list(none) == []


def test_an_answer_is_found_in_whichever_passage_of_its_document_holds_it() -> None:
    first = a_passage("Keep the box.", id="returns#0")
    index = WordIndex([first, a_passage(TEXT, id="returns#1")])
    place = find_answer(ASK, index)  # type: ignore[arg-type]
    assert place == ("returns#1", 14, len(TEXT))
    assert find_answer(ASK, WordIndex([first])) is None  # type: ignore[arg-type]


def test_training_finds_the_feature_that_tells() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(1)
    made = []
    for _ in range(60):
        rows = rng.normal(size=(4, len(FEATURES)))
        rows[1, COSINE] += 4.0
        made.append(Candidates(ASK, rows, np.arange(4) == 1, ("returns#0",) * 4))
    model = train(made)
    assert set(model.weights) == set(FEATURES)
    assert max(model.weights, key=lambda name: abs(model.weights[name])) == "cosine"
    assert report(model, made)["hit@1"] > 0.9


def test_figures_count_first_second_found_and_how_sure_it_was() -> None:
    model = Logistic({"cosine": 1.0}, 0.0)
    sure = [30.0, 0.0, -30.0]
    found = report(model, [candidates(sure, right) for right in (0, 1, 2, None)])
    assert found == {"asks": 4, "hit@1": 0.25, "hit@2": 0.5, "found": 0.75, "ece": 0.75}


def test_figures_of_nothing_are_nought() -> None:
    empty = report(Logistic({}, 0.0), [])
    assert (empty["asks"], empty["hit@1"], empty["ece"]) == (0, 0.0, 0.0)


def test_what_is_written_can_be_read_back(tmp_path: Path) -> None:
    path = tmp_path / "excerpts.json"
    write(Logistic({"cosine": 2.0}, -1.0), path, figures={"asks": {"hit@1": 0.5}})
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "weights": {"cosine": 2.0},
        "bias": -1.0,
        "figures": {"asks": {"hit@1": 0.5}},
    }

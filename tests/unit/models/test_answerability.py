"""The answerability model: what it learns, its odds, and that its graph says the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.engines.answerability import OnnxAnswerability
from appliance.errors import BadInput
from appliance.stages.excerpt import FEATURES
from models.answerability import UNANSWERED, Model, calibrate, report, train, weights_of, write
from models.answerability_build import Field, fall, refuse
from models.excerpts import Candidates, LabelledAsk

pytest.importorskip("sklearn")
COSINE = FEATURES.index("cosine")
ASK = LabelledAsk("how long", "returns", "30 days.")


def fields(count: int, *, answered: bool, seed: int) -> list[Candidates]:
    """Return asks with six sentences; where one answers, its cosine is high."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        rows = rng.normal(size=(6, len(FEATURES))).astype(np.float32)
        labels = np.zeros(6, dtype=bool)
        if answered:
            at = int(rng.integers(6))
            labels[at] = True
            rows[at, COSINE] += 5.0
        made.append(Candidates(ASK, rows, labels, ("a#0",) * 3 + ("b#0",) * 3))
    return made


@pytest.fixture(scope="module")
def model() -> Model:
    learnt = train(fields(300, answered=True, seed=1), fields(150, answered=False, seed=2))
    return calibrate(
        learnt, fields(120, answered=True, seed=3), fields(120, answered=False, seed=4)
    )


def test_odds_are_shares_of_the_odds_that_anything_answers(model: Model) -> None:
    (some,), (none,) = fields(1, answered=True, seed=5), fields(1, answered=False, seed=6)
    for found in (some, none):
        p = model.p(found.features)
        assert p.shape == (6,)
        assert (p >= 0).all()
        assert p.sum() <= 1.0 + 1e-6
    assert model.p(some.features).sum() > 0.8
    assert model.p(none.features).sum() < 0.3


def test_it_finds_the_sentence_and_tells_when_there_is_none(model: Model) -> None:
    found, nothing = fields(200, answered=True, seed=7), fields(200, answered=False, seed=8)
    odds = [model.p(c.features) for c in (*found, *nothing)]
    figures = report(odds, found, nothing, told=[float(p.sum()) for p in odds])
    assert figures["hit@1"] > 0.9
    assert figures["answered_auroc"] > 0.95
    assert figures["ece_mixed"] < 0.1


def test_the_same_asks_train_the_same_model() -> None:
    found, nothing = fields(40, answered=True, seed=1), fields(20, answered=False, seed=2)
    first, second = train(found, nothing), train(found, nothing)
    assert np.array_equal(first.hidden, second.hidden)
    assert np.array_equal(first.score, second.score)


def test_the_int8_graph_says_what_the_weights_say(model: Model, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    path = tmp_path / "answerability.onnx"
    write(model, path, figures={"hit@1": 0.7})

    opened = OnnxAnswerability(path, features=FEATURES)

    assert opened.figures == {"hit@1": 0.7}
    for found in (*fields(40, answered=True, seed=9), *fields(40, answered=False, seed=10)):
        p, q = model.p(found.features), opened(found.features)
        assert q == pytest.approx(p, abs=0.05)
    assert opened(found.features[:1]).shape == (1,)


def test_an_unanswered_ask_weighs_a_quarter_however_many_there_are() -> None:
    for count in (3, 30):
        some, none = fields(6, answered=True, seed=1), fields(count, answered=False, seed=2)
        weights = weights_of(some, none)
        assert weights[6:].sum() / weights.sum() == pytest.approx(UNANSWERED)


def figures(falls: float, auroc: float, ece: float) -> dict[str, dict[str, float]]:
    was = {"hit@1": 0.8, "answered_auroc": 0.7, "ece_mixed": 0.2}
    return {
        "logistic": was,
        "answerability": {"hit@1": 0.79, "answered_auroc": auroc, "ece_mixed": ece},
        "hit@1 falls by": {"low": falls, "high": falls + 0.02},
    }


def test_a_model_that_tells_when_nothing_answers_is_kept_though_it_finds_no_more() -> None:
    refuse(figures(-0.005, 0.9, 0.02))


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ((0.01, 0.9, 0.02), "no accident"),
        ((-0.01, 0.6, 0.02), "AUROC"),
        ((-0.01, 0.9, 0.09), "calibration"),
    ],
)
def test_a_worse_model_is_refused_and_it_says_in_what(
    found: tuple[float, float, float], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        refuse(figures(*found))


def test_a_fall_of_a_few_asks_is_an_accident_and_of_many_is_not() -> None:
    was = [True] * 700 + [False] * 300
    few, many = [True] * 697 + [False] * 303, [True] * 600 + [False] * 400
    swapped = [n % 10 > 2 for n in range(1000)]
    assert fall(was, swapped)[0] < 0 < fall(was, swapped)[1]
    assert fall(was, few)[0] <= 0.0005
    assert fall(was, many)[0] > 0.05


def test_what_calibrates_is_no_part_of_what_teaches_and_neither_of_what_reports() -> None:
    asks = [
        Candidates(LabelledAsk(f"ask {n}", "d", "a"), np.zeros((1, 1)), np.zeros(1, bool), ("p",))
        for n in range(600)
    ]
    field = Field(asks, asks)
    teaches = field.half(calibration=True)
    parts = (teaches.lesson(fits=False), teaches.lesson(fits=True), field.half(calibration=False))
    texts = [{c.ask.text for c in part.found} for part in parts]
    assert sum(map(len, texts)) == len(set().union(*texts)) == 600
    assert len(texts[0]) > 1.5 * len(texts[1]) > 0

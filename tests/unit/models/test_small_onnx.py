"""The ranker as ONNX: the same numbers as its weights, and refused when it is not ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.engines.small_onnx import SmallGraph
from appliance.errors import DamagedRelease
from appliance.store.ranker import FEATURES, OnnxRanker, Ranker, load_ranker
from models.small_onnx import Nodes, graph, save, write_ranker

onnx = pytest.importorskip("onnx")
ROWS = np.random.default_rng(3).normal(size=(70, len(FEATURES))).astype(np.float32)
AXIS = {"axis": np.array([1], np.int64)}
SUM: Nodes = (("ReduceSum", ("features", "axis"), ("p",), {"keepdims": 0}),)


def a_ranker() -> Ranker:
    mean, scale, weights = np.random.default_rng(1).uniform(0.5, 2, (3, len(FEATURES)))
    numbers = (x.astype(np.float32) for x in (mean, scale, weights))
    return Ranker(*numbers, -1.5, {"measured": {"mrr": 0.5}})


def test_the_graph_gives_what_the_weights_give(tmp_path: Path) -> None:
    write_ranker(a_ranker(), tmp_path / "ranker.onnx")

    opened = load_ranker(tmp_path / "ranker.onnx")

    assert isinstance(opened, OnnxRanker)
    assert opened.probabilities(ROWS) == pytest.approx(a_ranker().probabilities(ROWS), abs=1e-5)
    assert opened.probabilities(ROWS[:1]).shape == (1,)
    assert opened.figures == {"measured": {"mrr": 0.5}}


def test_json_weights_still_load(tmp_path: Path) -> None:
    (tmp_path / "ranker.json").write_text(a_ranker().as_json(), encoding="utf-8")
    assert isinstance(load_ranker(tmp_path / "ranker.json"), Ranker)


def test_a_graph_of_a_newer_program_is_refused_by_its_feature(tmp_path: Path) -> None:
    path = tmp_path / "g.onnx"
    made = graph("g", SUM, AXIS, inputs={"features": ("n", 2)})
    save(made, path, features=("old", "brand_new"), figures={})
    with pytest.raises(DamagedRelease, match="brand_new"):
        SmallGraph(path, known=("old",), inputs={"features"})


def test_a_graph_takes_the_features_that_it_names_in_its_own_order(tmp_path: Path) -> None:
    path = tmp_path / "g.onnx"
    made = graph("g", SUM, AXIS, inputs={"features": ("n", 2)})
    save(made, path, features=("c", "a"), figures={})
    opened = SmallGraph(path, known=("a", "b", "c"), inputs={"features"})
    row = np.array([[1, 2, 5]], np.float32)
    assert opened.taken(row).tolist() == [[5.0, 1.0]]
    assert opened.run(features=opened.taken(row)).tolist() == [6.0]


@pytest.mark.parametrize("inputs", [{"features", "vector"}, {"other"}])
def test_a_graph_with_other_inputs_is_refused(tmp_path: Path, inputs: set[str]) -> None:
    write_ranker(a_ranker(), tmp_path / "ranker.onnx")
    with pytest.raises(DamagedRelease, match="takes"):
        SmallGraph(tmp_path / "ranker.onnx", known=FEATURES, inputs=inputs)


def test_a_graph_that_says_nothing_of_itself_is_refused(tmp_path: Path) -> None:
    made = graph("g", SUM, AXIS, inputs={"features": ("n", 2)})
    (tmp_path / "g.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(DamagedRelease, match="made for"):
        SmallGraph(tmp_path / "g.onnx", known=("a", "b"), inputs={"features"})


@pytest.mark.parametrize("keep", [0, 40, 400])
def test_a_graph_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "ranker.onnx"
    write_ranker(a_ranker(), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedRelease):
        load_ranker(path)


def test_no_graph_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(DamagedRelease, match=r"No ranker\.onnx"):
        load_ranker(tmp_path / "ranker.onnx")

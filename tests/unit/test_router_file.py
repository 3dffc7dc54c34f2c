"""Learned weights as files: read back as written, and refused when they do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.errors import DamagedRelease
from appliance.records import LaneName
from appliance.router_file import load_drafts, load_excerpts, load_router
from appliance.stages.intent import EXTRAS, WORD_BUCKETS
from appliance.stages.route import RouterModel

DIM = 8
INPUTS = DIM + WORD_BUCKETS + len(EXTRAS)
TABLE: dict[str, Any] = {
    "intents": ["policy", "price", "out_of_scope"],
    "known_words": ["how", "much"],
    "scope": {"weights": {"out_of_scope": -8.0}, "bias": 4.0},
    "lanes": {"card": {"weights": {"card_close": 10.0}, "bias": -4.0}},
    "out_of_scope_at": 0.4,
    "try_at": {"card": 0.5},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def write(folder: Path, *, rows: int = 3, inputs: int = INPUTS, bias: int = 3) -> None:
    (folder / "router.json").write_text(json.dumps(TABLE))
    np.savez(
        folder / "router.npz",
        weights=np.ones((rows, inputs), dtype=np.float32),
        bias=np.arange(bias, dtype=np.float32),
    )


def load(folder: Path) -> RouterModel:
    return load_router(folder / "router.json", folder / "router.npz", dim=DIM)


def test_a_router_reads_back_and_works(folder: Path) -> None:
    router = load(folder)
    odds = router.intent.odds("how much", np.zeros(DIM, dtype=np.float32), product=0.0)
    assert list(odds) == TABLE["intents"]
    assert sum(odds.values()) == pytest.approx(1.0)
    assert odds["out_of_scope"] > odds["price"] > odds["policy"]
    assert router.lane_p(LaneName.CARD, {"card_close": 1.0}) == pytest.approx(0.9975, abs=1e-4)
    assert router.lane_p(LaneName.QUOTE, {}) == 0.0
    assert router.scope.p({"out_of_scope": 0.5}) == 0.5
    assert (router.out_of_scope_at, router.try_at) == (0.4, {"card": 0.5})


@pytest.mark.parametrize(
    "shape", [{"rows": 2}, {"inputs": INPUTS - 1}, {"bias": 2}, {"inputs": INPUTS + 8}]
)
def test_weights_of_another_shape_are_refused(folder: Path, shape: dict[str, int]) -> None:
    write(folder, **shape)
    with pytest.raises(DamagedRelease, match=r"router\.npz has weights of shape"):
        load(folder)


def test_a_router_for_another_embedder_is_refused(folder: Path) -> None:
    with pytest.raises(DamagedRelease, match="shape"):
        load_router(folder / "router.json", folder / "router.npz", dim=DIM + 1)


@pytest.mark.parametrize("cut", [0, 1, 30, 200, -30, -1])
def test_weights_cut_short_are_refused(folder: Path, cut: int) -> None:
    path = folder / "router.npz"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DamagedRelease, match=r"router\.npz"):
        load(folder)


@pytest.mark.parametrize("content", [b"PK\x03\x04 no archive", b"\x93NUMPY", b"{}", b"\x80\x04N."])
def test_a_foreign_file_of_weights_is_refused(folder: Path, content: bytes) -> None:
    (folder / "router.npz").write_bytes(content)
    with pytest.raises(DamagedRelease, match=r"router\.npz"):
        load(folder)


def test_a_single_array_is_no_router(folder: Path) -> None:
    with (folder / "router.npz").open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(DamagedRelease, match="not a router"):
        load(folder)


@pytest.mark.parametrize("part", ["router.json", "router.npz"])
def test_a_missing_part_is_named(folder: Path, part: str) -> None:
    (folder / part).unlink()
    with pytest.raises(DamagedRelease, match=part) as caught:
        load(folder)
    assert caught.value.hint


@pytest.mark.parametrize(
    "change",
    [
        {"intents": None},
        {"intents": ["out_of_scope"]},
        {"intents": ["policy", "price", "stock"]},
        {"lanes": []},
        {"lanes": {"card": {"weights": {"x": "much"}, "bias": 0}}},
        {"try_at": 5},
        {"scope": None},
        {"out_of_scope_at": "high"},
    ],
)
def test_a_wrong_table_is_refused(folder: Path, change: dict[str, Any]) -> None:
    (folder / "router.json").write_text(json.dumps({**TABLE, **change}))
    with pytest.raises(DamagedRelease):
        load(folder)


def test_an_excerpt_ranker_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "excerpts.json"
    path.write_text(json.dumps({"weights": {"coverage": 2.0}, "bias": -2.0}))
    assert load_excerpts(path).p({"coverage": 1.0}) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"weights": {"mood": 1}, "bias": 0}', "'mood', which this program does not compute"),
        ('{"weights": 3, "bias": 0}', "no logistic weights"),
        ('{"weights": {}}', "no logistic weights"),
        ("[]", "must hold an object"),
        ('{"weights"', "cannot be read as JSON"),
        ("\udcff", "cannot be read as JSON"),
    ],
)
def test_a_wrong_excerpt_ranker_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "excerpts.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DamagedRelease, match=why):
        load_excerpts(path)


def test_drafts_give_each_lane_its_confidence_and_threshold(tmp_path: Path) -> None:
    path = tmp_path / "drafts.json"
    row = {"weights": {"excerpt": 4.0}, "bias": -2.0, "accept_at": 0.6}
    path.write_text(json.dumps({"drafts": {"specialist": row}}))
    found = load_drafts(path)["specialist"]
    assert found.accept_at == 0.6
    assert found.confidence.p({"excerpt": 0.5}) == pytest.approx(0.5)


@pytest.mark.parametrize("plain", [{}, {"drafts": []}, {"drafts": {"specialist": {"bias": 1}}}])
def test_wrong_drafts_are_refused(tmp_path: Path, plain: Any) -> None:
    path = tmp_path / "drafts.json"
    path.write_text(json.dumps(plain))
    with pytest.raises(DamagedRelease):
        load_drafts(path)

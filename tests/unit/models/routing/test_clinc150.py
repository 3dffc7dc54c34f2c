"""Scope on public questions: twenty intents of CLINC150, forty examples each, none out of scope.

The whole of it (150 intents, 23,700 questions) takes minutes: `backroom models router train`.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from appliance.config import DEMO_RELEASE
from models.routing.train import Plan, train

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytestmark = [pytest.mark.data, pytest.mark.training]

DATA = Path(__file__).parents[5] / "shared" / "data" / "clinc150" / "data_full.json"
INTENTS, TAUGHT, FOREIGN = 20, 40, 300


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if not DATA.exists():
        pytest.skip(f"no public data at {DATA}")
    data = json.loads(DATA.read_text(encoding="utf-8"))
    folder = tmp_path_factory.mktemp("clinc")
    names = sorted({label for _, label in data["train"]})[::7][:INTENTS]
    taught = [row for name in names for row in of(data["train"], name)[:TAUGHT]]
    asked = [row for name in names for row in of(data["test"], name)]
    foreign = [(text, "out_of_scope") for text, _ in data["oos_test"][:FOREIGN]]
    plan = Plan(
        examples=a_file(folder / "examples.csv", taught),
        test=a_file(folder / "test.csv", [*asked, *foreign]),
        out=folder / "router",
        embedder=DEMO_RELEASE / "embedder",
        cache=folder / "cache",
    )
    found: dict[str, Any] = train(plan, say=lambda _: None)["figures"]
    return found


def of(rows: list[list[str]], name: str) -> list[tuple[str, str]]:
    return [(text, label) for text, label in rows if label == name]


def a_file(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def test_most_questions_in_scope_are_told_and_let_in(figures: dict[str, Any]) -> None:
    assert figures["test"]["in_scope"] == INTENTS * 30
    assert figures["test"]["in_scope_accuracy"] >= 0.93


def test_most_questions_out_of_scope_are_caught_though_none_was_ever_seen(
    figures: dict[str, Any],
) -> None:
    assert figures["out_of_scope_examples"] == 0
    assert figures["test"]["out_of_scope_recall"] >= 0.75
    assert figures["test"]["auroc"] >= 0.95


def test_the_p_of_an_intent_is_calibrated(figures: dict[str, Any]) -> None:
    assert figures["test"]["ece"] < 0.05

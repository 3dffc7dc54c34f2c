"""A router trained from a file of examples, with the release's own embedder, and served alone."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from appliance.config import DEMO_RELEASE
from appliance.engines.onnx import OnnxEmbedder
from appliance.errors import BadInput, DamagedRelease
from appliance.trained_route import route_alone
from appliance.trained_router_file import TABLE, WEIGHTS, load_trained
from models.routing.lanes import fit_lanes
from models.routing.outcome_file import LaneOutcome, Outcome
from models.routing.placing import judged, place_lanes
from models.routing.train import REPORT, Plan, train

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytestmark = pytest.mark.training

SAID = {
    "price": ["how much is {}", "price of {}", "what does {} cost", "{} costs what", "tag on {}"],
    "stock": ["do we have {}", "is {} in stock", "any {} left", "how many {} here", "{} on hand"],
    "returns": ["can they return {}", "refund for {}", "bring {} back", "{} sent back", "undo {}"],
}
THINGS = ["a kettle", "the red lamp", "headphones"]
FOREIGN = ["write a poem about rain", "who won the war", "what is the square root of nine"]


def a_file(path: Path, *, things: list[str], foreign: list[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for label, frames in SAID.items():
            rows.writerows((frame.format(t), label) for frame in frames for t in things)
        rows.writerows((text, "out_of_scope") for text in foreign)
    return path


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("router")
    plan = Plan(
        examples=a_file(folder / "examples.csv", things=THINGS, foreign=[]),
        test=a_file(folder / "test.csv", things=["the blue toaster"], foreign=FOREIGN),
        out=folder / "router",
        embedder=DEMO_RELEASE / "embedder",
        cache=folder / "cache",
    )
    train(plan, say=lambda _: None)
    return plan


def routed(plan: Plan, folder: Path, *texts: str) -> list[dict[str, Any]]:
    source, target = folder / "in.jsonl", folder / "out.jsonl"
    lines = [json.dumps({"id": n, "text": text}) for n, text in enumerate(texts)]
    source.write_text("\n".join([*lines, "{broken", '{"id": 9, "text": ""}']), encoding="utf-8")
    assert route_alone(plan.out, release=DEMO_RELEASE, source=source, target=target) == (
        len(texts),
        2,
    )
    return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]


def test_a_handful_of_examples_tells_intents_apart(plan: Plan) -> None:
    figures = json.loads((plan.out / REPORT).read_text(encoding="utf-8"))["figures"]
    assert figures["examples"] == 45
    assert figures["test"]["intent_accuracy"] >= 0.9
    assert figures["test"]["auroc"] > 0.9
    assert figures["chosen_by"].startswith("turns away 1.5%")


def test_a_trained_router_routes_a_file_alone(plan: Plan, tmp_path: Path) -> None:
    ours, foreign, *errors = routed(plan, tmp_path, "how much is the lamp", FOREIGN[0])
    assert (ours["id"], ours["intent"], ours["in_scope"]) == (0, "price", True)
    assert [set(lane) for lane in ours["lanes"]] == [{"lane", "p"}] * 2
    assert any("no outcomes recorded" in why for why in ours["reasons"])
    assert (foreign["intent"], foreign["in_scope"]) == ("out_of_scope", False)
    assert foreign["lanes"] == [{"lane": "handoff", "p": 1.0}]
    assert all("error" in record for record in errors)
    assert errors[1]["id"] == 9


def test_recorded_outcomes_give_a_trained_router_its_lanes(plan: Plan, tmp_path: Path) -> None:
    asks = [
        Outcome(
            f"{label}{n}{frame}",
            frame.format(f"{thing} {n}"),
            {
                "lookup": LaneOutcome(right=label != "returns"),
                "specialist": LaneOutcome(right=label == "returns"),
            },
        )
        for label, frames in SAID.items()
        for frame in frames
        for n, thing in enumerate(THINGS)
    ]
    before = (plan.out / TABLE).read_text(encoding="utf-8")
    place_lanes(plan.out, fit_lanes(judged(asks, plan.out, embedder=plan.embedder)))
    price, returns, *_ = routed(plan, tmp_path, "price of a kettle", "can they return a kettle")
    assert price["lanes"][0]["lane"] == "lookup"
    assert returns["lanes"][0]["lane"] == "specialist"
    assert price["lanes"][-1] == {"lane": "handoff", "p": 1.0}
    (plan.out / TABLE).write_text(before, encoding="utf-8")


def test_the_same_examples_and_seed_give_the_same_router(plan: Plan, tmp_path: Path) -> None:
    train(replace(plan, out=tmp_path / "again"), say=lambda _: None)
    first, again = (
        json.loads((folder / TABLE).read_text(encoding="utf-8"))
        for folder in (plan.out, tmp_path / "again")
    )
    assert first["in_scope_at"] == pytest.approx(again["in_scope_at"], abs=1e-4)
    assert first["intents"] == again["intents"]


def test_a_router_of_another_embedder_or_cut_short_is_refused(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(DamagedRelease, match="was trained on embedder"):
        load_trained(plan.out, dim=384, embedder="0" * 16)
    model = OnnxEmbedder(plan.embedder)
    whole = (plan.out / WEIGHTS).read_bytes()
    (tmp_path / TABLE).write_bytes((plan.out / TABLE).read_bytes())
    for size in (0, 100, len(whole) - 50):
        (tmp_path / WEIGHTS).write_bytes(whole[:size])
        with pytest.raises(DamagedRelease, match=r"trained\.npz"):
            load_trained(tmp_path, dim=model.dim, embedder=model.digest)
    (tmp_path / WEIGHTS).write_bytes(whole)
    load_trained(tmp_path, dim=model.dim, embedder=model.digest)
    with pytest.raises(DamagedRelease, match="of shape"):
        load_trained(tmp_path, dim=128, embedder=model.digest)


@pytest.mark.parametrize(
    ("field", "value"),
    [("intents", None), ("scales", {}), ("in_scope_at", "x"), ("lanes", {"oracle": {}})],
)
def test_a_table_that_lacks_or_garbles_a_field_is_refused(
    plan: Plan, tmp_path: Path, field: str, value: Any
) -> None:
    table = json.loads((plan.out / TABLE).read_text(encoding="utf-8"))
    (tmp_path / TABLE).write_text(json.dumps(table | {field: value}), encoding="utf-8")
    (tmp_path / WEIGHTS).write_bytes((plan.out / WEIGHTS).read_bytes())
    with pytest.raises(DamagedRelease, match="not a trained router"):
        load_trained(tmp_path, dim=384, embedder=table["embedder"])


def test_the_commands_train_and_route(plan: Plan, tmp_path: Path) -> None:
    from appliance.cli import build

    app = build()
    made = ["models", "router", "train", "--examples", str(plan.examples), "--out"]
    found = CliRunner().invoke(
        app, [*made, str(tmp_path / "r"), "--cache", str(plan.cache), "--seed", "3"]
    )
    assert found.exit_code == 0, found.output
    assert "3 intents" in found.output
    (tmp_path / "in").write_text('{"id": 1, "text": "price of a kettle"}\n', encoding="utf-8")
    files = ["--in", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    found = CliRunner().invoke(app, ["stage", "route", "--router", str(tmp_path / "r"), *files])
    assert found.exit_code == 0, found.output
    assert json.loads((tmp_path / "out").read_text(encoding="utf-8"))["intent"] == "price"


def test_examples_that_cannot_be_used_leave_no_router(plan: Plan, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("text,label\nx,a\n", encoding="utf-8")
    with pytest.raises(BadInput, match="1 intent in scope"):
        train(replace(plan, examples=bad, out=tmp_path / "out"), say=lambda _: None)
    assert not (tmp_path / "out").exists()

"""A tiny run of the whole recipe: tokenizer, copy, text, export, parity, exam, card, resume."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.training

CORPUS = Path(__file__).parents[2] / "models" / "corpus"
RECIPE = """
name = "tiny"
processes = 1
[model]
vocabulary = 700
layers = 3
inner = 64
[data]
handbook = "handbook"
asks = "asks"
intents = "intents.toml"
lexicon = "lexicon.toml"
tokens = 400
[copy]
steps = 3
[text]
steps = 6
[exam]
size = 12
parity = 6
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from models.recipe import read_recipe
    from models.specialist import build

    home = tmp_path_factory.mktemp("tiny")
    for name in ("handbook", "asks"):
        (home / name).mkdir()
        for path in sorted((CORPUS / name).glob("returns-*"))[:6]:
            shutil.copy(path, home / name)
    for name in ("intents.toml", "lexicon.toml"):
        shutil.copy(CORPUS / name, home)
    (home / "recipe.toml").write_text(RECIPE)
    recipe = read_recipe(home / "recipe.toml")
    report = build(recipe, home / "run")
    return recipe, home / "run", report


def test_the_exported_model_says_what_the_trained_one_says(run):
    _, _, report = run
    assert report["parity"]["f32"]["tokenized_differently"] == 0
    assert report["parity"]["f32"]["answers"] == 1.0
    assert report["parity"]["q8_0"]["first"] >= 0.5


def test_the_run_leaves_a_model_a_card_and_true_figures(run):
    _, folder, report = run
    assert (folder / "specialist.gguf").stat().st_size == report["gguf_bytes"]
    assert report["gguf_sha256"][:12] in (folder / "CARD.md").read_text()
    kept = json.loads((folder / "report.json").read_text())
    assert kept["exam"]["calibrated"]["counts"]["right"] == 12


def test_a_finished_stage_is_not_trained_again(run, capsys):
    from models.specialist import train

    recipe, folder, _ = run
    train(recipe, folder)
    assert capsys.readouterr().out.count("already done") == 2


def test_the_result_can_be_placed_in_a_release(run, tmp_path):
    from models.specialist import place

    _, folder, _ = run
    place(folder, tmp_path / "specialist")
    names = sorted(p.name for p in (tmp_path / "specialist").iterdir())
    assert names == ["CARD.md", "report.json", "specialist.gguf"]

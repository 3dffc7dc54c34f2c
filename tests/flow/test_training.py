"""A tiny training: tokenizer, both stages, a GGUF that says what was trained, and going on."""

import dataclasses
import random
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
def trained(tmp_path_factory):
    from models.recipe import read_recipe
    from models.specialist import train_together

    home = tmp_path_factory.mktemp("tiny")
    for name in ("handbook", "asks"):
        (home / name).mkdir()
        for path in sorted((CORPUS / name).glob("returns-*"))[:6]:
            shutil.copy(path, home / name)
    for name in ("intents.toml", "lexicon.toml"):
        shutil.copy(CORPUS / name, home)
    (home / "recipe.toml").write_text(RECIPE)
    recipe = read_recipe(home / "recipe.toml")
    (home / "run").mkdir()
    train_together(recipe, home / "run")
    return recipe, home / "run"


def exported(folder):
    """Write the trained model as GGUF, whole and in Q8_0; return it, its vocabulary and files."""
    from models.base import load
    from models.export import export_gguf, quantize
    from models.tokenizer import TrainedVocabulary

    model, _ = load(str(folder / "text.pt"))
    vocabulary = TrainedVocabulary.read(folder / "tokenizer.json")
    files = {"f32": folder / "full.gguf", "q8_0": folder / "specialist.gguf"}
    export_gguf(model, vocabulary.tokenizer, files["f32"], name="tiny")
    quantize(files["f32"], files["q8_0"])
    return model, vocabulary, files


def test_the_exported_model_says_what_the_trained_one_says(trained):
    from models.exam import exam
    from models.specialist import Desk, prove

    recipe, folder = trained
    model, vocabulary, files = exported(folder)
    practice, _ = Desk.open(recipe, folder).held_out.halves()
    found = prove(model, vocabulary, files, exam(random.Random(1), practice, size=6))
    assert found["f32"]["tokenized_differently"] == 0
    assert found["f32"]["answers"] == 1.0
    assert found["q8_0"]["first"] >= 0.5


def test_a_finished_stage_is_not_trained_again(trained, capsys):
    from models.specialist import train

    train(*trained)
    assert capsys.readouterr().out.count("already done") == 2


def test_a_training_goes_on_from_a_gguf_alone_and_keeps_its_tokens(trained, tmp_path, capsys):
    from models.base import load
    from models.recipe import BaseRecipe, StageRecipe
    from models.specialist import train_together

    recipe, folder = trained
    files = exported(folder)[2]
    onwards = dataclasses.replace(
        recipe,
        base=BaseRecipe(source=str(files["q8_0"])),
        copy=StageRecipe(steps=0),
        text=StageRecipe(steps=1, rate=0.0, bf16=True),
    )
    train_together(onwards, tmp_path)

    said = (tmp_path / "tokenizer.json").read_text()
    assert said == (folder / "tokenizer.json").read_text()
    before, after = (load(str(f / "text.pt"))[0].embed.weight for f in (folder, tmp_path))
    assert (before - after).abs().max() <= before.abs().max() / 127
    assert '"step": 1' in capsys.readouterr().out
    assert (tmp_path / "origin.json").is_file()

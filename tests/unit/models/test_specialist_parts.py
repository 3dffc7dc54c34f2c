"""Tokenizer, masks, sketch, recipe and figures of the specialist."""

import dataclasses
import json
import random

import numpy as np
import pytest

from appliance.errors import BadInput
from appliance.lanes.prompt import CONTROLS, NONE, SOURCES, slotted_sources
from models.exam import Question, chosen, figures
from models.recipe import BaseRecipe, ModelRecipe, Recipe, digest, read_recipe
from models.tokenizer import TrainedVocabulary, train_tokenizer

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.training

from models import learn as learning  # noqa: E402
from models.base import Shape, Transformer, load, save  # noqa: E402
from models.batch import copies, sight  # noqa: E402
from models.sketch import sketch  # noqa: E402
from models.specialist import Desk, start  # noqa: E402

STAGE = learning.Stage("text", rate=1e-3, steps=10)


def test_digits_stand_alone_and_control_tokens_are_never_typed():
    texts = [f" the return window of item {i} is thirty days" for i in range(200)] * 3
    vocabulary = TrainedVocabulary(train_tokenizer(texts, vocabulary=340))
    assert len(vocabulary.tokenize("12345", special=False)) == 5
    typed = vocabulary.tokenize("<|none|> <|v3|>", special=False)
    assert not set(typed) & {vocabulary.token_id(c) for c in CONTROLS}
    assert vocabulary.text(typed) == "<|none|> <|v3|>"


def test_too_little_text_for_a_vocabulary_is_said():
    with pytest.raises(BadInput, match="5,000"):
        train_tokenizer(["a few words"], vocabulary=5000)


def test_a_branch_sees_the_trunk_and_itself_alone():
    mask = sight(np.array([[0, 0, 1, 1, 2, -1]]))[0, 0].numpy()
    assert mask[3].tolist() == [True, True, True, True, False, False]
    assert mask[4].tolist() == [True, True, False, False, True, False]
    assert mask.any(1).all()


def test_the_sketched_circuit_copies_and_votes_untrained():
    torch.manual_seed(0)
    shape = Shape(vocabulary=512, layers=3, inner=32)
    model = Transformer(shape)
    ids = list(range(400, 408))
    sketch(model, sources=ids, ask=408)
    batch = next(copies(random.Random(1), vocabulary=400, size=16))
    where = batch.targets >= 0
    with torch.no_grad():
        said = model.logits(model(batch.tokens))[where].argmax(-1)
        assert (said == batch.targets[where]).float().mean() > 0.7
        hits = 0
        for trial in range(20):
            words = torch.randperm(400, generator=torch.Generator().manual_seed(trial))[:104]
            rows, right = words.view(4, 26), trial % 4
            context = [t for i in range(4) for t in (ids[i], *rows[i].tolist())]
            prompt = [*context, 408, *rows[right][3:11].tolist(), 409]
            logits = model.logits(model(torch.tensor([prompt]))[0, -1])
            hits += int(logits[ids[:4]].argmax()) == right
    assert hits >= 18


def test_a_checkpoint_brings_back_the_model(tmp_path):
    model = Transformer(Shape(vocabulary=64, layers=1, inner=32))
    save(model, str(tmp_path / "m.pt"), step=3)
    again, more = load(str(tmp_path / "m.pt"))
    assert more == {"step": 3}
    x = torch.arange(5)[None]
    assert torch.equal(model(x), again(x))


def test_an_unknown_key_of_a_recipe_is_named(tmp_path):
    (tmp_path / "r.toml").write_text("[model]\nwidht = 3\n")
    with pytest.raises(BadInput, match="widht"):
        read_recipe(tmp_path / "r.toml")


def test_a_digest_sees_names_and_contents(tmp_path):
    (tmp_path / "a").write_text("x")
    first = digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert digest(tmp_path) != first


def test_figures_count_by_kind_and_number_of_sources():
    two = slotted_sources([("a", "t", "One."), ("b", "t", "Two.")])
    questions = [
        Question("q", two, 0, "rule"),
        Question("q", two, 1, "rule"),
        Question("q", two, None, "stray"),
    ]
    odds = [np.array([0.9, 0.0, 0.1]), np.array([0.5, 0.2, 0.3]), np.array([0.1, 0.3, 0.6])]
    found = figures(questions, odds)
    assert (found["right of 2"], found["declined"]) == (0.5, 1.0)
    assert chosen(odds[1], least=0.6) is None


def test_names_of_sources_and_none_are_controls():
    assert {NONE, *SOURCES} <= set(CONTROLS)
    assert len(set(CONTROLS)) == len(CONTROLS)
    json.dumps(CONTROLS)


def test_a_run_goes_on_from_its_base_with_its_weights_and_tokenizer(tmp_path):
    base, folder = tmp_path / "base", tmp_path / "run"
    base.mkdir()
    folder.mkdir()
    texts = [f" the return window of item {i} is thirty days" for i in range(200)] * 3
    tokenizer = train_tokenizer(texts, vocabulary=340)
    tokenizer.save(str(base / "tokenizer.json"))
    sizes = ModelRecipe(vocabulary=340, width=224, layers=3, heads=7, inner=32)
    model = Transformer(Shape(vocabulary=340, layers=3, inner=32))
    save(model, str(base / "text.pt"), step=3)
    recipe = Recipe(model=sizes, base=BaseRecipe(source="base"), folder=tmp_path)
    desk = Desk(recipe, folder, [], None, None)
    assert desk.vocabulary().size == 340
    assert (folder / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
    begun = start(desk, desk.vocabulary())
    assert torch.equal(begun.embed.weight, model.embed.weight)
    other = dataclasses.replace(recipe, model=dataclasses.replace(sizes, inner=64))
    with pytest.raises(BadInput, match="inner"):
        start(Desk(other, folder, [], None, None), desk.vocabulary())


def test_the_time_a_stopped_training_stood_still_is_not_its_time(tmp_path, monkeypatch):
    clock = iter([0.0, 1.0, 500.0, 501.0])
    monkeypatch.setattr(learning.time, "monotonic", lambda: next(clock))
    run = learning._Run(Transformer(Shape(vocabulary=64, layers=1, inner=32)), STAGE, tmp_path)
    for _ in range(3):
        run._tick()
    assert run.spent == 1.0 + learning.LONGEST_STEP_S + 1.0

"""A training goes on from what is in the stores: model and tokenizer of a release's GGUF."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest

from appliance.errors import BadInput
from appliance.lanes.prompt import CONTROLS
from models.recipe import BaseRecipe, ModelRecipe, Recipe
from models.tokenizer import TrainedVocabulary, train_tokenizer
from tests.builders.gguf_model import tiny_gguf

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.training

from models.base import Shape, Transformer  # noqa: E402
from models.export import export_gguf, quantize  # noqa: E402
from models.released import blended, read_released  # noqa: E402
from models.specialist import Desk, start  # noqa: E402

SHAPE = Shape(vocabulary=340, width=64, layers=2, heads=2, inner=96, context=128)
TEXTS = [f" the return window of item {i} is thirty days" for i in range(200)] * 3


@pytest.fixture(scope="module")
def released(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Transformer, TrainedVocabulary, Path]:
    """Return a model, its tokenizer, and a folder with both as GGUF, whole and in Q8_0."""
    folder = tmp_path_factory.mktemp("released")
    torch.manual_seed(3)
    model, tokenizer = Transformer(SHAPE), train_tokenizer(TEXTS, vocabulary=SHAPE.vocabulary)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    export_gguf(model, tokenizer, folder / "full.gguf", name="tiny")
    quantize(folder / "full.gguf", folder / "specialist.gguf")
    return model, TrainedVocabulary(tokenizer), folder


def test_a_gguf_in_full_gives_back_the_very_weights(
    released: tuple[Transformer, TrainedVocabulary, Path],
) -> None:
    model, _, folder = released

    again, _ = read_released(folder / "full.gguf")

    assert again.shape == SHAPE
    assert all(
        torch.equal(p, q) for p, q in zip(model.parameters(), again.parameters(), strict=True)
    )


def test_a_quantized_gguf_gives_back_weights_within_its_rounding(
    released: tuple[Transformer, TrainedVocabulary, Path],
) -> None:
    model, _, folder = released

    again, _ = read_released(folder / "specialist.gguf")

    for p, q in zip(model.parameters(), again.parameters(), strict=True):
        assert (p - q).abs().max() <= p.abs().max() / 127


def test_its_tokenizer_cuts_text_as_the_trained_one_and_keeps_controls_out_of_text(
    released: tuple[Transformer, TrainedVocabulary, Path],
) -> None:
    _, vocabulary, folder = released

    again = TrainedVocabulary(read_released(folder / "specialist.gguf")[1])

    said = [*TEXTS[:5], " zażółć 12345 items, <|none|> <|v3|>!", "  the\n\nwindow ", ""]
    assert [again.tokenize(t, special=False) for t in said] == [
        vocabulary.tokenize(t, special=False) for t in said
    ]
    assert [again.token_id(c) for c in CONTROLS] == [vocabulary.token_id(c) for c in CONTROLS]


def test_a_training_starts_from_a_released_gguf_named_as_its_base(
    released: tuple[Transformer, TrainedVocabulary, Path], tmp_path: Path
) -> None:
    model, vocabulary, folder = released
    sizes = ModelRecipe(vocabulary=340, width=64, layers=2, heads=2, inner=96)
    recipe = Recipe(model=sizes, base=BaseRecipe(source="specialist.gguf"), folder=folder)
    desk = Desk(recipe, tmp_path, [], None, None)  # type: ignore[arg-type] - no data is read

    with pytest.raises(BadInput, match="context"):  # its context is shorter than the recipe's
        start(desk, desk.vocabulary())

    assert desk.vocabulary().size == vocabulary.size == model.shape.vocabulary
    assert (tmp_path / "tokenizer.json").is_file()


@pytest.mark.parametrize("bytes_kept", [0, 10, 3000])
def test_a_torn_gguf_is_refused_with_what_to_name(
    released: tuple[Transformer, TrainedVocabulary, Path], tmp_path: Path, bytes_kept: int
) -> None:
    torn = tmp_path / "torn.gguf"
    torn.write_bytes((released[2] / "specialist.gguf").read_bytes()[:bytes_kept])

    with pytest.raises(BadInput, match=r"is no specialist's GGUF") as caught:
        read_released(torn)

    assert "specialist.gguf of a release" in caught.value.hint


def test_another_models_gguf_is_refused() -> None:
    with pytest.raises(BadInput, match=r"tiny\.gguf is no specialist's GGUF"):
        read_released(tiny_gguf())


def test_a_blend_lies_between_and_other_shapes_are_refused() -> None:
    first, second = Transformer(SHAPE), Transformer(SHAPE)
    rows = first.embed.weight.detach().clone(), second.embed.weight.detach().clone()

    mixed = blended(first, second, share=0.75)

    assert torch.allclose(mixed.embed.weight, 0.75 * rows[0] + 0.25 * rows[1], atol=1e-6)
    with pytest.raises(BadInput, match=r"blend is 0\.5"):
        blended(first, Transformer(dataclasses.replace(SHAPE, layers=1)), share=0.5)


def test_halved_products_are_near_full_ones_and_their_gradients_too() -> None:
    torch.manual_seed(1)
    model = Transformer(SHAPE)
    tokens = torch.tensor([random.Random(1).choices(range(340), k=20)])
    found = []
    for is_on in (False, True):
        model.halve(is_on=is_on)
        model.zero_grad()
        model(tokens).square().mean().backward()
        found.append(model.blocks[0].qkv.weight.grad.clone())

    full, halved = found

    assert torch.allclose(full, halved, atol=0.02 * float(full.abs().max()))

"""A base of one's own goes through the same steps: given its control tokens, tuned, exported."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from rich.console import Console

pytest.importorskip("torch")
pytest.importorskip("peft")
pytestmark = pytest.mark.training


def test_a_hugging_face_folder_is_tuned_merged_and_exported_in_every_size(tmp_path: Path) -> None:
    from models.recipe import BaseRecipe, FinetuneRecipe, Recipe
    from models.run import making
    from models.run.bench import Bench
    from models.run.watch import Watch
    from tests.builders.hf_bases import tiny_base, write_pairs

    tiny_base(tmp_path / "mine", "llama")
    write_pairs(tmp_path / "pairs.jsonl")
    recipe = Recipe(
        base=BaseRecipe(source="mine"), finetune=FinetuneRecipe(pairs="pairs.jsonl", steps=2)
    )
    recipe = dataclasses.replace(recipe, folder=tmp_path)
    run = tmp_path / "run"
    figures = {}
    for name in ("base", "finetune", "export", "quantize"):
        (run / name).mkdir(parents=True)
        bench = Bench(recipe, run, run / name, Watch(Console(quiet=True)))
        figures[name] = getattr(making, name)(bench)
    assert figures["base"]["family"] == "llama"
    assert figures["finetune"]["steps"] == 2
    assert figures["export"]["is_tuned"]
    assert set(figures["quantize"]["kinds"]) == {"q8_0", "q5_k_m", "q4_k_m"}
    assert (run / "export" / "adapter.gguf").is_file()
    assert (run / "export" / "merged" / "model.safetensors").is_file()


def test_a_folder_that_is_no_base_is_told(tmp_path: Path) -> None:
    from appliance.errors import BadInput
    from models.recipe import BaseRecipe, Recipe
    from models.run import making
    from models.run.bench import Bench
    from models.run.watch import Watch

    (tmp_path / "mine").mkdir()
    recipe = dataclasses.replace(Recipe(base=BaseRecipe(source="mine")), folder=tmp_path)
    (tmp_path / "run" / "base").mkdir(parents=True)
    bench = Bench(recipe, tmp_path / "run", tmp_path / "run" / "base", Watch(Console(quiet=True)))
    with pytest.raises(BadInput, match=r"neither config\.json nor text\.pt"):
        making.base(bench)

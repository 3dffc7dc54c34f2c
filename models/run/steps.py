"""The ten steps of a run, in order, and what each of them is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from models.recipe import Recipe
from models.run.bench import Bench, Step
from models.run.parts import EMBEDDER, untrained

CORPUS = Path(__file__).parents[1] / "corpus"  # its tables are what asks are made up from
Work = Callable[[Bench], Mapping[str, Any]]


def _later(module: str, name: str) -> Work:
    """Return a step's work, whose heavy imports wait until it runs."""

    def work(bench: Bench) -> Mapping[str, Any]:
        found: Work = getattr(import_module(f"models.run.{module}"), name)
        return found(bench)

    return work


def _data(recipe: Recipe) -> dict[str, Path]:
    named = {
        name: getattr(recipe.data, name) for name in ("handbook", "asks", "intents", "lexicon")
    }
    named |= {"catalogue": recipe.corpus.catalogue, "cards": recipe.corpus.cards}
    return {name: recipe.path(path) for name, path in named.items() if path}


def _base(recipe: Recipe) -> dict[str, Path]:
    named = {"source": recipe.base.source, "trained": recipe.base.trained}
    found = {name: recipe.path(path) for name, path in named.items() if path}
    # Of a training, what is read is its outcome; its logs and caches may change.
    found = {n: p / "text.pt" if (p / "text.pt").is_file() else p for n, p in found.items()}
    if not recipe.base.trained:
        found |= {f"words {path.name}": path for path in sorted(CORPUS.glob("*.toml"))}
    if recipe.data.embedder:
        found["embedder"] = recipe.path(recipe.data.embedder)
    return found


def _pairs(recipe: Recipe) -> dict[str, Path]:
    named = {"pairs": recipe.finetune.pairs, "the base's GGUF": recipe.base.gguf}
    return {name: recipe.path(path) for name, path in named.items() if path}


def _embedder(recipe: Recipe) -> dict[str, Path]:
    found = {EMBEDDER: recipe.path(recipe.release.parts) / EMBEDDER}
    if recipe.release.previous:
        earlier = recipe.path(recipe.release.previous) / "index.db"
        found |= {"the index before": earlier} if earlier.is_file() else {}
    return found


def _golden(recipe: Recipe) -> dict[str, Path]:
    found = untrained(recipe)
    if recipe.evaluate.golden:
        found["golden"] = recipe.path(recipe.evaluate.golden)
    if recipe.release.previous:
        found["previous"] = recipe.path(recipe.release.previous) / "manifest.json"
    return found


STEPS: tuple[Step, ...] = (
    Step("corpus", _later("data", "corpus"), tables=("corpus", "data"), paths=_data),
    Step(
        "base", _later("making", "base"), needs=("corpus",), paths=_base, resumes=True,
        tables=("base", "model", "data", "copy", "text", "exam", "processes"),
    ),
    Step(
        "finetune", _later("making", "finetune"), needs=("base",), tables=("finetune",),
        paths=_pairs, resumes=True,
    ),
    Step("export", _later("making", "export"), needs=("base", "finetune"), tables=("name",)),
    Step("quantize", _later("making", "quantize"), needs=("export",), tables=("quantize",)),
    Step(
        "parity", _later("making", "parity"), tables=("exam", "quantize"),
        needs=("corpus", "base", "export", "quantize"),
    ),
    Step(
        "router", _later("serving", "router"), needs=("corpus",), paths=_embedder,
        tables=("corpus",), resumes=True,
    ),
    Step(
        "calibrate", _later("serving", "calibrate"), needs=("corpus", "quantize", "router"),
        tables=("calibrate", "quantize"),
        paths=untrained,
    ),
    Step(
        "evaluate", _later("serving", "evaluate"), paths=_golden,
        needs=("corpus", "quantize", "parity", "router", "calibrate"),
        tables=("evaluate", "exam", "calibrate", "quantize"),
    ),
    Step(
        "package", _later("packing", "package"), tables=("name", "release", "gate", "quantize"),
        paths=untrained,
        needs=(
            "corpus", "base", "finetune", "export", "quantize", "parity", "router", "calibrate",
            "evaluate",
        ),
    ),
)  # fmt: skip

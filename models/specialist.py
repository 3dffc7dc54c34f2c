"""Train the specialist of a recipe: its material and tokenizer, both stages, and what proves it.

What is there is kept: the tokenizer is made once, and a stage that was cut goes on from its last
checkpoint. `models.run` makes a release of the outcome.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from appliance.engines.context import Limits
from appliance.engines.llama import LlamaEngine
from appliance.errors import BadInput
from appliance.files import replaced
from appliance.lanes.prompt import ASK, END, SOURCES, Vocabulary, build_prompt
from appliance.release import file_sha256
from appliance.values import SLOT
from models.asks import Material, training_group
from models.base import Shape, Transformer, load
from models.batch import copies
from models.choose import choose
from models.exam import Question, exam, figures
from models.feed import Weights, batches
from models.handbook import Statement, read_handbook
from models.learn import Stage, learn
from models.meaning import meanings
from models.parity import Source, agreement, greedy, same_tokens
from models.recipe import Recipe, StageRecipe
from models.released import SUFFIX, read_released
from models.shelf import Phrases
from models.sketch import HEADS, sketch
from models.tokenizer import TrainedVocabulary, train_tokenizer
from models.wording import Wording

ORIGIN = "origin.json"  # in a training's folder: the GGUF it went on from
Say = Callable[[str], None]
EXAM = Limits(chunk_tokens=480)  # nobody waits for a first word here


@dataclass(frozen=True)
class Desk:
    """What every step works with."""

    recipe: Recipe
    folder: Path
    statements: list[Statement]
    material: Material
    held_out: Material

    @classmethod
    def open(cls, recipe: Recipe, folder: Path) -> Desk:
        """Read the data; makes the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        data = recipe.data
        statements = read_handbook(recipe.path(data.handbook), recipe.path(data.asks))
        phrases = Phrases.read(recipe.path(data.intents))
        wording = Wording.read(recipe.path(data.lexicon))
        embedder = recipe.path(data.embedder) if data.embedder else None
        train, test = (
            Material.of(statements, phrases, wording, embedder=embedder, cache=folder, held_out=h)
            for h in (False, True)
        )
        return cls(recipe, folder, statements, train, test)

    def vocabulary(self) -> TrainedVocabulary:
        """Return the run's tokenizer: the base's, or trained on first use."""
        path = self.folder / "tokenizer.json"
        base = self.recipe.path(self.recipe.base.source)
        if not path.exists() and base.suffix == SUFFIX:
            read_released(base)[1].save(str(path))
        base /= "tokenizer.json"
        if not path.exists() and self.recipe.base.source and base.exists():
            shutil.copyfile(base, path)
        if not path.exists():
            texts = _texts(self, _draw(self.recipe.seed))
            train_tokenizer(texts, vocabulary=self.recipe.model.vocabulary).save(str(path))
        return TrainedVocabulary.read(path)


def prove(
    model: Source, vocabulary: Vocabulary, ggufs: Mapping[str, Path], asked: list[Question]
) -> dict[str, dict[str, float]]:
    """Return, by name, how each GGUF agrees with the model it is made from and its tokenizer."""
    texts = [q.ask for q in asked] + [SLOT.sub("", s.text) for q in asked for s in q.sources]
    prompts = [build_prompt(vocabulary, ask=q.ask, sources=q.sources).tokens for q in asked]
    end = vocabulary.token_id(END)
    said = [greedy(model, prompt, end=end) for prompt in prompts]
    found: dict[str, dict[str, float]] = {}
    for name, path in ggufs.items():
        with closing(LlamaEngine(path, threads=1, limits=EXAM)) as served:
            found[name] = {
                **dataclasses.asdict(agreement(said, served, prompts)),
                "prompts": len(prompts),
                "tokenized_differently": len(same_tokens(vocabulary, served, texts)),
            }
    return found


def train(recipe: Recipe, folder: Path, *, say: Say = print) -> None:
    """Run both stages in this process (and its siblings, where there are any)."""
    rank = dist.get_rank() if dist.is_initialized() else 0
    torch.manual_seed(recipe.seed)
    desk = Desk.open(recipe, folder)
    vocabulary = desk.vocabulary()
    model = start(desk, vocabulary)
    if rank == 0:
        _note_origin(desk)
    rng = _draw(recipe.seed * 1000 + rank + 7919 * _steps_done(folder))
    if recipe.copy.steps:
        said_twice = copies(rng, vocabulary=recipe.model.vocabulary)
        learn(model, said_twice, folder=folder, say=say, stage=_stage("copy", recipe.copy))
    weights = Weights(copy=recipe.data.copy_weight, ask=recipe.data.ask_weight)
    fed = batches(
        lambda draw: training_group(draw, desk.material), vocabulary, rng=rng,
        tokens=recipe.data.tokens, weights=weights,
    )  # fmt: skip
    practice, _ = desk.held_out.halves()
    quick = exam(_draw(recipe.exam.seed + 3), practice, size=min(240, recipe.exam.size))
    learn(
        model, fed, folder=folder, say=say, stage=_stage("text", recipe.text), check_every=500,
        check=lambda now: figures(quick, choose(now, vocabulary, quick)),
    )  # fmt: skip


def start(desk: Desk, vocabulary: TrainedVocabulary) -> Transformer:
    """Return the model to train on: that of the recipe's base, else a fresh one.

    Raises:
        BadInput: The base has another shape than the recipe.
    """
    source = desk.recipe.base.source
    path = desk.recipe.path(source)
    if path.suffix != SUFFIX:
        path /= "text.pt"
    if not source or not path.exists():
        return fresh(desk, vocabulary)
    model = read_released(path)[0] if path.suffix == SUFFIX else load(str(path))[0]
    sizes = dataclasses.asdict(desk.recipe.model)
    del sizes["meaning_share"]
    if model.shape != Shape(**sizes):
        raise BadInput(
            f"The base {path} has the shape {model.shape}, the recipe says {sizes}.",
            hint="Give the recipe the base's sizes, or leave `source` out of [base].",
        )
    return model


def fresh(desk: Desk, vocabulary: TrainedVocabulary) -> Transformer:
    """Return an untrained model with the sketched circuit and tokens placed by use."""
    sizes = dataclasses.asdict(desk.recipe.model)
    share = sizes.pop("meaning_share")
    model = Transformer(Shape(**sizes))
    pairs = []
    for s in desk.statements:
        said = _tokens(vocabulary, f"{s.text} {s.title}")
        pairs += [(_tokens(vocabulary, ask), said) for ask in s.asks]
        pairs.append((_tokens(vocabulary, s.title), _tokens(vocabulary, s.text)))
    content = meanings(
        pairs, vocabulary=vocabulary.size, size=HEADS * model.shape.head_width, share=share,
        seed=desk.recipe.seed,
    )  # fmt: skip
    ids = [vocabulary.token_id(n) for n in SOURCES]
    sketch(model, sources=ids, ask=vocabulary.token_id(ASK), content=content)
    return model


def train_together(recipe: Recipe, folder: Path, *, say: Say = print) -> None:
    """Train in as many processes as the recipe says; a cut run goes on."""
    if recipe.processes <= 1:
        torch.set_num_threads(1)
        train(recipe, folder, say=say)
        return
    meeting = folder.resolve() / f".meeting-{os.getpid()}-{time.time_ns()}"
    mp.spawn(_worker, args=(recipe, folder, meeting, say), nprocs=recipe.processes)
    meeting.unlink(missing_ok=True)


def _worker(rank: int, recipe: Recipe, folder: Path, meeting: Path, say: Say) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=recipe.processes
    )
    train(recipe, folder, say=say if rank == 0 else silent)
    dist.destroy_process_group()


def _note_origin(desk: Desk) -> None:
    """Write down which GGUF the training goes on from, where it does; its release may be gone."""
    source = desk.recipe.path(desk.recipe.base.source)
    if source.suffix == SUFFIX:
        with replaced(desk.folder / ORIGIN) as file:
            file.write(json.dumps({"name": source.name, "sha256": file_sha256(source)}) + "\n")


def _draw(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret


def silent(_: str) -> None:
    """Say nothing."""


def _steps_done(folder: Path) -> int:
    """Return the steps of text behind a cut run, so that it goes on with fresh data."""
    path = folder / "text.pt"
    return int(load(str(path))[1]["step"]) if path.exists() else 0


def _stage(name: str, recipe: StageRecipe) -> Stage:
    return Stage(name, **dataclasses.asdict(recipe))


def _texts(desk: Desk, rng: random.Random) -> list[str]:
    """Return lower-case text in about the mixture the model will read, without values."""
    found = []
    for _ in range(3000):
        group = training_group(rng, desk.material)
        found += [SLOT.sub("", s.text) for s in group.sources] + [ask for ask, _ in group.asks]
    for s in desk.statements:
        found += [f"{s.title}: {s.text}"] * 4 + list(s.asks) * 3
    return [f" {text.lower()}" for text in found]


def _tokens(vocabulary: TrainedVocabulary, text: str) -> tuple[int, ...]:
    return vocabulary.tokenize(f" {text.lower()}", special=False)

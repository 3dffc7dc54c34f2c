"""Build the specialist from a recipe: tokenizer, copy, text, export, parity, exam, card.

Every step leaves its file in the run's folder and is skipped when it is there; a stage that was cut
goes on from its last checkpoint.
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
from typing import Any

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
from models.card import write_card
from models.choose import balance, choose
from models.evaluate import examine
from models.exam import Question, exam, figures
from models.export import export_gguf, quantize
from models.feed import Weights, batches
from models.handbook import Statement, read_handbook
from models.learn import Stage, last_lines, learn
from models.meaning import meanings
from models.more import MORE_ASKS, STRAYS, THESAURUS
from models.parity import Source, agreement, greedy, same_tokens
from models.recipe import Recipe, StageRecipe, digest
from models.rules import DATA as MADE_UP
from models.shelf import Phrases
from models.sketch import HEADS, sketch
from models.tokenizer import TrainedVocabulary, train_tokenizer
from models.wording import Wording

Say = Callable[[str], None]
HERE = ("folder", "written")  # of a recipe: where it lies, not what it says
LEAST_PARITY = 0.95  # of first tokens: f32 and trained may differ in a tie's last bits only
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
        base = self.recipe.path(self.recipe.base.source) / "tokenizer.json"
        if not path.exists() and self.recipe.base.source and base.exists():
            shutil.copyfile(base, path)
        if not path.exists():
            texts = _texts(self, _draw(self.recipe.seed))
            train_tokenizer(texts, vocabulary=self.recipe.model.vocabulary).save(str(path))
        return TrainedVocabulary.read(path)


def build(recipe: Recipe, folder: Path, *, say: Say = print) -> dict[str, Any]:
    """Train, export and examine; return the report. The GGUF is `specialist.gguf` in `folder`."""
    started = time.time()
    desk = Desk.open(recipe, folder)
    vocabulary = desk.vocabulary()
    train_together(recipe, folder)
    model, kept = load(str(folder / "text.pt"))
    say(f"trained: {json.dumps(kept['figures'])}")
    report = finish(desk, model, vocabulary, say=say)
    report["seconds"] = round(time.time() - started)
    return report


def finish(
    desk: Desk, model: Transformer, vocabulary: TrainedVocabulary, *, say: Say = print
) -> dict[str, Any]:
    """Export a trained model, prove the export, examine it and write run.json and the card.

    Raises:
        BadInput: The exported model does not say what the trained one says.
    """
    recipe, folder = desk.recipe, desk.folder
    practice, test = desk.held_out.halves()
    drawn = exam(_draw(recipe.exam.seed + 4), practice, size=recipe.exam.size)
    balanced = balance(model, vocabulary, drawn)
    say(f"balance: {json.dumps(balanced)}")
    full, small = folder / "specialist-f32.gguf", folder / "specialist.gguf"
    export_gguf(model, vocabulary.tokenizer, full, name=recipe.name)
    quantize(full, small)
    asked = exam(_draw(recipe.exam.seed + 2), practice, size=recipe.exam.parity)
    report: dict[str, Any] = {
        "name": recipe.name,
        "parameters": model.size,
        "recipe": {k: v for k, v in dataclasses.asdict(recipe).items() if k not in HERE},
        "data_sha256": data_digest(recipe),
        "parity": prove(model, vocabulary, {"f32": full, "q8_0": small}, asked),
        "balance": balanced,
        "log": [*_base_log(recipe), *last_lines(folder / "log.jsonl")],
    }
    say(f"parity: {json.dumps(report['parity'])}")
    if report["parity"]["f32"]["first"] < LEAST_PARITY:
        raise BadInput(f"The GGUF does not say what the model says: {report['parity']['f32']}.")
    with closing(LlamaEngine(small, threads=1, limits=EXAM)) as served:
        report["exam"] = examine(
            served, practice=practice, material=test, size=recipe.exam.size, seed=recipe.exam.seed
        )
    report["gguf_sha256"], report["gguf_bytes"] = file_sha256(small), small.stat().st_size
    say(f"exam: {json.dumps(report['exam']['calibrated']['shares'])}")
    with replaced(folder / "report.json") as file:
        file.write(json.dumps(report, indent=1) + "\n")
    with replaced(folder / "CARD.md") as file:
        file.write(write_card(report))
    return report


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


def place(folder: Path, target: Path) -> None:
    """Copy the model, its card and its report into a release's folder, each replaced whole."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("specialist.gguf", "CARD.md", "report.json"):
        part = target / f".{name}.part"
        shutil.copyfile(folder / name, part)
        part.replace(target / name)


def train(recipe: Recipe, folder: Path, *, say: Say = print) -> None:
    """Run both stages in this process (and its siblings, where there are any)."""
    rank = dist.get_rank() if dist.is_initialized() else 0
    torch.manual_seed(recipe.seed)
    desk = Desk.open(recipe, folder)
    vocabulary = desk.vocabulary()
    model = start(desk, vocabulary)
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
        model, fed, folder=folder, say=say, stage=_stage("text", recipe.text), check_every=200,
        check=lambda now: figures(quick, choose(now, vocabulary, quick)),
    )  # fmt: skip


def start(desk: Desk, vocabulary: TrainedVocabulary) -> Transformer:
    """Return the model to train on: that of the recipe's base, else a fresh one.

    Raises:
        BadInput: The base has another shape than the recipe.
    """
    source = desk.recipe.base.source
    path = desk.recipe.path(source) / "text.pt"
    if not source or not path.exists():
        return fresh(desk, vocabulary)
    model, _ = load(str(path))
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


def data_digest(recipe: Recipe) -> str:
    """Return one sha256 over all data a recipe names, the embedder apart."""
    data = recipe.data
    named = (data.handbook, data.asks, data.intents, data.lexicon)
    return digest(*(recipe.path(p) for p in named), MADE_UP, MORE_ASKS, STRAYS, THESAURUS)


def train_together(recipe: Recipe, folder: Path, *, say: Say = print) -> None:
    """Train in as many processes as the recipe says; a cut run goes on."""
    if recipe.processes <= 1:
        torch.set_num_threads(1)
        train(recipe, folder, say=say)
        return
    meeting = folder / f".meeting-{os.getpid()}-{time.time_ns()}"
    mp.spawn(_worker, args=(recipe, folder, meeting, say), nprocs=recipe.processes)
    meeting.unlink(missing_ok=True)


def _worker(rank: int, recipe: Recipe, folder: Path, meeting: Path, say: Say) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=recipe.processes
    )
    train(recipe, folder, say=say if rank == 0 else silent)
    dist.destroy_process_group()


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


def _base_log(recipe: Recipe) -> list[dict[str, Any]]:
    """Return the last lines of the training that a recipe goes on from."""
    path = recipe.path(recipe.base.source) / "log.jsonl"
    if not recipe.base.source or not path.exists():
        return []
    return [{**line, "stage": f"base: {line['stage']}"} for line in last_lines(path)]

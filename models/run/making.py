"""Steps base to parity: a model, tuned, as GGUF in several sizes, each held against its source."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from torch.multiprocessing import ProcessRaisedException

from appliance.engines.llama import LlamaEngine
from appliance.errors import BadInput
from appliance.release import file_sha256
from models.base import load
from models.build import read_table
from models.choose import balance
from models.exam import exam
from models.export import quantize as quantize_gguf
from models.finetune import ADAPTER, LOSSES
from models.finetune import finetune as train_adapter
from models.fit import export_hf, fit
from models.hf_base import read_base
from models.hf_gguf import adapter_to_gguf, to_gguf
from models.hf_vocab import BaseVocabulary
from models.lora import LoraSettings
from models.merge import merge
from models.recipe import Recipe
from models.released import SUFFIX, blended, read_released
from models.run.bench import Bench
from models.run.folder import WORK
from models.run.speed import tokens_per_second
from models.source import SourceModel
from models.specialist import EXAM, ORIGIN, Desk, prove, silent, train_together

FULL, MERGED, ADAPTER_GGUF = "specialist-f32.gguf", "merged", "adapter.gguf"
TRAINED = "text.pt"
LOOK_S = 2.0  # between two looks at the log of a training
KINDS = {
    "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
    "q6_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
    "q5_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M,
    "q4_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
}


def own_recipe(bench: Bench) -> Recipe:
    """Return the recipe as training reads it: its data are the run's own, gathered ones."""
    data, folder = bench.recipe.data, bench.made("corpus").resolve()
    embedder = str(bench.recipe.path(data.embedder)) if data.embedder else ""
    own = dataclasses.replace(
        data, handbook=str(folder / "handbook"), asks=str(folder / "asks"), embedder=embedder,
        intents=str(folder / "intents.toml"), lexicon=str(folder / "lexicon.toml"),
    )  # fmt: skip
    return dataclasses.replace(bench.recipe, data=own)


def open_desk(bench: Bench) -> Desk:
    """Return the exam's material; what is reckoned for it is kept between steps."""
    kept = bench.run / "cache" / "desk"
    kept.mkdir(parents=True, exist_ok=True)
    for path in (bench.made("base") / WORK).glob("orders-*.npy"):  # reckoned for its training
        if not (kept / path.name).exists():
            shutil.copyfile(path, kept / path.name)
    drop_torn(kept)
    return Desk.open(own_recipe(bench), kept)


def base(bench: Bench) -> Mapping[str, Any]:
    """Give the run a base as a Hugging Face folder: yours, one already trained, or a new one.

    A new one starts from nothing, or from what `source` names: a training, or a release's GGUF.

    Raises:
        BadInput: The folder named is neither, or training diverged.
    """
    named = bench.recipe.base
    if named.trained:
        _take(
            bench,
            bench.recipe.path(named.trained),
            (TRAINED, "tokenizer.json", "log.jsonl", ORIGIN),
        )
        return _place(bench)
    source = bench.recipe.path(named.source)
    if named.source and (source / "config.json").is_file():
        fit(source, bench.out, seed=bench.recipe.seed)
        read = read_base(bench.out)
        return {"family": read.family, "sizes": dataclasses.asdict(read.sizes)}
    if named.source and source.suffix != SUFFIX:
        _take(bench, source, ("tokenizer.json",))
    return _train(bench)


def _take(bench: Bench, source: Path, names: Sequence[str]) -> None:
    """Copy a training's files into the step's work.

    Raises:
        BadInput: It is no folder of a training.
    """
    if not (source / TRAINED).is_file():
        raise BadInput(
            f"[base] names {source.name}, which holds neither config.json nor {TRAINED}.",
            hint="Name a Hugging Face folder, the folder of a specialist's training, or a release's"
            " specialist.gguf.",
        )
    reckoned = [p.name for p in source.glob("orders-*.npy")]  # named by what they are orders of
    for name in (*names, *reckoned):
        if (source / name).is_file():
            shutil.copyfile(source / name, bench.work / name)


def _train(bench: Bench) -> Mapping[str, Any]:
    drop_torn(bench.work)
    try:
        with _followed(bench, bench.work / "log.jsonl"):
            train_together(own_recipe(bench), bench.work, say=silent)
    except ProcessRaisedException as exc:  # what one of several processes died of
        raise BadInput(str(exc).strip().splitlines()[-1]) from exc
    return _place(bench)


def _place(bench: Bench) -> Mapping[str, Any]:
    """Balance a trained model and write it as a Hugging Face folder."""
    model, kept = load(str(bench.work / TRAINED))
    desk = Desk.open(own_recipe(bench), bench.work)
    practice, _ = desk.held_out.halves()
    recipe = bench.recipe
    if recipe.base.blend < 1:
        before, _ = read_released(recipe.path(recipe.base.source))
        model = blended(model, before, share=recipe.base.blend)
    drawn = exam(_draw(recipe.exam.seed + 4), practice, size=recipe.exam.size)
    balanced = balance(model, desk.vocabulary(), drawn)
    export_hf(model, desk.vocabulary().tokenizer, bench.out, name=recipe.name)
    origin = read_table(bench.work / ORIGIN)
    return {
        **({"after": origin} if origin else {}),
        "parameters": model.size,
        "shape": dataclasses.asdict(model.shape),
        "training": kept["figures"],
        "balance": balanced,
        "curve": curve(bench.work / "log.jsonl"),
    }


def finetune(bench: Bench) -> Mapping[str, Any]:
    """Train a LoRA adapter on the recipe's pairs; without pairs nothing is tuned."""
    wanted = bench.recipe.finetune
    if not wanted.pairs:
        (bench.out / "none.txt").write_text("The recipe names no pairs.\n", encoding="utf-8")
        return {"pairs": 0}
    settings = LoraSettings(
        rank=wanted.rank, rate=wanted.rate, steps=wanted.steps, seed=bench.recipe.seed
    )
    named = bench.recipe.base.gguf
    done = train_adapter(
        bench.made("base"), bench.recipe.path(wanted.pairs), bench.work, settings=settings,
        gguf=bench.recipe.path(named) if named else None, say=bench.watch.note,
    )  # fmt: skip
    shutil.copytree(bench.work / ADAPTER, bench.out / ADAPTER, dirs_exist_ok=True)
    shutil.copyfile(bench.work / LOSSES, bench.out / LOSSES)
    shutil.copyfile(bench.recipe.path(wanted.pairs), bench.out / "pairs.jsonl")
    return {
        "pairs": done.pairs, "steps": done.steps, "parameters": done.parameters,
        "first_loss": round(done.losses[0], 4), "last_loss": round(done.losses[-1], 4),
    }  # fmt: skip


def export(bench: Bench) -> Mapping[str, Any]:
    """Write the base, its adapter merged into it, as GGUF; and the adapter alone."""
    source, tuned = bench.made("base"), bench.made("finetune") / ADAPTER
    if tuned.is_dir():
        adapter_to_gguf(tuned, source, bench.out / ADAPTER_GGUF, name=bench.recipe.name)
        source = merge(source, tuned, bench.out / MERGED)
    path = to_gguf(source, bench.out / FULL, name=bench.recipe.name)
    return {"bytes": path.stat().st_size, "is_tuned": tuned.is_dir()}


def quantize(bench: Bench) -> Mapping[str, Any]:
    """Write the model in every size the recipe names.

    Raises:
        BadInput: A kind that is not known, or the one to ship is not among them.
    """
    wanted = bench.recipe.quantize
    unknown = sorted({*wanted.kinds, wanted.ship} - set(KINDS))
    if unknown or wanted.ship not in wanted.kinds:
        raise BadInput(
            f"[quantize] kinds {', '.join(wanted.kinds)}; ships {wanted.ship}.",
            hint=f"Known: {', '.join(KINDS)}; the one that ships must be among `kinds`.",
        )
    found: dict[str, Any] = {}
    for kind in wanted.kinds:
        out = bench.out / f"{kind}.gguf"
        quantize_gguf(bench.made("export") / FULL, out, kind=KINDS[kind])
        found[kind] = {"bytes": out.stat().st_size, "sha256": file_sha256(out)}
    return {"kinds": found, "ships": wanted.ship}


def parity(bench: Bench) -> Mapping[str, Any]:
    """Hold every GGUF against the model it was made from, token for token, and time it."""
    practice, _ = open_desk(bench).held_out.halves()
    recipe = bench.recipe
    asked = exam(_draw(recipe.exam.seed + 2), practice, size=recipe.exam.parity)
    merged = bench.made("export") / MERGED
    source = SourceModel.read(merged if merged.is_dir() else bench.made("base"))
    vocabulary = BaseVocabulary.of(source.base)
    files = {"f32": bench.made("export") / FULL}
    files |= {kind: bench.made("quantize") / f"{kind}.gguf" for kind in recipe.quantize.kinds}
    found: dict[str, Any] = prove(source, vocabulary, files, asked)
    for number, (kind, path) in enumerate(files.items(), 1):
        with closing(LlamaEngine(path, threads=1, limits=EXAM)) as served:
            found[kind] |= tokens_per_second(served, asked)
        bench.watch.progress(number, len(files))
    (bench.out / "parity.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def curve(log: Path, *, points: int = 200) -> list[dict[str, float]]:
    """Return a training's loss and accuracy over its steps, thinned; a cut line is left out."""
    rows = []
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        try:
            row = json.loads(line)
            rows.append({k: float(row[k]) for k in ("step", "loss", "accuracy")})
        except (ValueError, KeyError, TypeError):
            continue  # cut by a kill
    return rows[:: max(1, -(-len(rows) // points))]


def drop_torn(folder: Path) -> None:
    """Remove what a kill left half-written in a training's folder; checkpoints are whole."""
    for path in folder.glob("*.npy"):
        try:
            np.load(path)
        except (OSError, ValueError, EOFError):
            path.unlink()
    tokenizer, log = folder / "tokenizer.json", folder / "log.jsonl"
    if tokenizer.exists() and not _is_json(tokenizer.read_text(encoding="utf-8", errors="replace")):
        tokenizer.unlink()
    if log.exists():
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        log.write_text("".join(line for line in lines if _is_json(line)), encoding="utf-8")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@contextmanager
def _followed(bench: Bench, log: Path) -> Iterator[None]:
    """Move the step's bar as a training's log grows; the training may be in other processes."""
    over = threading.Event()

    def look() -> None:
        stage = bench.recipe.text
        while not over.wait(LOOK_S):
            rows = curve(log, points=10**9)
            if rows:
                last = rows[-1]
                bench.watch.progress(last["step"], stage.steps)
                bench.watch.note(f"step {last['step']:.0f}, loss {last['loss']:.3f}")

    follower = threading.Thread(target=look, daemon=True)
    follower.start()
    try:
        yield
    finally:
        over.set()
        follower.join()


def _draw(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret

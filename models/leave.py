"""Everything a run made, in formats others read: GGUF, safetensors, ONNX, Ollama, JSONL.

Files are copied out of a run's folder (models/run), never moved; what is there is what leaves.
"""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.errors import BadInput
from appliance.files import replaced, replaced_file
from appliance.lanes.prompt import ANSWER, ANSWER_TOKENS, ASK, BOS, END
from appliance.release import file_sha256
from models.hf_base import TOKENIZER, read_base

MODEL_CARD, DATA_CARD, MODELFILE = "CARD.md", "DATA_CARD.md", "Modelfile"
BEST_FIRST = ("q8_0", "q6_k", "q5_k_m", "q4_k_m")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Left:
    """One file that left."""

    path: Path
    bytes: int
    sha256: str


def export_run(run: Path, to: str, out: Path) -> tuple[Left, ...]:
    """Write what a run made in one open format; return the files.

    Args:
        run: A run's folder.
        to: gguf, safetensors, onnx, ollama or jsonl.
        out: The folder to write into; its other files are left alone.

    Raises:
        BadInput: No such format, the run has not got that far, or the disk is full.
    """
    if to not in WAYS:
        raise BadInput(f"No format {to!r}.", hint=f"Known: {', '.join(WAYS)}.")
    if not run.is_dir():
        raise BadInput(f"No run at {run}.", hint="Name a folder that `backroom models run` made.")
    return tuple(Left(p, p.stat().st_size, file_sha256(p)) for p in WAYS[to](run, out))


def to_ggufs(run: Path, out: Path) -> Iterator[Path]:
    """Copy every GGUF: the model in full, each quantized size, and the adapter alone."""
    found = sorted([*(run / "export").glob("*.gguf"), *(run / "quantize").glob("*.gguf")])
    if not found:
        raise _missing(run, "no GGUF", "export")
    for path in found:
        yield _copied(path, out / path.name)


def to_safetensors(run: Path, out: Path) -> Iterator[Path]:
    """Copy the model as a Hugging Face folder, and the adapter as PEFT wrote it."""
    yield from _folder(_model(run), out / "model")
    if (run / "finetune" / "adapter").is_dir():
        yield from _folder(run / "finetune" / "adapter", out / "adapter")
        yield from _folder(run / "base", out / "base")


def to_onnx(run: Path, out: Path) -> Iterator[Path]:
    """Export the model with optimum, and copy the release's own ONNX parts."""
    yield from causal_onnx(_model(run), out / "specialist")
    for path in sorted((run / "package").rglob("*.onnx")):
        yield from _folder(path.parent, out / path.parent.name)


def causal_onnx(model: Path, out: Path) -> Iterator[Path]:
    """Export a Hugging Face folder: token ids, mask and positions in, logits out.

    Raises:
        BadInput: The `embedder` extra is not installed, or the folder is no base.
    """
    read_base(model)
    try:
        from optimum.exporters.onnx import main_export  # noqa: PLC0415
    except ImportError as error:
        raise BadInput(
            f"The ONNX export needs packages that are not installed ({error.name}).",
            hint="Run: pip install 'backroom[embedder]'",
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of every shape it takes for a constant
        main_export(
            str(model), output=out, task="text-generation", device="cpu", do_validation=False,
            local_files_only=True,
        )  # fmt: skip
    _copied(model / TOKENIZER, out / TOKENIZER)  # as it was: transformers rewrites some
    yield from sorted(path for path in out.iterdir() if path.is_file())


def to_ollama(run: Path, out: Path) -> Iterator[Path]:
    """Copy the model that ships, and write a Modelfile beside it: `ollama create NAME`."""
    sizes = [run / "quantize" / f"{kind}.gguf" for kind in (*_shipped(run), *BEST_FIRST)]
    full = [p for p in sorted((run / "export").glob("*.gguf")) if p.name != "adapter.gguf"]
    found = next((path for path in (*sizes, *full) if path.is_file()), None)
    if found is None:
        raise _missing(run, "no GGUF", "export")
    yield _copied(found, out / found.name)
    with replaced(out / MODELFILE) as file:
        file.write(modelfile(found.name, context=read_base(_model(run)).sizes.context))
    yield out / MODELFILE


def modelfile(gguf: str, *, context: int) -> str:
    """Return an Ollama Modelfile whose prompt is the store's own.

    The sources go in as the system text, already laid out: `<|src1|> sentence <|of|> title …`.
    """
    prompt = f"{BOS}{{{{ .System }}}}{ASK}{{{{ .Prompt }}}}{ANSWER}"
    return (
        f"FROM ./{gguf}\n"
        f'TEMPLATE """{prompt}"""\n'
        "PARAMETER temperature 0\n"
        "PARAMETER top_k 1\n"
        "PARAMETER repeat_penalty 1\n"
        f"PARAMETER num_ctx {context}\n"
        f"PARAMETER num_predict {ANSWER_TOKENS}\n"
        f'PARAMETER stop "{END}"\n'
    )


def to_jsonl(run: Path, out: Path) -> Iterator[Path]:
    """Write every data set as JSONL, with a card that counts them and says what they are."""
    corpus = run / "corpus"
    sets: dict[str, tuple[str, Iterator[Row]]] = {
        "asks": ("asks, the sentence that answers each, and what is held out", _asks(corpus)),
        "documents": ("the handbook, a document a line", _documents(corpus)),
        "products": ("the catalogue", _products(corpus)),
        "cards": ("answers approved word for word", _cards(corpus)),
        "pairs": ("labelled pairs the adapter was trained on", _pairs(run)),
    }
    told = []
    for name, (what, rows) in sets.items():
        path, count = out / f"{name}.jsonl", 0
        with replaced(path) as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                count += 1
        if not count:
            path.unlink()
            continue
        told.append(f"| {path.name} | {count:,} | {file_sha256(path)[:12]} | {what} |")
        yield path
    if not told:
        raise _missing(run, "no data", "corpus")
    with replaced(out / DATA_CARD) as file:
        file.write(_card(corpus, told))
    yield out / DATA_CARD


def _card(corpus: Path, told: list[str]) -> str:
    own = corpus / MODEL_CARD
    about = own.read_text(encoding="utf-8") if own.is_file() else "# Data\n"
    table = ["| file | lines | sha256 | what |", "|---|---:|---|---|", *told]
    return f"{about.rstrip()}\n\n## Files\n\n" + "\n".join(table) + "\n"


def _asks(corpus: Path) -> Iterator[Row]:
    for path in sorted((corpus / "asks").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


def _documents(corpus: Path) -> Iterator[Row]:
    for path in sorted((corpus / "handbook").glob("*.md")):
        yield {"doc": path.stem, "text": path.read_text(encoding="utf-8")}


def _products(corpus: Path) -> Iterator[Row]:
    path = corpus / "catalogue.csv"
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def _cards(corpus: Path) -> Iterator[Row]:
    path = corpus / "cards.json"
    if path.is_file():
        yield from json.loads(path.read_text(encoding="utf-8"))["cards"]


def _pairs(run: Path) -> Iterator[Row]:
    for path in sorted((run / "finetune").rglob("pairs.jsonl"))[:1]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


def _model(run: Path) -> Path:
    """Return the Hugging Face folder of what the run made: merged where it was tuned."""
    for folder in (run / "export" / "merged", run / "base"):
        if (folder / "config.json").is_file():
            return folder
    raise _missing(run, "no model", "base")


def _shipped(run: Path) -> tuple[str, ...]:
    """Return the kind that ships, where the quantize step has said so."""
    path = run / "quantize" / "step.json"
    if not path.is_file():
        return ()
    return (str(json.loads(path.read_text(encoding="utf-8"))["figures"].get("ships", "")),)


def _folder(source: Path, out: Path) -> Iterator[Path]:
    for path in sorted(source.iterdir()):
        if path.is_file() and path.name != "step.json" and not path.name.startswith("."):
            yield _copied(path, out / path.name)


def _copied(source: Path, target: Path) -> Path:
    with replaced_file(target) as part:
        shutil.copyfile(source, part)
    return target


def _missing(run: Path, what: str, step: str) -> BadInput:
    return BadInput(
        f"{run} holds {what}: its step {step} is not done.",
        hint=f"Run: backroom models run RECIPE.toml --to {step}",
    )


WAYS: dict[str, Callable[[Path, Path], Iterator[Path]]] = {
    "gguf": to_ggufs,
    "safetensors": to_safetensors,
    "onnx": to_onnx,
    "ollama": to_ollama,
    "jsonl": to_jsonl,
}

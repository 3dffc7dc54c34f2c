"""A Hugging Face base, and adapters over it, as GGUF: llama, qwen2 and qwen3 shapes only."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGUFWriter
from safetensors import safe_open

from appliance.errors import BadInput
from appliance.files import replaced_file
from models.hf_base import (
    EMBEDDING,
    HEAD,
    NORM,
    Array,
    HfBase,
    expected,
    read_base,
)
from models.hf_vocab import write_vocabulary

WEIGHTS, CONFIG, ORIGIN = "adapter_model.safetensors", "adapter_config.json", "origin.json"
NAMES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
    "q_norm": "attn_q_norm",
    "k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
WHOLE = {EMBEDDING: "token_embd.weight", NORM: "output_norm.weight", HEAD: "output.weight"}


def to_gguf(base: Path, out: Path, *, name: str = "") -> Path:
    """Write a Hugging Face folder as a float32 GGUF; the file is replaced whole.

    Args:
        base: A folder as `models.hf_base` reads it.
        out: The GGUF.
        name: What it calls itself; the base's own name otherwise.

    Raises:
        BadInput: The base is not one of the three shapes, damaged, or the disk is full.
    """
    read = read_base(base)
    tensors = list(_tensors(read))
    with replaced_file(out) as part, _writing(part, read.family) as writer:
        _write_sizes(writer, read, name or read.name)
        write_vocabulary(writer, read)
        extra = _rope_factors(read)
        if extra is not None:
            writer.add_tensor_info("rope_freqs.weight", extra.shape, extra.dtype, extra.nbytes)
        for label, _, shape in tensors:
            kind, size = np.dtype(np.float32), 4 * math.prod(shape)
            writer.add_tensor_info(label, shape, kind, size)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        if extra is not None:
            writer.write_tensor_data(extra)
        for _, theirs, _ in tensors:
            writer.write_tensor_data(turned(read, theirs, read.tensor(theirs)))
    return out


def adapter_to_gguf(adapter: Path, base: Path, out: Path, *, name: str = "") -> Path:
    """Write a PEFT LoRA folder as a GGUF adapter over that base; the file is replaced whole.

    Raises:
        BadInput: Damaged, of a kind llama.cpp does not serve, or trained on another base.
    """
    read = read_base(base)
    pairs = read_adapter(adapter, read)
    config = _config(adapter)
    with replaced_file(out) as part, _writing(part, read.family) as writer:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_name(name or adapter.resolve().parent.name)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        # llama.cpp multiplies by alpha / rank.
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, _scale(config) * int(config["r"]))
        for theirs, (a, b) in pairs.items():
            label = label_of(theirs)
            writer.add_tensor(f"{label}.lora_a", a)
            writer.add_tensor(f"{label}.lora_b", turned(read, theirs, b))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    return out


def read_adapter(adapter: Path, base: HfBase) -> dict[str, tuple[Array, Array]]:
    """Return a PEFT LoRA folder's matrices, A (rank, in) and B (out, rank), by the base's tensor.

    Raises:
        BadInput: Damaged, of a kind llama.cpp does not serve, or it does not fit the base.
    """
    config = _config(adapter)
    _refuse_kinds(adapter, config)
    _check_origin(adapter, base)
    halves: dict[str, dict[str, Array]] = {}
    try:
        with safe_open(adapter / WEIGHTS, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 - safetensors' own, not a dict's
                theirs, _, half = key.removeprefix("base_model.model.").rpartition(".lora_")
                value = np.ascontiguousarray(file.get_tensor(key).float().numpy())
                halves.setdefault(f"{theirs}.weight", {})[half[:1]] = value
    except OSError as error:
        raise BadInput(f"{adapter / WEIGHTS} cannot be read: {error}.") from error
    shapes = dict(expected(base))
    found: dict[str, tuple[Array, Array]] = {}
    for theirs, ab in sorted(halves.items()):
        a, b = ab.get("A"), ab.get("B")
        if a is None or b is None or label_of(theirs, missing="") in ("", *WHOLE.values()):
            raise BadInput(
                f"{adapter / WEIGHTS} adapts {theirs}; expected the projections of layers alone.",
                hint="Train LoRA on q, k, v, o, gate, up and down only.",
            )
        if (b.shape[0], a.shape[1]) != shapes.get(theirs):
            raise BadInput(
                f"{adapter / WEIGHTS}: {theirs} is for {b.shape[0]} × {a.shape[1]}, the base has "
                f"{' × '.join(map(str, shapes.get(theirs, ('none',))))}.",
                hint="The adapter was trained on another base.",
            )
        found[theirs] = (a, b)
    return found


def lora_scale(adapter: Path) -> float:
    """Return what B·A is multiplied by before it is added to a weight."""
    return _scale(_config(adapter))


def label_of(theirs: str, *, missing: str | None = None) -> str:
    """Return llama.cpp's name of a tensor.

    Raises:
        BadInput: There is none, and `missing` is not given.
    """
    if theirs in WHOLE:
        return WHOLE[theirs]
    parts = theirs.split(".")
    if len(parts) in (5, 6) and parts[:2] == ["model", "layers"] and parts[-2] in NAMES:
        return f"blk.{parts[2]}.{NAMES[parts[-2]]}.{parts[-1]}"
    if missing is None:
        raise BadInput(f"llama.cpp has no name for the tensor {theirs}.")
    return missing


def turned(base: HfBase, theirs: str, value: Array) -> Array:
    """Return a tensor with its rows as llama.cpp wants them.

    It turns llama's queries and keys by neighbouring pairs, Hugging Face by halves; qwen's are
    turned by halves in both.
    """
    projection = theirs.split(".")[-2]
    if base.family != "llama" or projection not in ("q_proj", "k_proj"):
        return value
    heads = base.sizes.heads if projection == "q_proj" else base.sizes.kv_heads
    half = base.sizes.head_width // 2
    rows = value.reshape(heads, 2, half, *value.shape[1:]).swapaxes(1, 2)
    return np.ascontiguousarray(rows.reshape(value.shape))


@contextmanager
def _writing(path: Path, family: str) -> Iterator[GGUFWriter]:
    """Give a GGUF's writer, and close its file also where the disk was full."""
    writer = GGUFWriter(str(path), family)
    try:
        yield writer
        writer.flush()
    finally:
        with suppress(OSError):  # told already, by whatever was written last
            writer.close()


def _tensors(base: HfBase) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield (llama.cpp's name, Hugging Face's name, shape)."""
    for theirs, shape in expected(base):
        yield label_of(theirs), theirs, shape


def _write_sizes(writer: GGUFWriter, base: HfBase, name: str) -> None:
    sizes = base.sizes
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_vocab_size(sizes.vocabulary)
    writer.add_context_length(sizes.context)
    writer.add_embedding_length(sizes.width)
    writer.add_block_count(sizes.layers)
    writer.add_feed_forward_length(sizes.inner)
    writer.add_head_count(sizes.heads)
    writer.add_head_count_kv(sizes.kv_heads)
    writer.add_key_length(sizes.head_width)
    writer.add_value_length(sizes.head_width)
    writer.add_rope_dimension_count(sizes.head_width)
    writer.add_layer_norm_rms_eps(base.norm_eps)
    writer.add_rope_freq_base(base.rope_base)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _rope_factors(base: HfBase) -> Array | None:
    """Return Llama 3's divisors of the rotary frequencies, (head width / 2,).

    Source: Hugging Face transformers, modeling_rope_utils, `_compute_llama3_parameters`.
    """
    stretch = base.rope_scaling
    if stretch is None:
        return None
    low, high = float(stretch["low_freq_factor"]), float(stretch["high_freq_factor"])
    old, factor = float(stretch["original_max_position_embeddings"]), float(stretch["factor"])
    width = base.sizes.head_width
    waves = 2 * math.pi * base.rope_base ** (np.arange(0, width, 2, dtype=np.float64) / width)
    blend = np.clip((old / waves - low) / (high - low), 0.0, 1.0)
    return (1 / ((1 - blend) / factor + blend)).astype(np.float32)


def _config(adapter: Path) -> dict[str, Any]:
    path = adapter / CONFIG
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path} is no adapter's configuration: {error}.",
            hint="Name the folder with adapter_config.json and adapter_model.safetensors.",
        ) from error
    if not isinstance(found, dict) or "r" not in found or "lora_alpha" not in found:
        raise BadInput(f"{path} is no LoRA configuration: it states no r and lora_alpha.")
    return found


def _refuse_kinds(adapter: Path, config: dict[str, Any]) -> None:
    faults = {
        f"of type {config.get('peft_type')}": config.get("peft_type", "LORA") != "LORA",
        "DoRA": bool(config.get("use_dora")),
        "with whole modules trained beside it": bool(config.get("modules_to_save")),
        "with biases": config.get("bias", "none") != "none" or bool(config.get("lora_bias")),
        "with ranks of its own for some layers": bool(config.get("rank_pattern")),
        "with alphas of its own for some layers": bool(config.get("alpha_pattern")),
    }
    found = [what for what, is_there in faults.items() if is_there]
    if found:
        raise BadInput(
            f"{adapter / CONFIG} is {' and '.join(found)}; expected plain LoRA.",
            hint="Merge it into its base with PEFT and export the merged model instead.",
        )


def _check_origin(adapter: Path, base: HfBase) -> None:
    path = adapter / ORIGIN
    if not path.is_file():  # a foreign adapter: its shapes are all there is to check
        return
    trained_on = json.loads(path.read_text(encoding="utf-8"))["base_sha256"]
    if trained_on != base.sha256:
        raise BadInput(
            f"{adapter} is of base {trained_on[:12]}; {base.folder} is {base.sha256[:12]}.",
            hint="Export it over the base it was trained on.",
        )


def _scale(config: dict[str, Any]) -> float:
    rank = int(config["r"])
    return float(config["lora_alpha"]) / (math.sqrt(rank) if config.get("use_rslora") else rank)

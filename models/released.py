"""A specialist's GGUF as a release holds it, read back so that training can go on from it.

A checkpoint need not be kept: what is in the stores is enough. The weights come back as they were
rounded (Q8_0: about 0.4 % of a block's largest); the optimizer starts anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from tokenizers import AddedToken, Tokenizer, models
from torch import Tensor

from appliance.errors import BadInput
from appliance.lanes.prompt import CONTROLS
from models.base import Shape, Transformer
from models.export import ARCHITECTURE
from models.tokenizer import splitting

SUFFIX = ".gguf"
# Of a block: ours -> theirs; qkv and gate_up are two and three of theirs, one under the other.
BLOCK = {
    "attn_norm": ("attn_norm",),
    "qkv": ("attn_q", "attn_k", "attn_v"),
    "q_norm": ("attn_q_norm",),
    "k_norm": ("attn_k_norm",),
    "out": ("attn_output",),
    "mlp_norm": ("ffn_norm",),
    "gate_up": ("ffn_gate", "ffn_up"),
    "down": ("ffn_down",),
}


def read_released(path: Path) -> tuple[Transformer, Tokenizer]:
    """Return the model and the tokenizer of a specialist's GGUF, of any quantization.

    Raises:
        BadInput: No GGUF, or not of a specialist that `models.export` wrote.
    """
    try:
        reader = GGUFReader(path)
        model = Transformer(_shape(reader))
        model.load_state_dict(_state(reader, model.shape.layers))
        return model, _tokenizer(reader)
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        raise BadInput(
            f"{path} is no specialist's GGUF: {exc}.",
            hint="Name the specialist.gguf of a release, or the folder of a training.",
        ) from exc


def blended(trained: Transformer, before: Transformer, *, share: float) -> Transformer:
    """Return a model between one that was trained on and what it went on from, weight by weight.

    What a short training learned is mostly kept, what its noise took away mostly comes back.
    Source: Wortsman et al., "Robust fine-tuning of zero-shot models", 2022.

    Args:
        trained: Changed in place.
        before: Of the same shape.
        share: Of the trained one, from 0 to 1.

    Raises:
        BadInput: They differ in shape, or there is no such share.
    """
    if trained.shape != before.shape or not 0 <= share <= 1:
        raise BadInput(
            f"[base] blend is {share:g} of a {trained.shape} and the rest of a {before.shape}.",
            hint="Name as `source` what the training went on from, and a blend from 0 to 1.",
        )
    with torch.no_grad():
        for mine, theirs in zip(trained.parameters(), before.parameters(), strict=True):
            mine.lerp_(theirs, 1 - share)
    return trained


def _shape(reader: GGUFReader) -> Shape:
    named = str(_value(reader, "general.architecture"))
    if named != ARCHITECTURE:
        raise ValueError(f"its architecture is {named}, not {ARCHITECTURE}")
    keys = (
        "embedding_length", "block_count", "attention.head_count", "feed_forward_length",
        "context_length",
    )  # fmt: skip
    width, layers, heads, inner, context = (_value(reader, f"{named}.{key}") for key in keys)
    return Shape(
        vocabulary=len(_value(reader, "tokenizer.ggml.tokens")),
        width=width, layers=layers, heads=heads, inner=inner, context=context,
        rope_base=float(_value(reader, f"{named}.rope.freq_base")),
    )  # fmt: skip


def _state(reader: GGUFReader, layers: int) -> dict[str, Tensor]:
    """Return the tensors under our names, as 32-bit floats."""
    found = {
        t.name.removesuffix(".weight"): torch.from_numpy(
            np.array(dequantize(t.data, t.tensor_type), dtype=np.float32)
        )
        for t in reader.tensors
    }
    state = {"embed.weight": found["token_embd"], "norm.weight": found["output_norm"]}
    for i in range(layers):
        for ours, theirs in BLOCK.items():
            parts = [found[f"blk.{i}.{name}"] for name in theirs]
            state[f"blocks.{i}.{ours}.weight"] = torch.cat(parts)
    return state


def _tokenizer(reader: GGUFReader) -> Tokenizer:
    tokens: list[str] = _value(reader, "tokenizer.ggml.tokens")
    if tuple(tokens[-len(CONTROLS) :]) != tuple(CONTROLS):
        raise ValueError("its last tokens are not the control tokens")
    plain = {token: number for number, token in enumerate(tokens[: -len(CONTROLS)])}
    merges = [tuple(m.split(" ", 1)) for m in _value(reader, "tokenizer.ggml.merges")]
    tokenizer = splitting(Tokenizer(models.BPE(vocab=plain, merges=merges)))
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in CONTROLS])
    return tokenizer


def _value(reader: GGUFReader, key: str) -> Any:
    return reader.fields[key].contents()

"""A trained model and its tokenizer as GGUF, in full and quantized."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np
from gguf import GGUFWriter, TokenType
from tokenizers import Tokenizer

from appliance.engines.llama_library import library
from appliance.errors import BadInput
from appliance.lanes.prompt import BOS, CONTROLS, END
from models.base import EPS, Transformer

ARCHITECTURE = "qwen3"


def export_gguf(model: Transformer, tokenizer: Tokenizer, path: Path, *, name: str) -> None:
    """Write the model in float32; the file is replaced whole."""
    part = path.with_suffix(".part")
    writer = GGUFWriter(str(part), ARCHITECTURE)
    shape = model.shape
    writer.add_name(name)
    writer.add_license("Apache-2.0")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_layer_norm_rms_eps(EPS)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_tokenizer(writer, tokenizer)
    for label, tensor in _tensors(model):
        writer.add_tensor(label, np.ascontiguousarray(tensor, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)


def _add_tokenizer(writer: GGUFWriter, tokenizer: Tokenizer) -> None:
    table = json.loads(tokenizer.to_str())["model"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in table["merges"]]
    tokens = [str(tokenizer.id_to_token(i)) for i in range(tokenizer.get_vocab_size())]
    control = set(CONTROLS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [TokenType.CONTROL if t in control else TokenType.NORMAL for t in tokens]
    )
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index(BOS))
    writer.add_eos_token_id(tokens.index(END))
    writer.add_add_bos_token(False)


def _tensors(model: Transformer) -> list[tuple[str, Any]]:
    state = {k: v.detach().numpy() for k, v in model.state_dict().items()}
    found = [
        ("token_embd.weight", state["embed.weight"]),
        ("output_norm.weight", state["norm.weight"]),
    ]
    for i in range(model.shape.layers):
        own = f"blocks.{i}."
        q, k, v = np.split(state[own + "qkv.weight"], 3)
        gate, up = np.split(state[own + "gate_up.weight"], 2)
        found += [
            (f"blk.{i}.{label}.weight", tensor)
            for label, tensor in (
                ("attn_norm", state[own + "attn_norm.weight"]),
                ("attn_q", q),
                ("attn_k", k),
                ("attn_v", v),
                ("attn_q_norm", state[own + "q_norm.weight"]),
                ("attn_k_norm", state[own + "k_norm.weight"]),
                ("attn_output", state[own + "out.weight"]),
                ("ffn_norm", state[own + "mlp_norm.weight"]),
                ("ffn_gate", gate),
                ("ffn_up", up),
                ("ffn_down", state[own + "down.weight"]),
            )
        ]
    return found


def quantize(source: Path, out: Path, *, kind: int = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0) -> None:
    """Write a quantized copy of a GGUF; the file is replaced whole.

    Raises:
        BadInput: llama.cpp refused.
    """
    library()  # sets llama.cpp's own log aside
    part = out.with_suffix(".part")
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = kind
    settings.nthread = 2
    code = llama_cpp.llama_model_quantize(
        str(source).encode(), str(part).encode(), ctypes.byref(settings)
    )
    if code != 0:
        raise BadInput(f"llama.cpp could not quantize {source} (code {code}).")
    part.replace(out)

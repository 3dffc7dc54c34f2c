"""Make a base ready for a store: ours as a Hugging Face folder, another with our control tokens.

Done once; adapters are trained over what comes out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer

from appliance.files import replaced, replaced_file
from appliance.lanes.prompt import BOS, CONTROLS, END
from models.base import EPS, Transformer
from models.hf_base import CONFIG, EMBEDDING, HEAD, NORM, TOKENIZER, WEIGHTS, read_base
from models.hf_vocab import BaseVocabulary

ROUND = 64  # the embedding grows to a multiple of it: matrix products like round sizes
# What a control token starts as: the mean of these words' rows. `<|src3|>` starts as "source 3".
MEANT = {
    "bos": "start", "end": "end", "ask": "question", "answer": "answer", "none": "nothing",
    "of": "of", "src": "source", "v": "value", "money": "price", "percent": "percent",
    "sku": "product", "ean": "barcode",
}  # fmt: skip
APART = 0.02  # how far, in rows' own spread, tokens that mean the same are moved apart


def export_hf(model: Transformer, tokenizer: Tokenizer, out: Path, *, name: str = "") -> Path:
    """Write our own base as a Hugging Face folder (qwen3); each file is replaced whole."""
    shape = model.shape
    config: dict[str, Any] = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "_name_or_path": name,
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "head_dim": shape.head_width,
        "intermediate_size": shape.inner,
        "max_position_embeddings": shape.context,
        "rope_theta": shape.rope_base,
        "rms_norm_eps": EPS,
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": True,
        "use_cache": True,
        "dtype": "float32",
        "bos_token_id": tokenizer.token_to_id(BOS),
        "eos_token_id": tokenizer.token_to_id(END),
    }
    with replaced_file(out / WEIGHTS) as part:
        save_file(_tensors(model), part, metadata={"format": "pt"})
    _write_tokenizer(out, tokenizer)
    with replaced(out / CONFIG) as file:
        file.write(json.dumps(config, indent=1) + "\n")
    return out


def fit(base: Path, out: Path, *, seed: int = 1) -> Path:
    """Write `base` with the store's control tokens; a base that has them all is written as it is.

    A new token's row starts as the mean of the rows of words that say what it is for, a little
    apart from its likes; what the model knew stays as it was.

    Raises:
        BadInput: The base is not one of the known shapes, or the disk is full.
    """
    read = read_base(base)
    vocabulary = BaseVocabulary.of(read)
    tokenizer = read.tokenizer()
    have = tokenizer.get_vocab()
    missing = [name for name in CONTROLS if name not in have]
    tokenizer.add_special_tokens([AddedToken(n, special=True, normalized=False) for n in missing])
    rows = max(read.sizes.vocabulary, -(-tokenizer.get_vocab_size() // ROUND) * ROUND)
    tensors = {}
    for name, path in read.files.items():
        with safe_open(path, framework="pt") as file:
            tensors[name] = file.get_tensor(name).contiguous()
    for name in (EMBEDDING, HEAD):
        if name in tensors:
            tensors[name] = _grown(
                tensors[name], rows, {n: tokenizer.token_to_id(n) for n in missing}, vocabulary,
                seed=seed,
            )  # fmt: skip
    with replaced_file(out / WEIGHTS) as part:
        save_file(tensors, part, metadata={"format": "pt"})
    _write_tokenizer(out, tokenizer)
    config = {
        **read.config,
        "_name_or_path": read.name,
        "vocab_size": rows,
        "bos_token_id": tokenizer.token_to_id(BOS),
        "eos_token_id": tokenizer.token_to_id(END),
    }
    with replaced(out / CONFIG) as file:
        file.write(json.dumps(config, indent=1) + "\n")
    return out


def _grown(
    table: torch.Tensor,
    rows: int,
    fresh: dict[str, int],
    vocabulary: BaseVocabulary,
    *,
    seed: int,
) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    grown = torch.zeros((rows, table.shape[1]), dtype=table.dtype)
    grown[: table.shape[0]] = table
    spread = table.float().std(0)
    for name, number in fresh.items():
        words = vocabulary.tokenize(f" {meant(name)}", special=False)
        start = table[list(words)].float().mean(0)
        apart = torch.randn(table.shape[1], generator=draw) * spread * APART
        grown[number] = (start + apart).to(table.dtype)
    return grown


def meant(control: str) -> str:
    """Return the words a control token starts as: `source 3`, `value 12`, `price`."""
    bare = control.strip("<|>")
    word = bare.rstrip("0123456789")
    return f"{MEANT.get(word, word)} {bare[len(word) :]}".strip()


def _tensors(model: Transformer) -> dict[str, torch.Tensor]:
    state = {k: v.detach().contiguous() for k, v in model.state_dict().items()}
    found = {EMBEDDING: state["embed.weight"], NORM: state["norm.weight"]}
    for i in range(model.shape.layers):
        ours, theirs = f"blocks.{i}.", f"model.layers.{i}."
        q, k, v = state[f"{ours}qkv.weight"].chunk(3)
        gate, up = state[f"{ours}gate_up.weight"].chunk(2)
        found |= {
            f"{theirs}input_layernorm.weight": state[f"{ours}attn_norm.weight"],
            f"{theirs}self_attn.q_proj.weight": q,
            f"{theirs}self_attn.k_proj.weight": k,
            f"{theirs}self_attn.v_proj.weight": v,
            f"{theirs}self_attn.q_norm.weight": state[f"{ours}q_norm.weight"],
            f"{theirs}self_attn.k_norm.weight": state[f"{ours}k_norm.weight"],
            f"{theirs}self_attn.o_proj.weight": state[f"{ours}out.weight"],
            f"{theirs}post_attention_layernorm.weight": state[f"{ours}mlp_norm.weight"],
            f"{theirs}mlp.gate_proj.weight": gate,
            f"{theirs}mlp.up_proj.weight": up,
            f"{theirs}mlp.down_proj.weight": state[f"{ours}down.weight"],
        }
    return {name: tensor.clone() for name, tensor in found.items()}


def _write_tokenizer(out: Path, tokenizer: Tokenizer) -> None:
    with replaced(out / TOKENIZER) as file:
        file.write(tokenizer.to_str(pretty=True))
    names = {"bos_token": BOS, "eos_token": END, "pad_token": END}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": False, **names}
    with replaced(out / "tokenizer_config.json") as file:
        file.write(json.dumps(config, indent=1) + "\n")

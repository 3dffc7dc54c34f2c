"""Tiny Hugging Face folders with random weights: each family's shape, our control tokens or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from appliance.lanes.prompt import BOS, CONTROLS, END
from models.hf_base import expected, read_base
from models.hf_vocab import LLAMA3
from models.tokenizer import QWEN2

FAMILIES = ("llama", "qwen2", "qwen3")
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
TEXT = [
    "Opened headphones can be returned within 14 days with the receipt.",
    "A gift card is refunded to the card it was bought with; it is never cash.",
    "How long do I have to return a television? It's 30 days, isn't it?",
    "The price of the Lark Buds is $49.99 and the aisle is 7.",
] * 3


def tiny_tokenizer(*, pattern: str = QWEN2, controls: tuple[str, ...] = CONTROLS) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(
            vocab_size=400,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    tokenizer.add_special_tokens(list(controls))
    return tokenizer


def tiny_base(
    folder: Path,
    family: str = "qwen3",
    *,
    controls: tuple[str, ...] = CONTROLS,
    spare_rows: int = 6,
    seed: int = 3,
    **options: Any,
) -> Path:
    """Write a base of some 60,000 parameters whose greedy tokens have a margin."""
    pattern = LLAMA3 if family == "llama" else QWEN2
    tokenizer = tiny_tokenizer(pattern=pattern, controls=controls)
    config = {
        "model_type": family,
        "vocab_size": tokenizer.get_vocab_size() + spare_rows,
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "rope_theta": 10_000.0,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": family == "qwen2",
        "bos_token_id": tokenizer.token_to_id(BOS),
        "eos_token_id": tokenizer.token_to_id(END),
        "dtype": "float32",
        **({"head_dim": 16} if family == "qwen3" else {}),
        **options,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_weights(folder, seed)
    return folder


def _write_weights(folder: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    # A folder needs weights to be read, and its shapes are told by reading it: start with nothing.
    from models.hf_base import HfBase, _sizes

    config = json.loads((folder / "config.json").read_text())
    heads = {} if config["tie_word_embeddings"] else {"lm_head.weight": folder}
    base = HfBase(folder, config["model_type"], _sizes(folder, config), config, heads)
    tensors = {}
    for name, shape in expected(base):
        value = draw.normal(0.0, 1.0, shape)
        if "norm" in name:
            value = 1.0 + 0.2 * value
        elif name.endswith("bias"):
            value *= 0.5
        elif name == "lm_head.weight":
            value *= 4.0 / np.sqrt(shape[-1])  # peaked, so that near-ties are rare
        elif "embed" not in name:
            value *= 1.5 / np.sqrt(shape[-1])
        tensors[name] = value.astype(np.float32)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    read_base(folder)


def pair(number: int = 0, **changes: Any) -> dict[str, Any]:
    """One of a few true pairs; `changes` spoil it."""
    days = (14, 30, 45, 60)[number % 4]
    thing = ("headphones", "televisions", "mattresses", "toys", "gift cards")[number % 5]
    found = {
        "ask": f"how long to return {thing}?",
        "passages": [
            {"id": "care#1", "title": "Care", "text": "Keep the receipt. It is proof."},
            {
                "id": "returns#2",
                "title": f"Returns › {thing}",
                "text": f"{thing.capitalize()} can be returned within {days} days. Ask a manager.",
            },
        ],
        "facts": [{"id": "stock:1", "title": f"stock {thing}", "text": "12 are in stock."}],
        "answer": f"{thing.capitalize()} can be returned within {days} days.",
        "source": "returns#2",
        "weight": 1.0,
    }
    if number % 4 == 3:
        found |= {"ask": "who won the match?", "source": None, "answer": ""}
    return {k: v for k, v in {**found, **changes}.items() if v != "(left out)"}


def write_pairs(path: Path, *rows: dict[str, Any], count: int = 12) -> Path:
    rows = rows or tuple(pair(n) for n in range(count))
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path

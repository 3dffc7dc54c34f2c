"""A tiny Qwen3-shaped GGUF with random weights: it knows nothing, but what it says depends on every
token it has read, which is what the engine's tests need.
"""

from __future__ import annotations

import atexit
import functools
import tempfile
from pathlib import Path

import gguf
import numpy as np

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
USER_DEFINED = ("⟦v1⟧", "⟦v2⟧")
MERGES = ("Ġ t", "h e", "Ġt he", "i n", "r e", "o n", "a n", "e r", "s t", "Ġ a", "r n")

LAYERS, WIDTH, HEADS, KV_HEADS, HEAD_DIM, FEED_FORWARD = 3, 96, 4, 2, 24, 256
CONTEXT_TOKENS = 2048


@functools.cache
def tiny_gguf() -> Path:
    """Return the session's one tiny model, written on first use and removed at exit."""
    folder = tempfile.TemporaryDirectory(prefix="backroom-gguf-")
    atexit.register(folder.cleanup)
    return write_tiny_gguf(Path(folder.name) / "tiny.gguf")


def write_tiny_gguf(path: Path, *, seed: int = 7, name: str = "tiny-random") -> Path:
    """Write the model (about 0.4 M parameters, F32) and return its path."""
    tokens = _vocabulary()
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name(name)
    writer.add_type("model")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    _add_tokenizer(writer, tokens)
    for tensor, weights in _tensors(len(tokens), np.random.default_rng(seed)).items():
        writer.add_tensor(tensor, weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter, tokens: list[str]) -> None:
    kinds = [gguf.TokenType.NORMAL] * len(tokens)
    for token in CONTROL:
        kinds[tokens.index(token)] = gguf.TokenType.CONTROL
    for token in USER_DEFINED:
        kinds[tokens.index(token)] = gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)


def _vocabulary() -> list[str]:
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shifted = iter(range(256, 512))
    table = [chr(b) if b in printable else chr(next(shifted)) for b in range(256)]
    return [*table, *(merge.replace(" ", "") for merge in MERGES), *CONTROL, *USER_DEFINED]


def _tensors(vocab: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    def matrix(rows: int, columns: int, gain: float = 1.0) -> np.ndarray:
        return rng.normal(0.0, gain / np.sqrt(columns), (rows, columns))

    tensors = {
        "token_embd.weight": rng.normal(0.0, 1.0, (vocab, WIDTH)),
        "output_norm.weight": np.ones(WIDTH),
        "output.weight": matrix(vocab, WIDTH, 4.0),  # peaked, so that near-ties are rare
    }
    for layer in range(LAYERS):
        at = f"blk.{layer}."
        tensors |= {
            f"{at}attn_norm.weight": np.ones(WIDTH),
            f"{at}attn_q.weight": matrix(HEADS * HEAD_DIM, WIDTH),
            f"{at}attn_k.weight": matrix(KV_HEADS * HEAD_DIM, WIDTH),
            f"{at}attn_v.weight": matrix(KV_HEADS * HEAD_DIM, WIDTH, 2.0),
            f"{at}attn_q_norm.weight": np.full(HEAD_DIM, 1.2),
            f"{at}attn_k_norm.weight": np.full(HEAD_DIM, 1.2),
            f"{at}attn_output.weight": matrix(WIDTH, HEADS * HEAD_DIM, 2.0),
            f"{at}ffn_norm.weight": np.ones(WIDTH),
            f"{at}ffn_gate.weight": matrix(FEED_FORWARD, WIDTH),
            f"{at}ffn_up.weight": matrix(FEED_FORWARD, WIDTH),
            f"{at}ffn_down.weight": matrix(WIDTH, FEED_FORWARD),
        }
    return tensors

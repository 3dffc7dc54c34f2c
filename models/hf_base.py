"""A Hugging Face folder of a llama-, qwen2- or qwen3-shaped model, read and checked before use.

What is checked is the shape: sizes, tensors, tokenizer and the options that the store's engine
would not compute the same way. Whether the weights are any good is for the exam to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from appliance.errors import BadInput
from models.recipe import digest

FAMILIES = ("llama", "qwen2", "qwen3")
CONFIG, TOKENIZER, INDEX = "config.json", "tokenizer.json", "model.safetensors.index.json"
WEIGHTS = "model.safetensors"
EMBEDDING, HEAD, NORM = "model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a model's tensors measure."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    inner: int
    context: int

    def of(self, projection: str) -> tuple[int, int]:
        """Return (rows, columns) of a layer's projection, as PyTorch keeps it."""
        return {
            "q_proj": (self.heads * self.head_width, self.width),
            "k_proj": (self.kv_heads * self.head_width, self.width),
            "v_proj": (self.kv_heads * self.head_width, self.width),
            "o_proj": (self.width, self.heads * self.head_width),
            "gate_proj": (self.inner, self.width),
            "up_proj": (self.inner, self.width),
            "down_proj": (self.width, self.inner),
        }[projection]


@dataclass(frozen=True)
class HfBase:
    """A checked folder."""

    folder: Path
    family: str
    sizes: Sizes
    config: Mapping[str, Any]
    files: Mapping[str, Path]  # tensor -> the safetensors file that holds it

    @property
    def is_tied(self) -> bool:
        """Whether the embedding also reads the tokens out."""
        return HEAD not in self.files or bool(self.config.get("tie_word_embeddings", False))

    @property
    def name(self) -> str:
        """What the base calls itself, else its folder's name."""
        return str(self.config.get("_name_or_path") or self.folder.resolve().name).split("/")[-1]

    @property
    def norm_eps(self) -> float:
        """The epsilon of every RMS norm."""
        return float(self.config.get("rms_norm_eps", 1e-6))

    @property
    def rope_base(self) -> float:
        """The base of the rotary angles; transformers 5 keeps it one level down."""
        inner = self.config.get("rope_parameters") or {}
        return float(self.config.get("rope_theta") or inner.get("rope_theta") or 10_000.0)

    @property
    def rope_scaling(self) -> Mapping[str, Any] | None:
        """Llama 3's stretch of the rotary angles, or None."""
        found = self.config.get("rope_scaling") or self.config.get("rope_parameters") or {}
        return found if found.get("rope_type", found.get("type", "default")) == "llama3" else None

    @property
    def sha256(self) -> str:
        """One digest over configuration, tokenizer and weights: what an adapter is trained on."""
        parts = sorted(set(self.files.values()))
        return digest(self.folder / CONFIG, self.folder / TOKENIZER, *parts)

    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer."""
        return Tokenizer.from_file(str(self.folder / TOKENIZER))

    def tensor(self, name: str) -> Array:
        """Return a tensor as float32, whatever it is kept in."""
        with safe_open(self.files[name], framework="pt") as file:
            return np.ascontiguousarray(file.get_tensor(name).float().numpy())


def read_base(folder: Path) -> HfBase:
    """Return a folder's base after checking that the store's engine computes the same thing.

    Raises:
        BadInput: A file is missing or damaged, the model is of another kind, or sizes disagree.
    """
    config = _json(folder, CONFIG)
    family = str(config.get("model_type", ""))
    if family not in FAMILIES:
        raise BadInput(
            f"{folder / CONFIG} has model_type {family!r}; expected {', '.join(FAMILIES)}.",
            hint="Choose a base of one of these shapes.",
        )
    _refuse_options(folder, family, config)
    sizes = _sizes(folder, config)
    base = HfBase(folder, family, sizes, config, _files(folder))
    _check_tensors(base)
    _check_tokenizer(base)
    return base


def expected(base: HfBase) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield every tensor such a base has, with its shape."""
    s = base.sizes
    yield EMBEDDING, (s.vocabulary, s.width)
    yield NORM, (s.width,)
    if not base.is_tied:
        yield HEAD, (s.vocabulary, s.width)
    for layer in range(s.layers):
        at = f"model.layers.{layer}."
        yield f"{at}input_layernorm.weight", (s.width,)
        yield f"{at}post_attention_layernorm.weight", (s.width,)
        for projection in PROJECTIONS:
            rows, columns = s.of(projection)
            yield f"{at}{block_of(projection)}.{projection}.weight", (rows, columns)
            if base.family == "qwen2" and projection in PROJECTIONS[:3]:
                yield f"{at}self_attn.{projection}.bias", (rows,)
        if base.family == "qwen3":
            yield f"{at}self_attn.q_norm.weight", (s.head_width,)
            yield f"{at}self_attn.k_norm.weight", (s.head_width,)


def block_of(projection: str) -> str:
    """Return which block of a layer a projection belongs to."""
    return "self_attn" if projection in PROJECTIONS[:4] else "mlp"


def _refuse_options(folder: Path, family: str, config: Mapping[str, Any]) -> None:
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    layers = set(config.get("layer_types") or ["full_attention"])
    faults = {
        f"hidden_act {config.get('hidden_act')!r}": config.get("hidden_act", "silu") != "silu",
        f"rope of type {kind!r}": kind not in ("default", "llama3"),
        "a sliding window": bool(config.get("use_sliding_window")) or layers != {"full_attention"},
        "biases in its attention": family != "qwen2" and bool(config.get("attention_bias")),
        "biases in its MLP": bool(config.get("mlp_bias")),
        "quantized weights": "quantization_config" in config,
    }
    found = [what for what, is_there in faults.items() if is_there]
    if found:
        raise BadInput(
            f"{folder / CONFIG} has {' and '.join(found)}; expected a plain {family} model.",
            hint="Train on the unquantized base; other options are not served by this engine.",
        )


def _sizes(folder: Path, config: Mapping[str, Any]) -> Sizes:
    try:
        width, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        return Sizes(
            vocabulary=int(config["vocab_size"]),
            width=width,
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_width=int(config.get("head_dim") or width // heads),
            inner=int(config["intermediate_size"]),
            context=int(config["max_position_embeddings"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{folder / CONFIG} does not state the model's sizes: {error}.",
            hint="Fetch the base's config.json again.",
        ) from error


def _files(folder: Path) -> dict[str, Path]:
    whole = folder / WEIGHTS
    parts = [whole]
    if not whole.is_file() and (folder / INDEX).is_file():
        named = set(_json(folder, INDEX).get("weight_map", {}).values())
        parts = [folder / name for name in sorted(named)]
    found: dict[str, Path] = {}
    for part in parts:
        try:
            with safe_open(part, framework="np") as file:
                found.update(dict.fromkeys(file.keys(), part))
        except (OSError, SafetensorError) as error:
            raise BadInput(
                f"{part} cannot be read as safetensors: {error}.",
                hint="Fetch the base again; .bin weights must be saved as safetensors first.",
            ) from error
    return found


def _check_tensors(base: HfBase) -> None:
    for name, shape in expected(base):
        if name not in base.files:
            raise BadInput(
                f"{base.folder} has no tensor {name}; config.json says {base.sizes.layers} layers.",
                hint="The weights and config.json are of different models. Fetch the base again.",
            )
        with safe_open(base.files[name], framework="np") as file:
            found = tuple(file.get_slice(name).get_shape())
        if found != shape:
            raise BadInput(
                f"{base.files[name].name}: {name} measures {_by(found)}, config.json says "
                f"{_by(shape)}.",
                hint="The weights and config.json are of different models. Fetch the base again.",
            )


def _check_tokenizer(base: HfBase) -> None:
    path = base.folder / TOKENIZER
    if not path.is_file():
        raise BadInput(
            f"{path} is missing.", hint="Save the tokenizer with transformers' fast class."
        )
    try:
        size = base.tokenizer().get_vocab_size()
    except Exception as error:  # tokenizers raises nothing narrower
        raise BadInput(f"{path} is not a tokenizer: {error}.") from error
    if size > base.sizes.vocabulary:
        raise BadInput(
            f"{path} has {size:,} tokens, the embedding {base.sizes.vocabulary:,} rows.",
            hint="The tokenizer belongs to another base; fetch both again.",
        )


def _json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}.",
            hint="Name a folder with config.json, model.safetensors and tokenizer.json.",
        ) from error
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise BadInput(f"{path} is no JSON object.")
    return found


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{n:,}" for n in shape)

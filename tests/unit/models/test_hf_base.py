"""A base's folder is read whole or refused with what is wrong; any base is made fit for a store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.training

from safetensors import safe_open  # noqa: E402
from safetensors.numpy import load_file, save_file  # noqa: E402

from appliance.errors import BadInput, EngineError  # noqa: E402
from appliance.lanes.prompt import CONTROLS  # noqa: E402
from models.fit import fit, meant  # noqa: E402
from models.hf_base import EMBEDDING, read_base  # noqa: E402
from models.hf_gguf import to_gguf  # noqa: E402
from models.hf_vocab import BaseVocabulary, check_same_vocabulary  # noqa: E402
from tests.builders.hf_bases import FAMILIES, tiny_base  # noqa: E402


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_read(tmp_path: Path, family: str) -> None:
    base = read_base(tiny_base(tmp_path / "base", family))
    assert (base.family, base.sizes.layers, base.sizes.kv_heads) == (family, 2, 2)
    assert base.is_tied == (family == "qwen2")


def respelled(folder: Path, **changes: Any) -> Path:
    config = json.loads((folder / "config.json").read_text())
    kept = {k: v for k, v in {**config, **changes}.items() if v is not None}
    (folder / "config.json").write_text(json.dumps(kept))
    return folder


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model_type": "mamba"}, "has model_type 'mamba'"),
        ({"hidden_act": "gelu"}, "hidden_act 'gelu'"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4}}, "rope of type 'yarn'"),
        ({"use_sliding_window": True}, "a sliding window"),
        ({"attention_bias": True}, "biases in its attention"),
        ({"quantization_config": {"bits": 4}}, "quantized weights"),
        ({"hidden_size": None}, "does not state the model's sizes: 'hidden_size'"),
        ({"hidden_size": 56}, r"model.embed_tokens.weight measures \d+ × 48, config.json says"),
        ({"num_hidden_layers": 3}, "has no tensor model.layers.2.input_layernorm.weight"),
    ],
)
def test_a_base_that_would_not_be_served_is_refused(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    folder = respelled(tiny_base(tmp_path / "base"), **changes)
    with pytest.raises(BadInput, match=told) as refused:
        read_base(folder)
    assert refused.value.hint


def test_a_wrong_embedding_size_is_told_with_both_sizes(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base")
    tensors = load_file(folder / "model.safetensors")
    rows = tensors[EMBEDDING].shape[0]
    tensors[EMBEDDING] = tensors[EMBEDDING][:-5]
    save_file(tensors, folder / "model.safetensors")
    told = f"embed_tokens.weight measures {rows - 5} × 48, config.json says {rows} × 48"
    with pytest.raises(BadInput, match=told):
        read_base(folder)


def test_more_tokens_than_rows_are_told(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base", spare_rows=0)
    other = tiny_base(tmp_path / "other", controls=(*CONTROLS, "<|more|>"))
    shutil.copy(other / "tokenizer.json", folder)
    with pytest.raises(BadInput, match=r"has \d+ tokens, the embedding \d+ rows"):
        read_base(folder)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("config.json", None, "cannot be read"),
        ("config.json", "{", "is not JSON"),
        ("tokenizer.json", None, "is missing"),
        ("tokenizer.json", "{}", "is not a tokenizer"),
        ("model.safetensors", None, "cannot be read as safetensors"),
        ("model.safetensors", "cut", "cannot be read as safetensors"),
    ],
)
def test_a_missing_or_damaged_file_is_named(
    tmp_path: Path, name: str, content: str | None, told: str
) -> None:
    folder = tiny_base(tmp_path / "base")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(BadInput, match=told) as refused:
        read_base(folder)
    assert name in refused.value.message


def test_a_base_in_parts_is_read_like_one_in_a_single_file(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base")
    tensors = load_file(folder / "model.safetensors")
    whole = to_gguf(folder, tmp_path / "whole.gguf", name="x").read_bytes()
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for part, own in parts.items():
        save_file({n: tensors[n] for n in own}, folder / part)
    (folder / "model.safetensors").unlink()
    index = {n: part for part, own in parts.items() for n in own}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    assert to_gguf(folder, tmp_path / "parts.gguf", name="x").read_bytes() == whole


def test_mixed_tokenizers_are_refused_and_the_bases_own_gguf_is_not(tmp_path: Path) -> None:
    base = read_base(tiny_base(tmp_path / "base"))
    own = to_gguf(base.folder, tmp_path / "own.gguf")
    longer = to_gguf(tiny_base(tmp_path / "b", spare_rows=9), tmp_path / "b.gguf")
    swapped = (CONTROLS[1], CONTROLS[0], *CONTROLS[2:])
    other = to_gguf(tiny_base(tmp_path / "c", controls=swapped), tmp_path / "c.gguf")
    check_same_vocabulary(base, own)
    with pytest.raises(BadInput, match=r"Mixed tokenizers: .* has \d+ tokens"):
        check_same_vocabulary(base, longer)
    with pytest.raises(BadInput, match=r"Mixed tokenizers: token \d+ is '<\|end\|>'"):
        check_same_vocabulary(base, other)


# ── a foreign base is made fit ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fitted_base_has_every_control_token_and_knows_what_it_knew(
    tmp_path: Path, family: str
) -> None:
    bare = tiny_base(tmp_path / "bare", family, controls=(), spare_rows=0,
                     bos_token_id=0, eos_token_id=1)  # fmt: skip
    with pytest.raises(EngineError, match="has no token"):
        BaseVocabulary.of(read_base(bare)).token_id(CONTROLS[0])
    fitted = read_base(fit(bare, tmp_path / "fitted"))
    vocabulary = BaseVocabulary.of(fitted)
    ids = [vocabulary.token_id(name) for name in CONTROLS]
    old, new = read_base(bare).tensor(EMBEDDING), fitted.tensor(EMBEDDING)
    assert len(set(ids)) == len(CONTROLS)
    assert (new[: len(old)] == old).all()
    assert len({new[i].tobytes() for i in ids}) == len(CONTROLS)
    assert new.shape[0] % 64 == 0
    text = "Opened headphones: 14 days"
    assert vocabulary.tokenize(text, special=False) == BaseVocabulary.of(read_base(bare)).tokenize(
        text, special=False
    )


def test_a_base_that_has_them_all_keeps_its_weights(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base", spare_rows=64 - (400 + len(CONTROLS)) % 64)
    fitted = fit(base, tmp_path / "fitted")
    with safe_open(fitted / "model.safetensors", framework="np") as file:
        kept = file.get_tensor(EMBEDDING)
    assert (kept == read_base(base).tensor(EMBEDDING)).all()


def test_control_tokens_start_as_words() -> None:
    assert [meant(n) for n in ("<|src3|>", "<|v12|>", "<|money|>", "<|none|>")] == [
        "source 3",
        "value 12",
        "price",
        "nothing",
    ]

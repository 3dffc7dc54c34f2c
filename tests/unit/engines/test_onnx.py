"""The real embedder of the demo release."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from appliance.engines.onnx import MAX_TOKENS, OnnxEmbedder
from appliance.errors import DamagedRelease

FOLDER = Path(__file__).parents[3] / "appliance" / "demo" / "release" / "embedder"


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder(FOLDER)


def test_vectors_are_unit_rows_and_meaning_is_near(embedder: OnnxEmbedder) -> None:
    rows = embedder.embed(
        ["the customer wants a refund", "she would like her money back", "the oven is hot"]
    )

    assert rows.shape == (3, embedder.dim) == (3, 384)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.1


def test_a_text_has_the_same_vector_alone_and_among_others(embedder: OnnxEmbedder) -> None:
    texts = ["gift card", "a much longer text about layaway and its deposit " * 8, "vape"]

    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])

    assert np.array_equal(together, alone)


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "x" * 100_000, "word " * 50_000, "🧾"])
def test_any_text_has_a_vector(embedder: OnnxEmbedder, text: str) -> None:
    row = embedder.embed([text])

    assert np.isfinite(row).all()
    assert embedder.count_tokens(text) <= MAX_TOKENS


def test_no_texts_give_no_rows(embedder: OnnxEmbedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


@pytest.mark.parametrize("name", ["embedder.onnx", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "foreign"])
def test_a_damaged_file_is_refused_with_facts_and_a_hint(
    tmp_path: Path, name: str, damage: str
) -> None:
    for file in ("embedder.onnx", "tokenizer.json"):
        shutil.copy(FOLDER / file, tmp_path / file)
    path = tmp_path / name
    if damage == "missing":
        path.unlink()
    else:
        whole = path.read_bytes()
        cut = {"empty": b"", "cut": whole[: len(whole) // 2], "foreign": b'{"a": 1}'}
        path.write_bytes(cut[damage])

    with pytest.raises(DamagedRelease) as caught:
        OnnxEmbedder(tmp_path)

    assert name in caught.value.message
    assert caught.value.hint

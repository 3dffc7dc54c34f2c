"""Texts embedded once and kept on disk in blocks, so that a cut run goes on from them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from appliance.damage import BROKEN_ARRAYS
from appliance.engines.onnx import OnnxEmbedder
from appliance.files import replaced_file
from appliance.ports import Vectors

BLOCK = 512  # texts of a file: a few seconds' work


def embedded(
    texts: Sequence[str],
    *,
    embedder: OnnxEmbedder,
    cache: Path,
    say: Callable[[str], None] = lambda _: None,
) -> Vectors:
    """Return one row per text, (n, dim), computing only the blocks `cache` lacks."""
    rows = [
        _block(texts[at : at + BLOCK], embedder=embedder, cache=cache, say=say)
        for at in range(0, len(texts), BLOCK)
    ]
    return np.concatenate(rows) if rows else np.zeros((0, embedder.dim), dtype=np.float32)


def _block(
    texts: Sequence[str], *, embedder: OnnxEmbedder, cache: Path, say: Callable[[str], None]
) -> Vectors:
    key = hashlib.sha256("\0".join([embedder.digest, *texts]).encode("utf-8", "replace"))
    path = cache / f"{key.hexdigest()[:24]}.npy"
    try:
        kept: Vectors = np.load(path, allow_pickle=False)
        if kept.shape == (len(texts), embedder.dim):
            return kept
    except BROKEN_ARRAYS:
        pass  # not there, or cut short: it is made again
    made = embedder.embed(texts)
    with replaced_file(path) as beside, beside.open("wb") as file:
        np.save(file, made)
    say(f"embedded {len(texts)} texts")
    return made

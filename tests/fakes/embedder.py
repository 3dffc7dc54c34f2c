"""An embedder made of words: texts that share words are near, the same text is the same row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from appliance.ports import Vectors
from appliance.store.words import stems


class WordEmbedder:
    """Each stem is a fixed random direction; a text is their sum. Counts its texts."""

    digest = "fake-words"

    def __init__(self, dim: int = 64, *, fails_after: int | None = None) -> None:
        self.dim = dim
        self.count = 0
        self._fails_after = fails_after

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for i, text in enumerate(texts):
            if self._fails_after is not None and self.count >= self._fails_after:
                raise KeyboardInterrupt
            self.count += 1
            for stem in stems(text) or ["nothing"]:
                rows[i] += self._direction(stem)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return rows

    def _direction(self, stem: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(stem.encode()).digest()[:8], "little")
        return np.random.default_rng(seed).standard_normal(self.dim).astype(np.float32)

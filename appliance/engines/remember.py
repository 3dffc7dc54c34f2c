"""An embedder that remembers the latest texts: routing and stitching embed the same question."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from appliance.ports import Embedder, Vector, Vectors

REMEMBERED = 256  # vectors of 384 floats: 400 kB


class RememberingEmbedder:
    """`ports.Embedder` over another one; safe from many threads. Batches are not remembered."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._embedder.dim

    @property
    def digest(self) -> str:
        """What identifies the model, so that an index made by another one is noticed."""
        return self._embedder.digest

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row per text, shape (len(texts), dim)."""
        if len(texts) != 1:
            return self._embedder.embed(texts)
        (text,) = texts
        with self._lock:
            known = self._known.get(text)
            if known is not None:
                self._known.move_to_end(text)
        if known is None:
            known = self._embedder.embed(texts)[0]
            with self._lock:
                self._known[text] = known
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return np.expand_dims(known, 0)

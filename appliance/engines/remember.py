"""What remembers its latest answers: routing and stitching ask the same of the same question."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from appliance.ports import (
    Asked,
    Embedder,
    IndexedSentence,
    Known,
    KnownAnswer,
    Vector,
    Vectors,
)

REMEMBERED = 256  # vectors of 384 floats: 400 kB
MOST_KNOWN = 8  # as many as stitching looks at


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


class RememberingKnown:
    """`ports.Known` over another one; safe from many threads."""

    def __init__(self, known: Known) -> None:
        self._behind = known
        self._known: OrderedDict[bytes, list[KnownAnswer]] = OrderedDict()
        self._lock = threading.Lock()

    def nearest(self, vector: Vector, *, k: int) -> list[KnownAnswer]:
        """Return the k best sentences, best first."""
        if k > MOST_KNOWN:
            return self._behind.nearest(vector, k=k)
        key = vector.tobytes()
        with self._lock:
            found = self._known.get(key)
        if found is None:
            found = self._behind.nearest(vector, k=MOST_KNOWN)
            with self._lock:
                self._known[key] = found
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return found[:k]

    def asked(self, vector: Vector, sentences: Sequence[IndexedSentence]) -> list[Asked]:
        """Return the questions of each sentence; not remembered, an ask is stitched once."""
        return self._behind.asked(vector, sentences)

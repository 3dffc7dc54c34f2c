"""Roles of what finds: the embedder, the release's index, the asks already labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.records import Passage

Vector = NDArray[np.float32]  # (dim,), unit length
Vectors = NDArray[np.float32]  # (n, dim), rows of unit length


class Embedder(Protocol):
    """Text to unit vectors."""

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def digest(self) -> str:
        """What identifies the model, so that vectors of another one are noticed."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row per text, shape (len(texts), dim)."""
        ...


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be found; applied before the search, never after it."""

    audiences: tuple[str, ...] = ("associate",)
    language: str | None = None  # None: any
    department: str | None = None
    on: date | None = None  # in force on this day; None: any
    kinds: tuple[str, ...] = ()  # empty: all


@dataclass(frozen=True, slots=True)
class IndexedSentence:
    """A sentence of a passage with its vector; offsets into the passage's text."""

    passage: str
    start: int
    end: int
    vector: Vector  # (dim,), unit; of "title path: sentence"


class Index(Protocol):
    """The release's immutable passages."""

    def search(
        self, text: str, *, k: int, filters: Filters, vector: Vector | None = None
    ) -> list[Passage]:
        """Return up to k passages, best first; `score` is the ranker's probability in [0, 1]."""
        ...

    def passage(self, passage_id: str) -> Passage | None:
        """Return one passage, or None."""
        ...

    def sentences(self, passage_ids: Sequence[str]) -> list[IndexedSentence]:
        """Return the sentences of the passages, in the order given and in reading order."""
        ...

    def idf(self, word: str) -> float:
        """Return how rare a lower-case word is, ln((n + 1) / (df + 0.5)); highest when unknown."""
        ...

    def product(self, key: str) -> Mapping[str, str] | None:
        """Return a product's columns by SKU or EAN, or None."""
        ...

    def find_products(self, text: str, *, k: int) -> list[tuple[str, float]]:
        """Return up to k (sku, score in [0, 1]) whose identifier or name `text` names."""
        ...


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """A sentence that answers a question much like this one; offsets into the passage's text."""

    passage: str
    start: int
    end: int
    cosine: float


@dataclass(frozen=True, slots=True)
class Asked:
    """The labelled questions that one sentence answers, and how near each lies to an ask."""

    texts: tuple[str, ...] = ()
    cosines: tuple[float, ...] = ()


class Known(Protocol):
    """Questions headquarters has labelled with their answering sentence."""

    def nearest(self, vector: Vector, *, k: int) -> list[KnownAnswer]:
        """Return the k best sentences, best first."""
        ...

    def asked(self, vector: Vector, sentences: Sequence[IndexedSentence]) -> list[Asked]:
        """Return, for each sentence, the questions that it answers, in the file's order."""
        ...


class Answerability(Protocol):
    """Tells which of the sentences found answers an ask, or that none does."""

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return each sentence's probability, (n,); what they lack of 1 is that none answers.

        Args:
            features: (n, len(FEATURES)) as `stages.excerpt` computes them; n is 1 or more.
        """
        ...

"""What kind of question an ask is: a softmax over its embedding and its question words."""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.ports import Vector
from appliance.stages.text import words

POLICY = "policy"
OUT_OF_SCOPE = "out_of_scope"

WORD_BUCKETS = 2048
WORD_SCALE = 2.0  # the words' unit row against the embedding's
THING = "□"  # any word the router was not taught: mostly brands and product lines
_IDENTIFIERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("#order", re.compile(r"\bord[- ]?\d{8}\b", re.IGNORECASE)),
    ("#sku", re.compile(r"\blm[- ]?\d{6}\b|(?<![\d$.,])\d{6}(?![\d.,])", re.IGNORECASE)),
    ("#ean", re.compile(r"(?<!\d)\d{12,13}(?!\d)")),
    ("#badge", re.compile(r"\bbadge \w?\d{3,6}\b", re.IGNORECASE)),
)
KINDS = frozenset(name for name, _ in _IDENTIFIERS)
EXTRAS = ("#order", "#sku", "#ean", "#badge", "product", "things")


@dataclass(frozen=True, slots=True)
class IntentModel:
    """Weights trained at headquarters (`models/intents.py`).

    Attributes:
        intents: Names of the classes, `out_of_scope` among them.
        weights: (intents, dim + WORD_BUCKETS + len(EXTRAS)).
        bias: (intents,).
        known: Words the router was taught; others count as one and the same thing.
    """

    intents: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    known: frozenset[str]

    def odds(self, text: str, vector: Vector, *, product: float) -> Mapping[str, float]:
        """Return the probability of each intent.

        Args:
            text: The standalone question.
            vector: Its embedding, (dim,).
            product: How well it names a product, in [0, 1].
        """
        inputs = np.concatenate([vector, self.row(text, product=product)])
        scores = self.weights @ inputs + self.bias
        odds = np.exp(scores - scores.max())
        odds /= odds.sum()
        return {name: float(p) for name, p in zip(self.intents, odds, strict=True)}

    def row(self, text: str, *, product: float) -> NDArray[np.float32]:
        """Return the inputs beside the embedding, shape (WORD_BUCKETS + len(EXTRAS),)."""
        return word_row(text, known=self.known, product=product)


def word_row(text: str, *, known: frozenset[str], product: float) -> NDArray[np.float32]:
    """Return hashed question words and word pairs, then `EXTRAS`."""
    tokens = question_words(text, known=known)
    row = np.zeros(WORD_BUCKETS + len(EXTRAS), dtype=np.float32)
    pairs = (f"{a} {b}" for a, b in itertools.pairwise(["<", *tokens, ">"]))
    for token in [*tokens, *pairs]:
        row[zlib.crc32(token.encode()) % WORD_BUCKETS] += 1.0
    row *= WORD_SCALE / (float(np.linalg.norm(row)) or 1.0)
    found = set(tokens)
    row[WORD_BUCKETS:] = [
        *(float(name in found) for name in EXTRAS[:4]),
        product,
        tokens.count(THING) / max(1, len(tokens)),
    ]
    return row


def question_words(text: str, *, known: frozenset[str]) -> list[str]:
    """Return the words with identifiers named by kind and unknown runs as one `THING`."""
    tokens: list[str] = []
    for piece in _split(text):
        if piece in KINDS:
            tokens.append(piece)
            continue
        for word in words(piece):
            said = word if word in known else THING
            if said != THING or tokens[-1:] != [THING]:
                tokens.append(said)
    return tokens


def _split(text: str) -> Sequence[str]:
    """Return the text cut at its identifiers, each of them replaced by its kind."""
    pieces = [text]
    for name, pattern in _IDENTIFIERS:
        cut: list[str] = []
        for piece in pieces:
            if piece in KINDS:
                cut.append(piece)
                continue
            for place, rest in enumerate(pattern.split(piece)):
                cut += [name, rest] if place else [rest]
        pieces = cut
    return pieces

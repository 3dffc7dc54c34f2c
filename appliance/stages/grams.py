"""A text as hashed words, word pairs and letter runs: the spelling that an embedding blurs."""

from __future__ import annotations

import itertools
import zlib

import numpy as np
from numpy.typing import NDArray

from appliance.stages.text import words

GRAM_BUCKETS = 4096
LETTERS = (3, 4, 5)  # lengths of a letter run
LONGEST = 200  # words of a question that count


def grams(text: str) -> set[str]:
    """Return a text's words, pairs of neighbours and letter runs, each marked with its kind."""
    found = words(text)[:LONGEST]
    pairs = itertools.pairwise(["<", *found, ">"])
    runs = {
        f"c{marked[at : at + size]}"
        for marked in {f"<{word}>" for word in found}
        for size in LETTERS
        for at in range(len(marked) - size + 1)
    }
    return {f"w{w}" for w in found} | {f"p{a} {b}" for a, b in pairs} | runs


def gram_counts(text: str) -> NDArray[np.float32]:
    """Return the signed count of grams by bucket, shape (GRAM_BUCKETS,).

    The sign, which is hashed too, lets two grams of one bucket cancel rather than add up.
    """
    row = np.zeros(GRAM_BUCKETS, dtype=np.float32)
    for gram in grams(text):
        code = zlib.crc32(gram.encode("utf-8", "replace"))
        row[code % GRAM_BUCKETS] += 1.0 if code >> 20 & 1 else -1.0
    return row


def gram_row(text: str, *, rarity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the counts weighted by how rare a bucket is, of unit length; zeros for no words."""
    row = gram_counts(text) * rarity
    return np.asarray(row / max(float(np.linalg.norm(row)), 1e-9), dtype=np.float32)

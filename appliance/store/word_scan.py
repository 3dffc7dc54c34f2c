"""Passages by their words: FTS5's BM25 over the rarest words of an ask, under a filter.

The same sums as `bm25(passages_fts, 2.0, 1.0, 4.0)`, to the last bit, over postings in memory: FTS5
took 2 ms for them. Test: unit/store/test_word_scan.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.ports import Vector
from appliance.store.token_rows import Numbers, Postings
from appliance.store.words import Term

MAX_ROWS = 3_000  # passages a word search may touch. The rarest words are taken first.
K1, B = 1.2, 0.75  # Source: ext/fts5/fts5_aux.c
LEAST_IDF = 1e-6  # what FTS5 gives a word that most rows hold

Floats = NDArray[np.float64]


def scan_words(
    postings: Postings, terms: Sequence[Term], *, k: int, mask: NDArray[np.bool_]
) -> tuple[Numbers, Vector]:
    """Return up to k (number, BM25 score), best first; ties by number.

    Args:
        postings: Of the index.
        terms: Of the ask; those the index does not know are left out.
        k: Passages at most.
        mask: Which passages may be found, (passages,).
    """
    chosen: list[Term] = []
    rows = 0
    for term in sorted((t for t in terms if t.id), key=lambda t: (t.passages, t.place)):
        if chosen and rows + term.passages > MAX_ROWS:
            break
        chosen.append(term)
        rows += term.passages
    if not chosen:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    scores = bm25([postings.of(t.id) for t in chosen], postings.lengths)
    # Every hit is here, so what the filters forbid leaves before the best k are chosen.
    hits = np.flatnonzero((scores > 0.0) & mask)
    hits = hits[np.argsort(-scores[hits], kind="stable")][:k]
    return (hits + 1).astype(np.int64), scores[hits].astype(np.float32)


def bm25(
    found: Sequence[tuple[NDArray[np.integer], NDArray[np.integer]]], lengths: Floats
) -> Floats:
    """Return BM25 of every row, 0 where no word stands, shape (n,).

    Args:
        found: Per word, its rows and how often it stands there, weighted.
        lengths: Words of each row, (n,).
    """
    count = len(lengths)
    scores = np.zeros(count)
    mean = float(lengths.sum()) / max(count, 1)
    for rows, frequency in found:
        idf = math.log((count - len(rows) + 0.5) / (len(rows) + 0.5))
        often = frequency.astype(np.float64)
        norm = often + K1 * (1.0 - B + B * lengths[rows] / mean)
        idf = idf if idf > 0.0 else LEAST_IDF
        scores[rows] += idf * ((often * (K1 + 1.0)) / norm)
    return scores

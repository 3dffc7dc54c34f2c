"""Passages by their words: FTS5's BM25 over the rarest words of an ask, under a filter."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import numpy as np
from numpy.typing import NDArray

from appliance.ports import Vector
from appliance.store.vector_scan import Numbers
from appliance.store.words import Term, any_of

MAX_ROWS = 3_000  # passages a word search may touch: about 3 ms. The rarest words are taken first.
FIELD_WEIGHTS = "2.0, 1.0, 4.0"  # title path, text, identifiers


def scan_words(
    db: apsw.Connection, terms: Sequence[Term], *, k: int, mask: NDArray[np.bool_]
) -> tuple[Numbers, Vector]:
    """Return up to k (number, BM25 score), best first; ties by number.

    Args:
        db: The index file, open for reading.
        terms: Of the ask; those the index does not know are left out.
        k: Passages at most.
        mask: Which passages may be found, (passages,).
    """
    chosen: list[str] = []
    rows = 0
    for term in sorted((t for t in terms if t.id), key=lambda t: (t.passages, t.place)):
        if chosen and rows + term.passages > MAX_ROWS:
            break
        chosen.append(term.word.surface)
        rows += term.passages
    if not chosen:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    hits = list(
        db.execute(
            f"SELECT rowid, bm25(passages_fts, {FIELD_WEIGHTS}) FROM passages_fts"
            " WHERE passages_fts MATCH ?",
            (any_of(chosen),),
        )
    )
    table = np.array(hits, dtype=np.float64).reshape(-1, 2)
    # Every hit is here, so what the filters forbid leaves before the best k are chosen.
    table = table[mask[table[:, 0].astype(np.int64) - 1]]
    table = table[np.lexsort((table[:, 0], table[:, 1]))][:k]
    return table[:, 0].astype(np.int64), (-table[:, 1]).astype(np.float32)

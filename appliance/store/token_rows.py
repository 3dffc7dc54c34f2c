"""Every passage's words as term ids, held in memory: what BM25 and the ranker count.

Read once from `passages.terms`. SQL per ask cost 4 ms of an ask's 27: a statement of its own for
each set of candidates, and FTS5's BM25 twice over every hit. Held so it costs about 8 bytes a word:
7 MB for 8,000 passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import apsw
import numpy as np
from numpy.typing import NDArray

TITLE_WEIGHT, TEXT_WEIGHT, IDENTIFIER_WEIGHT = 2, 1, 4  # of a word there, in the passages' BM25
_LOW = 1 << 16

Numbers = NDArray[np.int64]  # (m,), passage numbers, from 1


@dataclass(frozen=True, slots=True)
class TokenRows:
    """Term ids of all passages, one after another: title, 0, text, identifiers."""

    flat: NDArray[np.uint32]
    starts: NDArray[np.int64]  # (n + 1,), where each passage begins in `flat`, and the end

    @property
    def size(self) -> int:
        """Number of passages."""
        return len(self.starts) - 1

    def of(self, numbers: Numbers) -> tuple[NDArray[np.uint32], ...]:
        """Return the term ids of each numbered passage, as views."""
        flat, starts, ends = self.flat, self.starts[numbers - 1], self.starts[numbers]
        return tuple(flat[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Hits:
    """Where an ask's terms stand in some passages, laid end to end."""

    at: NDArray[np.intp]  # (hits,), rising
    term: NDArray[np.intp]  # (hits,), which term: the first with this id
    owner: NDArray[np.intp]  # (hits,), which passage
    place: NDArray[np.intp]  # (hits,), within the passage
    title_lengths: NDArray[np.intp]  # (passages,), words before the 0 that ends each title
    same: NDArray[np.intp]  # (terms,), the first term with the same id; two slips may mean one word

    @classmethod
    def of(cls, terms: Sequence[int], tokens: Sequence[NDArray[np.uint32]]) -> Hits:
        """Look up term ids, 0 for a term that is nowhere, in passages; one of each at least."""
        flat = np.concatenate(tokens)
        lengths = np.array([len(row) for row in tokens])
        starts = np.cumsum(lengths) - lengths
        first: dict[int, int] = {}
        same = [first.setdefault(term, place) for place, term in enumerate(terms)]
        known = {term: place for term, place in first.items() if term}
        which = np.full(max(int(flat.max()), *known, 0) + 1, -1, dtype=np.int8)
        which[list(known)] = list(known.values())
        found = which[flat]
        at = np.flatnonzero(found >= 0)
        owner = np.searchsorted(starts, at, side="right") - 1
        titles = np.flatnonzero(flat == 0) - starts
        return cls(at, found[at].astype(np.intp), owner, at - starts[owner], titles, np.array(same))

    def counts(self, *, in_title: bool) -> NDArray[np.intp]:
        """Return how often each term stands in each title, or text, shape (terms, passages)."""
        here = (self.place < self.title_lengths[self.owner]) == in_title
        terms, passages = len(self.same), len(self.title_lengths)
        cells = self.term[here] * passages + self.owner[here]
        table = np.bincount(cells, minlength=terms * passages).reshape(terms, passages)
        return table[self.same]


@dataclass(frozen=True, slots=True)
class Postings:
    """Term id → the passages that hold it, and how often, weighted by where."""

    bounds: NDArray[np.int64]  # (terms + 2,); term t stands at [bounds[t]:bounds[t + 1]]
    rows: NDArray[np.int32]  # passage number - 1, rising within a term
    frequency: NDArray[np.uint16]
    lengths: NDArray[np.float64]  # (n,), words of each passage

    def of(self, term: int) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        """Return (rows, weighted frequencies) of one term; empty for an unknown one."""
        if not 0 < term < len(self.bounds) - 1:
            return self.rows[:0], self.frequency[:0]
        found = slice(int(self.bounds[term]), int(self.bounds[term + 1]))
        return self.rows[found], self.frequency[found]


def read_tokens(db: apsw.Connection) -> TokenRows:
    """Read the term ids of an index.

    Raises:
        ValueError: A row is no list of term ids.
        apsw.Error: The file is damaged.
    """
    blobs = cast(
        "list[bytes]", [b for (b,) in db.execute("SELECT terms FROM passages ORDER BY number")]
    )
    lengths = np.array([len(blob) // 4 for blob in blobs], dtype=np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    flat = np.frombuffer(b"".join(blobs), dtype="<u4")
    if len(flat) != starts[-1] or np.count_nonzero(flat == 0) != len(blobs):
        raise ValueError(f"{len(blobs):,} passages' terms do not part title from text")
    return TokenRows(flat, starts)


def read_postings(db: apsw.Connection, tokens: TokenRows) -> Postings:
    """Turn the term ids round; FTS5's own row of lengths tells which of them are identifiers.

    Raises:
        ValueError: FTS5 counts other words than the passages hold.
        apsw.Error: The file is damaged.
    """
    blobs = (b for (b,) in db.execute("SELECT sz FROM passages_fts_docsize ORDER BY id"))
    fields = [read_varints(cast("bytes", blob)) for blob in blobs]
    counted = np.array(fields, dtype=np.int64).reshape(-1, 3)
    lengths = np.diff(tokens.starts) - 1
    if not np.array_equal(counted.sum(axis=1), lengths):
        raise ValueError("FTS5 counts other words than the passages hold")
    weights = np.repeat(
        np.tile([TITLE_WEIGHT, 0, TEXT_WEIGHT, IDENTIFIER_WEIGHT], tokens.size).astype(np.uint16),
        np.insert(counted, 1, 1, axis=1).ravel(),  # the 0 between title and text weighs nothing
    )
    order = _by_term(tokens.flat)[tokens.size :]  # the first are those zeros
    terms = tokens.flat[order]
    rows = np.repeat(np.arange(tokens.size, dtype=np.int32), lengths + 1)[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (terms[1:] != terms[:-1]) | (rows[1:] != rows[:-1])
    first = np.flatnonzero(is_first)
    frequency = (
        np.add.reduceat(weights[order], first, dtype=np.uint16) if len(first) else weights[:0]
    )
    terms = terms[first]
    bounds = np.searchsorted(terms, np.arange(int(terms[-1]) + 2 if len(terms) else 2))
    return Postings(bounds, rows[first], frequency, lengths.astype(np.float64))


def _by_term(flat: NDArray[np.uint32]) -> NDArray[np.intp]:
    """Return the stable order by term id: numpy sorts 16 bits at a time by radix, 32 do not."""
    order = np.argsort((flat % _LOW).astype(np.uint16), kind="stable")
    if len(flat) and int(flat.max()) >= _LOW:
        order = order[np.argsort((flat[order] // _LOW).astype(np.uint16), kind="stable")]
    return order


def read_varints(blob: bytes) -> Sequence[int]:
    """Return the numbers of an FTS5 docsize row: SQLite's varints, seven bits a byte."""
    found, value = [], 0
    for byte in blob:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            found.append(value)
            value = 0
    return found

"""Products of an index: found by identifier, whole or in part, or by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import cast

import apsw
import numpy as np
from numpy.typing import NDArray

from appliance.store.identifiers import candidates, fold
from appliance.store.index_schema import PRODUCT_WORDS
from appliance.store.token_rows import Hits, Numbers, TokenRows, read_varints
from appliance.store.word_scan import bm25
from appliance.store.words import Term

WHOLE, PART = 1.0, 0.97  # score of a product named by a whole identifier, or by a part only it has
SHARED_PART = (
    0.6  # by a part that a few products share; one that more than SHARED share says nothing
)
SHARED = 5
PREFIX_FLOOR, PREFIX_SPAN = 0.55, 0.4  # a beginning scores by how much of the identifier it is
MAX_PREFIX_HITS = 64
MAX_NAME_HITS = 60  # best products by BM25 that are scored by name
NAME_SHARE = 0.5  # of a name's score that rests on how much of the name is said
NAME_FIELDS = ("name", "brand", "attributes")
FIELD_WEIGHTS = np.array([4, 3, 1], dtype=np.uint16)
PRODUCT_ROWS = 1_500  # products a name search may touch; rarest words first


class Products:
    """The product side of one index; any thread may ask."""

    def __init__(
        self,
        connect: Callable[[], apsw.Connection],
        tokens: TokenRows,
        stop_ids: frozenset[int],
    ) -> None:
        """Read which passage is which product's, and how long their names are.

        Args:
            connect: Gives the calling thread's connection.
            tokens: Of the passages.
            stop_ids: Term ids of function words, which are no part of a name.

        Raises:
            ValueError: The tables do not fit each other.
            apsw.Error: The file is damaged.
        """
        self._connect = connect
        self._tokens = tokens
        self._stop_ids = stop_ids
        rows = cast(
            "list[tuple[int, str, int]]",
            connect()
            .execute(
                "SELECT p.number, p.sku, coalesce(a.number, 0) FROM products p"
                " LEFT JOIN passages a ON a.id = p.sku || '#0' ORDER BY p.number"
            )
            .fetchall(),
        )
        if [number for number, _, _ in rows] != list(range(1, len(rows) + 1)):
            raise ValueError("products are not numbered from 1")
        self._skus = [sku for _, sku, _ in rows]
        self._passage = np.array([passage for _, _, passage in rows], dtype=np.int64)
        self._name_lengths = self._count_names()
        self._words = NameWords(connect)
        # An index never changes: what was once read of it is kept, as much as a store day asks.
        self._columns = lru_cache(maxsize=1_024)(self._read_columns)
        self._hits = lru_cache(maxsize=4_096)(self._read_hits)

    def columns(self, key: str) -> dict[str, str] | None:
        """Return a product's columns by SKU, else by a whole identifier only it has."""
        found = self._columns(key)
        return None if found is None else dict(found)

    def identified(self, text: str) -> dict[int, float]:
        """Return product number → score in [0, 1] for every identifier, or part, in the text."""
        found: dict[int, float] = {}
        for key in candidates(text):
            for number, score in self._hits(key):
                found[number] = max(score, found.get(number, 0.0))
        return found

    def named(self, terms: Sequence[Term]) -> dict[int, float]:
        """Return product number → score in [0, 1] by the words of name, brand and attributes.

        The score is the share of the text's product words that the product has, times how much of
        its name they are; words are weighted by rarity.
        """
        known = [t for t in terms if t.products > 0]
        chosen: list[Term] = []
        rows = 0
        for term in sorted(known, key=lambda t: (t.products, t.place)):
            if chosen and rows + term.products > PRODUCT_ROWS:
                break
            chosen.append(term)
            rows += term.products
        if not chosen:
            return {}
        numbers, scores = self._words.best([t.word.stem for t in chosen], k=MAX_NAME_HITS)
        has_passage = self._passage[numbers - 1] > 0
        if not has_passage.any():
            return {}
        # BM25 settles what is otherwise equal; it never lifts a score past an identifier's.
        tie = 0.01 * scores / scores.max()
        return self._score_names(numbers[has_passage], tie[has_passage], known)

    def skus(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return number → SKU."""
        return {number: self._skus[number - 1] for number in numbers}

    def _read_columns(self, key: str) -> dict[str, str] | None:
        db = self._connect()
        row = db.execute("SELECT columns FROM products WHERE sku = ?", (key,)).fetchone()
        if row is None:
            rows = db.execute(
                "SELECT p.columns FROM identifiers i JOIN products p ON p.number = i.number"
                " WHERE i.key = ? AND i.is_whole = 1 LIMIT 2",
                (fold(key),),
            ).fetchall()
            if len(rows) != 1:
                return None
            row = rows[0]
        columns: dict[str, str] = json.loads(str(row[0]))
        return columns

    def _read_hits(self, key: str) -> tuple[tuple[int, float], ...]:
        return tuple(self._exact(key) or self._beginning(key))

    def _exact(self, key: str) -> list[tuple[int, float]]:
        rows = self._connect().execute(
            "SELECT number, max(is_whole) FROM identifiers WHERE key = ? GROUP BY number LIMIT ?",
            (key, MAX_PREFIX_HITS),
        )
        found = [(int(cast("int", number)), bool(is_whole)) for number, is_whole in rows]
        parts = sum(not is_whole for _, is_whole in found)
        part = PART if parts == 1 else SHARED_PART if parts <= SHARED else 0.0
        scored = [(number, WHOLE if is_whole else part) for number, is_whole in found]
        return [(number, score) for number, score in scored if score > 0.0]

    def _beginning(self, key: str) -> list[tuple[int, float]]:
        rows = self._connect().execute(
            "SELECT number, min(length(key)) FROM identifiers WHERE key > ? AND key < ?"
            " GROUP BY number LIMIT ?",
            (key, key + "\U0010ffff", MAX_PREFIX_HITS),
        )
        return [(n, PREFIX_FLOOR + PREFIX_SPAN * len(key) / length) for n, length in rows]

    def _score_names(
        self, numbers: Numbers, tie: NDArray[np.float64], known: Sequence[Term]
    ) -> dict[int, float]:
        """Score products by name; `tie` settles what is otherwise equal."""
        tokens = self._tokens.of(self._passage[numbers - 1])
        hits = Hits.of([t.id for t in known], tokens)
        in_name = hits.counts(in_title=True) > 0
        in_name[[place for place, t in enumerate(known) if t.id in self._stop_ids]] = False
        elsewhere = (hits.counts(in_title=False) > 0) & ~in_name
        said, also = np.zeros(len(numbers)), np.zeros(len(numbers))
        for term, is_said, is_also in zip(known, in_name, elsewhere, strict=True):
            said += np.where(is_said, term.idf, 0.0)
            also += np.where(is_also, term.idf, 0.0)
        asked = sum(t.idf for t in known) or 1.0
        share = in_name.sum(axis=0) / self._name_lengths[numbers - 1]
        score = (said + 0.5 * also) / asked * (1.0 - NAME_SHARE + NAME_SHARE * share)
        score = 0.94 * score + tie
        return dict(zip(numbers.tolist(), score.tolist(), strict=True))

    def _count_names(self) -> NDArray[np.int64]:
        """Return how many distinct words each product's name has, function words left out."""
        flat, starts = self._tokens.flat, self._tokens.starts
        ends = np.flatnonzero(flat == 0)  # of each passage's title
        counts = np.ones(len(self._skus), dtype=np.int64)
        for place in np.flatnonzero(self._passage).tolist():
            passage = self._passage[place] - 1
            name = flat[starts[passage] : ends[passage]].tolist()
            counts[place] = max(1, len(set(name) - self._stop_ids))
        return counts


class NameWords:
    """BM25 over the products' names, brands and attributes, as FTS5 computes it, in memory.

    FTS5 itself took 3 ms of an ask: its rank and its score are two BM25s, each over every product
    with one of the words. A word's products are read at its first ask and kept.
    Test: unit/store/test_word_scan.py.
    """

    def __init__(self, connect: Callable[[], apsw.Connection]) -> None:
        self._connect = connect
        sizes = (
            sum(read_varints(cast("bytes", blob)))
            for (blob,) in connect().execute("SELECT sz FROM products_fts_docsize ORDER BY id")
        )
        self._lengths = np.fromiter(sizes, dtype=np.float64)
        self._postings = lru_cache(maxsize=4_096)(self._read_postings)

    def best(self, stems: Sequence[str], *, k: int) -> tuple[Numbers, NDArray[np.float64]]:
        """Return up to k (number, BM25), chosen and ordered by the rank without weights."""
        found = [self._postings(stem) for stem in stems]
        rank = bm25([(rows, counts.sum(axis=1)) for rows, counts in found], self._lengths)
        hits = np.flatnonzero(rank)
        hits = hits[np.argsort(-rank[hits], kind="stable")][:k]
        scores = bm25([(rows, counts @ FIELD_WEIGHTS) for rows, counts in found], self._lengths)
        return hits + 1, scores[hits]

    def _read_postings(self, stem: str) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
        """Return the rows that hold a word, and how often by field, (rows, fields)."""
        hits = self._connect().execute(
            f"SELECT doc, col FROM temp.{PRODUCT_WORDS} WHERE term = ?", (stem,)
        )
        fields = [(doc - 1, NAME_FIELDS.index(field)) for doc, field in hits]
        table = np.array(fields, dtype=np.int64).reshape(-1, 2)
        rows, place = np.unique(table[:, 0], return_inverse=True)
        counts = np.zeros((len(rows), len(NAME_FIELDS)), dtype=np.uint16)
        np.add.at(counts, (place, table[:, 1]), 1)
        return rows, counts

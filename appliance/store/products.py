"""Products of an index: found by identifier, whole or in part, or by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import apsw
import numpy as np

from appliance.store.identifiers import candidates, fold
from appliance.store.words import Term, any_of

WHOLE, PART = 1.0, 0.97  # score of a product named by a whole identifier, or by a part only it has
SHARED_PART = (
    0.6  # by a part that a few products share; one that more than SHARED share says nothing
)
SHARED = 5
PREFIX_FLOOR, PREFIX_SPAN = 0.55, 0.4  # a beginning scores by how much of the identifier it is
MAX_PREFIX_HITS = 64
MAX_NAME_HITS = 60  # best products by BM25 that are scored by name
NAME_SHARE = 0.5  # of a name's score that rests on how much of the name is said
PRODUCT_ROWS = 1_500  # products a name search may touch; rarest words first


@dataclass(frozen=True, slots=True)
class Products:
    """The product side of one index; `connect` gives the calling thread's connection."""

    connect: Callable[[], apsw.Connection]
    stop_ids: frozenset[int]  # term ids of function words, which are no part of a name

    def columns(self, key: str) -> dict[str, str] | None:
        """Return a product's columns by SKU, else by a whole identifier only it has."""
        db = self.connect()
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

    def identified(self, text: str) -> dict[int, float]:
        """Return product number → score in [0, 1] for every identifier, or part, in the text."""
        found: dict[int, float] = {}
        for key in candidates(text):
            hits = self._exact(key) or self._beginning(key)
            for number, score in hits:
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
        hits = self.connect().execute(
            "SELECT rowid, bm25(products_fts, 4.0, 3.0, 1.0) FROM products_fts"
            " WHERE products_fts MATCH ? ORDER BY rank LIMIT ?",
            (any_of([t.word.surface for t in chosen]), MAX_NAME_HITS),
        )
        scores = {int(n): -float(score) for n, score in cast("list[tuple[int, float]]", hits)}
        return self._score_names(scores, known) if scores else {}

    def skus(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return number → SKU."""
        return dict(
            self.connect().execute(
                f"SELECT number, sku FROM products WHERE number IN ({_list(numbers)})"
            )
        )

    def _exact(self, key: str) -> list[tuple[int, float]]:
        rows = self.connect().execute(
            "SELECT number, max(is_whole) FROM identifiers WHERE key = ? GROUP BY number LIMIT ?",
            (key, MAX_PREFIX_HITS),
        )
        found = [(int(cast("int", number)), bool(is_whole)) for number, is_whole in rows]
        parts = sum(not is_whole for _, is_whole in found)
        part = PART if parts == 1 else SHARED_PART if parts <= SHARED else 0.0
        scored = [(number, WHOLE if is_whole else part) for number, is_whole in found]
        return [(number, score) for number, score in scored if score > 0.0]

    def _beginning(self, key: str) -> list[tuple[int, float]]:
        rows = self.connect().execute(
            "SELECT number, min(length(key)) FROM identifiers WHERE key > ? AND key < ?"
            " GROUP BY number LIMIT ?",
            (key, key + "\U0010ffff", MAX_PREFIX_HITS),
        )
        return [(n, PREFIX_FLOOR + PREFIX_SPAN * len(key) / length) for n, length in rows]

    def _score_names(self, bm25: dict[int, float], known: Sequence[Term]) -> dict[int, float]:
        rows = self.connect().execute(
            "SELECT p.number, a.terms FROM products p JOIN passages a ON a.id = p.sku || '#0'"
            f" WHERE p.number IN ({_list(list(bm25))})"
        )
        top = max(bm25.values()) or 1.0
        asked = sum(t.idf for t in known) or 1.0
        result: dict[int, float] = {}
        for number, blob in cast("list[tuple[int, bytes]]", rows):
            ids = np.frombuffer(blob, dtype="<u4").tolist()
            cut = ids.index(0)
            in_name, elsewhere = set(ids[:cut]) - self.stop_ids, set(ids[cut:])
            said = sum(t.idf for t in known if t.id in in_name)
            also = sum(t.idf for t in known if t.id in elsewhere and t.id not in in_name)
            share = sum(t.id in in_name for t in known) / max(len(in_name), 1)
            score = (said + 0.5 * also) / asked * (1.0 - NAME_SHARE + NAME_SHARE * share)
            # BM25 settles what is otherwise equal; it never lifts a score past an identifier's.
            result[number] = 0.94 * score + 0.01 * bm25[number] / top
        return result


def _list(numbers: Sequence[int]) -> str:
    return ",".join(str(int(n)) for n in numbers)

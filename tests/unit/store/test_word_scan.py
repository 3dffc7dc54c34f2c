"""BM25 in memory is FTS5's own, to the last bit, over a real index."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import apsw
import numpy as np
import pytest

from appliance.store import index_schema as schema
from appliance.store.products import NameWords
from appliance.store.token_rows import read_postings, read_tokens
from appliance.store.word_scan import bm25
from appliance.store.words import any_of, stems
from tests.builders.index import build_chain

ASKS = 200


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> apsw.Connection:
    folder = tmp_path_factory.mktemp("chain")
    build_chain(folder)
    return schema.open_reader(folder / "index.db")


def asks(db: apsw.Connection) -> Iterator[list[str]]:
    """Yield random asks in stems that are their own stems, so that FTS5 looks for the same."""
    known = [str(t) for (t,) in db.execute("SELECT term FROM terms") if stems(str(t)) == [t]]
    dice = random.Random(3)
    for _ in range(ASKS):
        yield dice.sample(known, dice.randint(1, 6))


def by_fts5(
    db: apsw.Connection, table: str, asked: Sequence[str], weights: str
) -> dict[int, float]:
    rows = db.execute(
        f"SELECT rowid, bm25({table}, {weights}) FROM {table} WHERE {table} MATCH ?",
        (any_of(asked),),
    )
    return {int(str(n)): -float(str(score)) for n, score in rows}


def test_passages_score_as_fts5_scores_them(db: apsw.Connection) -> None:
    postings = read_postings(db, read_tokens(db))
    ids = {str(t): int(str(i)) for t, i in db.execute("SELECT term, id FROM terms")}
    for asked in asks(db):
        scores = bm25([postings.of(ids[stem]) for stem in asked], postings.lengths)
        found = {n + 1: s for n, s in enumerate(scores.tolist()) if s}
        assert found == by_fts5(db, "passages_fts", asked, "2.0, 1.0, 4.0")


def test_names_come_in_fts5s_order_with_its_weighted_score(db: apsw.Connection) -> None:
    names = NameWords(lambda: db)
    for asked in asks(db):
        numbers, scores = names.best(asked, k=2)
        rows = db.execute(
            "SELECT rowid, bm25(products_fts, 4.0, 3.0, 1.0) FROM products_fts"
            " WHERE products_fts MATCH ? ORDER BY rank LIMIT 2",
            (any_of(asked),),
        )
        expected = [(int(str(n)), -float(str(score))) for n, score in rows]
        assert list(zip(numbers.tolist(), scores.tolist(), strict=True)) == expected


def test_a_term_that_is_nowhere_has_no_passages(db: apsw.Connection) -> None:
    postings = read_postings(db, read_tokens(db))
    for term in (0, -1, 10**9):
        rows, frequency = postings.of(term)
        assert len(rows) == len(frequency) == 0


def test_without_words_nothing_scores() -> None:
    assert bm25([], np.array([3.0, 4.0])).tolist() == [0.0, 0.0]

"""Term ids in memory, and where an ask's terms stand in them."""

from __future__ import annotations

from pathlib import Path

import apsw
import numpy as np
import pytest

from appliance.errors import DamagedIndex
from appliance.store.index import SqliteIndex
from appliance.store.token_rows import Hits, read_varints
from tests.builders.index import build_chain, even_ranker


def rows(*texts: list[int]) -> list[np.ndarray]:
    return [np.array(text, dtype=np.uint32) for text in texts]


def test_hits_are_counted_in_title_and_text() -> None:
    hits = Hits.of([5, 6, 0], rows([5, 5, 0, 6], [7, 0, 5]))

    assert hits.counts(in_title=True).tolist() == [[2, 0], [0, 0], [0, 0]]
    assert hits.counts(in_title=False).tolist() == [[0, 1], [1, 0], [0, 0]]
    assert hits.title_lengths.tolist() == [2, 1]


def test_two_terms_of_one_id_both_count() -> None:
    hits = Hits.of([5, 9, 5], rows([0, 5]))

    assert hits.counts(in_title=False).tolist() == [[1], [0], [1]]


def test_terms_beyond_every_passages_are_nowhere() -> None:
    hits = Hits.of([10**6], rows([3, 0, 4]))

    assert hits.counts(in_title=False).tolist() == [[0]]


@pytest.mark.parametrize(
    ("blob", "numbers"),
    [
        (b"", []),
        (b"\x05\x00\x7f", [5, 0, 127]),
        (b"\x81\x00\x03", [128, 3]),
        (b"\xff\x7f", [16383]),
    ],
)
def test_varints_are_read_as_sqlite_writes_them(blob: bytes, numbers: list[int]) -> None:
    assert read_varints(blob) == numbers


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE passages SET terms = x'01000000' WHERE number = 1",
        "UPDATE passages SET terms = terms || x'01000000' WHERE number = 1",
        "UPDATE passages SET terms = x'010203' WHERE number = 1",
    ],
)
def test_an_index_whose_tables_do_not_fit_is_refused(tmp_path: Path, harm: str) -> None:
    build_chain(tmp_path)
    db = apsw.Connection(str(tmp_path / "index.db"))
    db.execute(harm)
    db.close()

    with pytest.raises(DamagedIndex, match="its tables cannot be read"):
        SqliteIndex(tmp_path / "index.db", ranker=even_ranker())

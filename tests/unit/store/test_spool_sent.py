"""What leaves the spool: the most valuable first, and only once headquarters has it."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from appliance.store import db
from appliance.store.db import Database
from appliance.store.spool import SqliteSpool
from tests.fakes.clock import FakeClock

BODY_BYTES = len('{"n": 0}')


@pytest.fixture
def spool(tmp_path: Path) -> SqliteSpool:
    return SqliteSpool(Database(tmp_path / "store.db"), FakeClock())


def put(spool: SqliteSpool, *priorities: int) -> None:
    for n, priority in enumerate(priorities):
        spool.put("edge_case", {"n": n}, priority=priority)


def numbers(spool: SqliteSpool, *, most: int = 10**6, **fields: object) -> list[int]:
    return [o.body["n"] for o in spool.owing(most_bytes=most, **fields)]  # type: ignore[arg-type]


def test_the_most_valuable_come_first_and_oldest_first_among_equals(spool: SqliteSpool) -> None:
    put(spool, 1, 5, 1, 5)
    assert numbers(spool) == [1, 3, 0, 2]
    assert spool.count() == 4  # nothing was taken out


def test_a_batch_is_bounded_in_bytes_and_items_but_never_empty(spool: SqliteSpool) -> None:
    put(spool, 1, 1, 1)
    assert numbers(spool, most=2 * BODY_BYTES) == [0, 1]
    assert numbers(spool, most=1) == [0]
    assert numbers(spool, most_items=1) == [0]


def test_an_item_keeps_its_name_over_restarts_and_is_told_apart(tmp_path: Path) -> None:
    first = SqliteSpool(Database(tmp_path / "store.db"), FakeClock())
    put(first, 1, 1)
    before = [o.id for o in first.owing(most_bytes=10**6)]
    first.database.close()

    again = SqliteSpool(Database(tmp_path / "store.db"), FakeClock())

    assert [o.id for o in again.owing(most_bytes=10**6)] == before
    assert len(set(before)) == 2
    assert all(len(item) == 32 for item in before)


def test_what_is_under_way_is_left_out_and_what_has_arrived_is_gone(spool: SqliteSpool) -> None:
    put(spool, 1, 1, 1)
    first, second, third = (o.id for o in spool.owing(most_bytes=10**6))
    assert numbers(spool, but=[first]) == [1, 2]
    assert spool.remove([first, third, "nobody"]) == 2
    assert spool.remove([first, third]) == 0
    assert [o.id for o in spool.owing(most_bytes=10**6)] == [second]
    assert spool.dropped() == 0


def test_an_item_that_is_given_up_is_counted(spool: SqliteSpool) -> None:
    put(spool, 1)
    (item,) = spool.owing(most_bytes=10**6)
    spool.give_up(item.id)
    spool.give_up(item.id)
    assert (spool.count(), spool.dropped()) == (0, 1)


def test_what_is_owed_is_counted_in_items_bytes_and_age(spool: SqliteSpool) -> None:
    assert spool.counted().oldest_at is None
    put(spool, 1, 5)
    found = spool.counted()
    assert (found.items, found.bytes, found.most_valuable) == (2, 2 * BODY_BYTES, 5)
    assert found.oldest_at == spool.clock.now()


def test_items_of_an_older_schema_get_names(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    old = apsw.Connection(str(path))
    steps = sorted(db.MIGRATIONS.glob("*.sql"))[:2]
    for step in steps:
        old.execute(step.read_text(encoding="utf-8"))
    old.execute(f"PRAGMA user_version = {len(steps)}")
    at = "2026-01-01T00:00:00+00:00"
    for n in (1, 2):
        old.execute("INSERT INTO spool VALUES (?, 'edge_case', 2, ?, '{}', 2)", (n, at))
    old.close()

    found = SqliteSpool(Database(path), FakeClock()).owing(most_bytes=10**6)

    assert len({o.id for o in found}) == 2
    assert all(len(o.id) == 32 for o in found)

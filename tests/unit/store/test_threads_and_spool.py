"""Threads keep their turns in order; the spool gives up the least valuable first and counts it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.records import Turn
from appliance.store.db import Database
from appliance.store.spool import SqliteSpool
from appliance.store.threads import SqliteThreads
from tests.fakes.clock import FakeClock

AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "store.db")


def test_a_thread_survives_a_restart_with_its_latest_turns_in_order(tmp_path: Path) -> None:
    threads = SqliteThreads(Database(tmp_path / "store.db"))
    for n in range(9):
        threads.add("t1", Turn(f"q{n}", f"a{n}", subject=("LM-000001",)), reply_id=f"r{n}", at=AT)
    threads.database.close()

    turns = SqliteThreads(Database(tmp_path / "store.db")).turns("t1", limit=6)

    assert [t.text for t in turns] == ["q3", "q4", "q5", "q6", "q7", "q8"]
    assert turns[0].subject == ("LM-000001",)


def test_threads_do_not_mix(database: Database) -> None:
    threads = SqliteThreads(database)
    threads.add("t1", Turn("mine", ""), reply_id="r1", at=AT)
    threads.add("t2", Turn("yours", ""), reply_id="r2", at=AT)
    assert [t.text for t in threads.turns("t1")] == ["mine"]
    assert threads.turns("nobody") == ()
    assert threads.turns("") == ()


def spool_of(database: Database, items: int) -> SqliteSpool:
    size = len('{"n": 0}')
    return SqliteSpool(database, FakeClock(), budget_bytes=items * size)


def kept(spool: SqliteSpool) -> list[tuple[str, int]]:
    rows = spool.database.rows("SELECT body, priority FROM spool ORDER BY id")
    return [(body, priority) for body, priority in rows]


def test_a_full_spool_drops_the_oldest_of_the_least_valuable(database: Database) -> None:
    spool = spool_of(database, 3)
    for n, priority in enumerate([1, 5, 1]):
        assert spool.put("edge_case", {"n": n}, priority=priority)

    assert spool.put("edge_case", {"n": 3}, priority=5)

    assert kept(spool) == [('{"n": 1}', 5), ('{"n": 2}', 1), ('{"n": 3}', 5)]
    assert spool.dropped() == 1


def test_an_item_less_valuable_than_all_that_is_kept_is_dropped_itself(database: Database) -> None:
    spool = spool_of(database, 2)
    spool.put("edge_case", {"n": 0}, priority=5)
    spool.put("edge_case", {"n": 1}, priority=5)

    assert not spool.put("edge_case", {"n": 2}, priority=1)

    assert spool.count() == 2
    assert spool.dropped() == 1


def test_an_item_larger_than_the_whole_spool_evicts_nobody(database: Database) -> None:
    spool = spool_of(database, 2)
    spool.put("edge_case", {"n": 0}, priority=1)
    assert not spool.put("edge_case", {"n": "x" * 1000}, priority=9)
    assert spool.count() == 1


def test_what_is_withdrawn_is_of_one_kind_and_about_one_reply(database: Database) -> None:
    spool = SqliteSpool(database, FakeClock())
    for kind, reply in (("edge_case", "r1"), ("edge_case", "r2"), ("deferred_ask", "r1")):
        spool.put(kind, {"reply": reply}, priority=1)

    assert spool.withdraw("edge_case", reply="r1") == 1
    assert spool.withdraw("edge_case", reply="r1") == 0

    left = database.rows("SELECT kind, json_extract(body, '$.reply') FROM spool ORDER BY id")
    assert left == [("edge_case", "r2"), ("deferred_ask", "r1")]

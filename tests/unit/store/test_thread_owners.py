"""Whose a conversation is: the first to ask, on that device."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.records import LOCAL, Principal, Role, Turn
from appliance.store.db import Database
from appliance.store.threads import SqliteThreads

AT = datetime(2026, 11, 22, tzinfo=UTC)
ANA = Principal("d1", "1001", Role.ASSOCIATE)
BEN = Principal("d1", "1002", Role.LEAD)
ANA_ELSEWHERE = Principal("d2", "1001", Role.ASSOCIATE)
COMMAND_LINE = Principal(LOCAL, "", Role.ASSOCIATE)


@pytest.fixture
def threads(tmp_path: Path) -> SqliteThreads:
    return SqliteThreads(Database(tmp_path / "store.db"))


def test_the_first_to_ask_owns_a_thread_also_after_a_restart(
    threads: SqliteThreads, tmp_path: Path
) -> None:
    assert threads.claim("t1", ANA, at=AT)
    again = SqliteThreads(Database(tmp_path / "store.db"))
    assert again.claim("t1", ANA, at=AT)
    assert again.is_owner("t1", ANA.owner)


@pytest.mark.parametrize("other", [BEN, ANA_ELSEWHERE, COMMAND_LINE])
def test_another_person_or_another_device_is_another_owner(
    threads: SqliteThreads, other: Principal
) -> None:
    threads.claim("t1", ANA, at=AT)
    assert not threads.claim("t1", other, at=AT)
    assert not threads.is_owner("t1", other.owner)
    assert threads.claim("t2", other, at=AT)


def test_a_role_does_not_change_whose_it_is(threads: SqliteThreads) -> None:
    threads.claim("t1", Principal("d1", "1002", Role.LEAD), at=AT)
    assert threads.claim("t1", Principal("d1", "1002", Role.ASSOCIATE), at=AT)


def test_nobody_owns_a_thread_that_is_not_there(threads: SqliteThreads) -> None:
    assert not threads.is_owner("t1", ANA.owner)
    assert not threads.is_owner("", ("", ""))


def test_a_thread_older_than_owners_is_this_machines_own(threads: SqliteThreads) -> None:
    threads.add("old", Turn("q", "a"), reply_id="r1", at=AT)
    assert not threads.claim("old", ANA, at=AT)
    assert threads.claim("old", COMMAND_LINE, at=AT)
    assert not threads.claim("old", ANA, at=AT)


def test_of_many_at_once_one_gets_it(threads: SqliteThreads) -> None:
    start, won = threading.Barrier(8), []

    def claim(n: int) -> None:
        start.wait(5)
        if threads.claim("t1", Principal(f"d{n}", "1001", Role.ASSOCIATE), at=AT):
            won.append(n)

    workers = [threading.Thread(target=claim, args=(n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)
    assert len(won) == 1

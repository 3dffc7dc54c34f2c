"""Ready means: the disk takes a write and the engine works."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.engines.scripted import ScriptedEngine, script
from appliance.health import EVERY_S, PROBE, Readiness
from appliance.store.db import Database
from tests.fakes.clock import FakeClock
from tests.fakes.monitoring import IdleModel


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "home" / "store.db")
    yield database
    database.close()


def test_a_store_that_works_is_ready_and_leaves_no_probe(
    database: Database, clock: FakeClock
) -> None:
    assert Readiness(database, IdleModel(), clock.monotonic).faults() == ()
    assert not (database.path.parent / PROBE).exists()


def test_a_database_that_takes_no_write_is_told_and_then_ready_again(
    database: Database, clock: FakeClock
) -> None:
    readiness = Readiness(database, IdleModel(), clock.monotonic)
    database.write(lambda connection: connection.pragma("query_only", 1))
    assert "cannot be opened for writing" in readiness.faults()[0]

    database._writer.pragma("query_only", 0)
    assert len(readiness.faults()) == 1  # not tried again so soon
    clock.advance(EVERY_S)
    assert readiness.faults() == ()


def test_a_folder_that_takes_no_file_is_told(database: Database, clock: FakeClock) -> None:
    readiness = Readiness(database, IdleModel(), clock.monotonic)
    folder = database.path.parent
    shutil.rmtree(folder)
    folder.write_text("a file where the folder was")
    assert "cannot be written" in readiness.faults()[0]


def test_the_disk_is_not_tried_at_every_question(database: Database, clock: FakeClock) -> None:
    readiness = Readiness(database, IdleModel(), clock.monotonic)
    for _ in range(50):
        readiness.faults()
    tried = database.rows("SELECT value FROM counters WHERE name = 'ready_probes'")
    assert tried == [(1,)]


def test_an_engine_that_has_died_is_told_at_once(database: Database, clock: FakeClock) -> None:
    model = IdleModel()
    readiness = Readiness(database, model, clock.monotonic)
    assert readiness.faults() == ()
    model.is_alive = False
    assert "thread has died" in readiness.faults()[0]


def test_an_engine_is_alive_until_it_is_closed() -> None:
    engine = ScriptedEngine(script(otherwise="yes"))
    assert engine.is_alive
    engine.close()
    assert not engine.is_alive


def test_an_engine_whose_context_cannot_be_emptied_is_dead() -> None:
    engine = ScriptedEngine(script(otherwise="yes"), is_started=False)
    engine.scheduler._is_broken = True
    assert not engine.is_alive

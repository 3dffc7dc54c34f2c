from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from appliance.errors import BadInput
from sync.hub import migrate as migration
from sync.hub.alarms import open_alarm, open_alarms
from sync.hub.errors import LedgerError
from sync.hub.jobs import HUB_JOBS, take_lease
from sync.hub.ledger import Ledger, engines
from sync.hub.migrate import migrate
from sync.hub.tables import metadata, signals
from sync.hub.wishes import put_wish
from sync.wire import Wish, WishKind
from tests.fakes.clock import FakeClock

NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def url(database_url: str, tmp_path: Path) -> str:
    return database_url or f"sqlite:///{tmp_path / 'hub.db'}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    migrate(url)
    ledger = Ledger(url)
    yield ledger
    ledger.close()


def put(connection: Connection, release: str) -> str:
    put_wish(connection, Wish(WishKind.LOOK, "pilot", release), now=NOW)
    return release


def kept(ledger: Ledger) -> list[str]:
    query = signals.select().with_only_columns(signals.c.release).order_by(signals.c.id)
    return list(ledger.read(lambda c: c.execute(query).scalars().all()))


def test_an_empty_database_gets_every_table(url: str) -> None:
    migrate(url)

    reading, writing = engines(url)
    found = set(inspect(reading).get_table_names())
    for engine in (reading, writing):
        engine.dispose()
    assert set(metadata.tables) <= found


def test_the_steps_make_the_tables_that_the_code_reads(url: str, tmp_path: Path) -> None:
    migrate(url)
    reading, writing = engines(url)
    made = inspect(reading)
    for table in metadata.tables.values():
        columns = {c["name"]: bool(c["nullable"]) for c in made.get_columns(table.name)}
        assert columns == {c.name: bool(c.nullable) for c in table.c}, table.name
        key = made.get_pk_constraint(table.name)["constrained_columns"]
        assert key == [c.name for c in table.primary_key], table.name
        indexes = {i["name"] for i in made.get_indexes(table.name)}
        assert {i.name for i in table.indexes} <= indexes, table.name
    for engine in (reading, writing):
        engine.dispose()


def test_an_older_database_is_brought_up_and_keeps_what_it_holds(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import command

    up = command.upgrade
    with monkeypatch.context() as older:
        older.setattr(migration, "_head", lambda: "0001")
        older.setattr(command, "upgrade", lambda config, _: up(config, "0001"))
        migrate(url)
    ledger = Ledger(url)
    ledger.write(lambda c: put(c, "v1"))
    with pytest.raises(LedgerError):
        ledger.read(open_alarms)

    migrate(url)

    assert kept(ledger) == ["v1"]
    assert ledger.read(open_alarms) == []
    ledger.close()


def test_a_database_of_a_newer_hub_is_left_alone(url: str) -> None:
    migrate(url)
    reading, writing = engines(url)
    with writing.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for engine in (reading, writing):
        engine.dispose()

    with pytest.raises(BadInput, match="9999"):
        migrate(url)


def test_two_hubs_that_start_together_migrate_once(url: str) -> None:
    failed: list[BaseException] = []

    def start() -> None:
        try:
            migrate(url)
        except BaseException as exc:  # noqa: BLE001 - a thread tells the test
            failed.append(exc)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []


def test_writes_of_many_threads_are_all_there_in_some_order(ledger: Ledger) -> None:
    names = [f"r{number}" for number in range(60)]
    threads = [
        threading.Thread(target=lambda n=n: ledger.write(lambda c: put(c, n))) for n in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(kept(ledger)) == sorted(names)


def test_a_write_that_fails_takes_none_with_it_that_shares_its_commit(ledger: Ledger) -> None:
    begun, gate = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        begun.set()
        gate.wait(10)

    def bad(connection: Connection) -> None:
        put(connection, "half")
        raise BadInput("no")

    def buggy(connection: Connection) -> None:
        put(connection, "bug")
        raise ZeroDivisionError

    def broken(connection: Connection) -> None:
        put(connection, "sql")
        connection.execute(text("SELECT * FROM no_such_table"))

    held = ledger._writer.put(hold)
    begun.wait(10)
    works = [lambda c: put(c, "a"), bad, lambda c: put(c, "b"), buggy, broken]
    futures = [ledger._writer.put(work) for work in [*works, lambda c: put(c, "c")]]
    gate.set()
    held.result(10)

    errors = [type(future.exception(10)) for future in futures]
    none = type(None)
    assert errors == [none, BadInput, none, ZeroDivisionError, LedgerError, none]
    assert kept(ledger) == ["a", "b", "c"]


def test_an_error_of_the_database_tells_no_value_that_was_written(ledger: Ledger) -> None:
    with pytest.raises(LedgerError) as found:
        ledger.write(lambda c: c.execute(text("INSERT INTO nowhere VALUES (:s)"), {"s": "secret"}))

    assert "secret" not in str(found.value)


def test_two_workers_write_at_once_and_both_are_kept(ledger: Ledger, url: str) -> None:
    other = Ledger(url)
    threads = [
        threading.Thread(
            target=lambda one=one, name=name: [
                one.write(lambda c, n=n: put(c, f"{name}{n}")) for n in range(15)
            ]
        )
        for one, name in ((ledger, "a"), (other, "b"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()

    assert len(kept(ledger)) == 30


@pytest.mark.postgres
def test_a_transaction_that_lost_to_anothers_is_done_again(
    ledger: Ledger, url: str, request: pytest.FixtureRequest
) -> None:
    if url.startswith("sqlite"):
        pytest.skip("SQLite has one writer: nobody loses")
    other, both = Ledger(url), threading.Barrier(2, timeout=10)
    ledger.write(lambda c: [open_alarm(c, s, "silent", "", now=NOW) for s in ("1", "2")])
    tries: list[str] = []

    def crosswise(first: str, second: str) -> object:
        def work(connection: Connection) -> None:
            tries.append(first)
            open_alarm(connection, first, "silent", first, now=NOW)
            if len(tries) <= 2:
                both.wait()  # each holds a row that the other wants
            open_alarm(connection, second, "silent", first, now=NOW)

        return work

    futures = [
        ledger._writer.put(crosswise("1", "2")),  # type: ignore[arg-type]
        other._writer.put(crosswise("2", "1")),  # type: ignore[arg-type]
    ]

    assert [future.exception(30) for future in futures] == [None, None]
    assert len(tries) >= 3
    other.close()


def test_a_signals_id_never_comes_again(ledger: Ledger) -> None:
    """A worker goes by the newest id it has seen."""
    ledger.write(lambda c: put(c, "v1"))
    first = ledger.read(lambda c: c.execute(signals.select()).one().id)
    ledger.write(lambda c: c.execute(signals.delete()))
    ledger.write(lambda c: put(c, "v2"))

    assert ledger.read(lambda c: c.execute(signals.select()).one().id) > first


def test_one_worker_holds_the_jobs_until_its_lease_ends(ledger: Ledger) -> None:
    clock = FakeClock()

    def take(holder: str) -> bool:
        return ledger.write(lambda c: take_lease(c, HUB_JOBS, holder, clock.now()))

    assert (take("a"), take("b"), take("a")) == (True, False, True)
    clock.advance(11)
    assert take("b") is False
    clock.advance(2)
    assert (take("b"), take("a")) == (True, False)


@pytest.mark.parametrize("bad", ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_a_url_that_is_no_ledgers_is_told_without_its_password(bad: str) -> None:
    with pytest.raises(BadInput):
        engines(bad)


def test_the_file_of_a_ledger_is_its_owners_alone(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path / 'hub.db'}")
    ledger = Ledger(f"sqlite:///{tmp_path / 'hub.db'}")
    ledger.write(lambda c: put(c, "v1"))

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("hub.db*")}
    ledger.close()

    assert modes["hub.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_bytes(b"not a database" * 100)

    with pytest.raises(LedgerError, match="not a database"):
        migrate(f"sqlite:///{tmp_path / 'hub.db'}")


def test_what_is_acknowledged_is_fsynced(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    for engine in engines(url):
        with engine.connect() as connection:
            settings = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("synchronous", "journal_mode")
            ]
        engine.dispose()
        assert settings == [2, "wal"]  # 2 is FULL


def test_a_full_queue_answers_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.hub.ledger.MOST_WAITING", 2)
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    migrate(url)
    ledger, begun, gate = Ledger(url), threading.Event(), threading.Event()
    ledger._writer.put(lambda c: (begun.set(), gate.wait(10)))
    begun.wait(10)
    waiting = [ledger._writer.put(lambda c: put(c, "v1")) for _ in range(2)]

    with pytest.raises(LedgerError, match="2 writes wait"):
        ledger.write(lambda c: put(c, "v2"))

    gate.set()
    assert [future.result(10) for future in waiting] == ["v1", "v1"]
    ledger.close()
    with pytest.raises(LedgerError):
        ledger.write(lambda c: put(c, "v3"))


@pytest.mark.postgres
def test_a_server_that_was_restarted_is_read_again(ledger: Ledger, url: str) -> None:
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no server")
    ledger.write(lambda c: put(c, "v1"))
    assert kept(ledger) == ["v1"]
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    mine = f"{cut} AND datname = current_database()"
    other = Ledger(url)
    other.read(lambda c: c.execute(text(mine)).all())
    other.close()

    assert kept(ledger) == ["v1"]
    ledger.write(lambda c: put(c, "v2"))
    assert kept(ledger) == ["v1", "v2"]

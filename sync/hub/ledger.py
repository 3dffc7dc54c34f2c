"""The hub's database: any thread reads, one thread writes, and what it wrote is durable."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from appliance.errors import BackroomError, BadInput
from sync.hub.errors import LedgerError, LedgerFull

T = TypeVar("T")
Outcome = tuple[Any, Exception | None]  # what one write returned, or why it was undone

READERS = 4  # threads and connections of one worker
BUSY_MS = 10_000  # a writer waits this long for another process's transaction
CACHE_KIB = 16_384  # pages of SQLite kept in memory by each connection
MOST_IN_ONE_COMMIT = 256
MOST_WAITING = 4_096  # writes; one more is refused, for a queue that long is a hub that is down
MOST_TRIES = 4  # of a transaction that lost to another worker's
PAUSE_S = 0.1
# FULL, not NORMAL: under WAL a NORMAL commit can vanish when the power goes, and a store deletes
# what the hub said it keeps. Test: faults/test_hub_kill.py.
SYNCHRONOUS = "FULL"
DISK_FULL = ("database or disk is full", "No space left on device")
LOST_RACES = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock


class Ledger:
    """Owns the engines. Writes of many requests share one commit, so that they share its fsync."""

    def __init__(self, url: str) -> None:
        """Prepare; the first use connects.

        Raises:
            BadInput: The URL is not one of SQLite's or PostgreSQL's.
        """
        self.url = url
        self._reading, self._writing = engines(url)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-read")
        self._writer = Writer(self._writing)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` reads.

        Raises:
            LedgerError: The database could not be read.
        """
        with translated(self.url):
            try:
                with self._reading.connect() as connection:
                    return work(connection)
            except DBAPIError as exc:
                if not exc.connection_invalidated:
                    raise
            # The server was restarted since: its pool is new now. Asked once more instead of being
            # pinged before every read, which would be a round trip more for each request.
            with self._reading.connect() as connection:
                return work(connection)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; it is durable when this returns.

        Args:
            work: Touches nothing but the connection, for it can be run again.

        Raises:
            LedgerError: Nothing of it was written.
        """
        return self._writer.put(work).result()

    async def reading(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` reads, off the event loop.

        Raises:
            LedgerError: The database could not be read.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read, work)

    def writing(self, work: Callable[[Connection], T]) -> Awaitable[T]:
        """Run `work` in a transaction; it is durable once awaited.

        Raises:
            LedgerError: Nothing of it was written.
        """
        return asyncio.wrap_future(self._writer.put(work))

    def close(self) -> None:
        """Write what waits, then disconnect; idempotent."""
        self._writer.close()
        self._readers.shutdown()
        self._reading.dispose()
        self._writing.dispose()


class Writer:
    """The one thread of a process that writes."""

    def __init__(self, engine: Engine) -> None:
        """Start when the first write comes."""
        self._engine = engine
        self._waiting: list[tuple[Callable[[Connection], Any], Future[Any]]] = []
        self._woken = threading.Condition()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def put(self, work: Callable[[Connection], T]) -> Future[T]:
        """Queue one write; its future holds the outcome once that is durable.

        Raises:
            LedgerError: Too many wait already, or this is closed.
        """
        future: Future[T] = Future()
        with self._woken:
            if self._is_closed or len(self._waiting) >= MOST_WAITING:
                raise LedgerError(
                    f"{len(self._waiting)} writes wait for the hub's database.",
                    hint="Is its disk slow, or its server down?",
                )
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ledger-write", daemon=True)
                self._thread.start()
            self._waiting.append((work, future))
            self._woken.notify()
        return future

    def close(self) -> None:
        """Let what waits be written, then end the thread."""
        with self._woken:
            self._is_closed = True
            self._woken.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._woken:
                while not self._waiting and not self._is_closed:
                    self._woken.wait()
                taken = self._waiting[:MOST_IN_ONE_COMMIT]
                del self._waiting[:MOST_IN_ONE_COMMIT]
                if not taken:
                    return
            self._commit([pair for pair in taken if pair[1].set_running_or_notify_cancel()])

    def _commit(self, taken: list[tuple[Callable[[Connection], Any], Future[Any]]]) -> None:
        """Write all of `taken` in one transaction; one that fails takes no other with it."""
        for attempt in range(1, MOST_TRIES + 1):
            try:
                with translated(str(self._engine.url)), self._engine.begin() as connection:
                    if len(taken) == 1:  # it is undone with the transaction, and needs no point
                        outcomes: list[Outcome] = [(taken[0][0](connection), None)]
                    else:
                        outcomes = [_within(connection, work) for work, _ in taken]
            except _LostRace as exc:
                if attempt < MOST_TRIES:
                    time.sleep(PAUSE_S * attempt)  # the winner has what both wanted: let it end
                    continue
                failure: BaseException = exc
            except BaseException as exc:  # noqa: BLE001 - whoever waits must hear of it
                failure = exc
            else:
                for (_, future), (outcome, error) in zip(taken, outcomes, strict=True):
                    future.set_exception(error) if error else future.set_result(outcome)
                return
            for _, future in taken:
                future.set_exception(failure)
            return


class _LostRace(LedgerError):
    """Another worker's transaction went first; the same again may well succeed."""


def _within(connection: Connection, work: Callable[[Connection], Any]) -> Outcome:
    """Return what `work` returned or raised, undone in the second case."""
    point = connection.begin_nested()
    try:
        outcome = work(connection)
        point.commit()
    except (BackroomError, SQLAlchemyError) as exc:
        if isinstance(exc, DBAPIError) and (_is_lost_race(exc) or exc.connection_invalidated):
            raise
        if not connection.in_nested_transaction():  # SQLite undid all of it: the disk is full
            raise
        point.rollback()
        return None, exc if isinstance(exc, BackroomError) else _told(exc, "")
    except Exception as exc:  # noqa: BLE001 - a bug in one request must not undo the others
        point.rollback()
        return None, exc
    return outcome, None


def engines(url: str) -> tuple[Engine, Engine]:
    """Return the reading and the writing engine of a database.

    Raises:
        BadInput: The URL is not one of SQLite's or PostgreSQL's.
    """
    try:
        parsed = make_url(url)
        name = parsed.get_backend_name()
        if name == "sqlite":
            return _sqlite(url, begin="BEGIN"), _sqlite(url, begin="BEGIN IMMEDIATE", size=1)
        if name == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
            return (
                create_engine(
                    parsed, pool_size=READERS, max_overflow=0, isolation_level="AUTOCOMMIT"
                ),
                create_engine(parsed, pool_size=1, max_overflow=0, pool_pre_ping=True),
            )
    except (ArgumentError, NoSuchModuleError, ImportError) as exc:
        raise BadInput(
            f"The database's URL cannot be used: {type(exc).__name__}.",
            hint="postgresql://user@host/name needs: pip install 'backroom[hub]'",
        ) from exc
    raise BadInput(
        f"The hub keeps its ledger in SQLite or PostgreSQL, not in {name}.",
        hint="Leave `database` out, or write postgresql://user@host/name.",
    )


def _sqlite(url: str, *, begin: str, size: int = READERS) -> Engine:
    path = make_url(url).database
    if not path or path == ":memory:":
        raise BadInput("A hub's SQLite database is a file.", hint="sqlite:////var/lib/hub/hub.db")
    engine = create_engine(url, pool_size=size, max_overflow=0)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where `begin` says so
        for setting in (
            f"busy_timeout = {BUSY_MS}",
            "journal_mode = WAL",
            f"synchronous = {SYNCHRONOUS}",
            f"cache_size = -{CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin_now(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def make_private(url: str) -> None:
    """Let nobody else on this machine read a SQLite ledger: -wal and -shm take the file's mode."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return
    path = Path(parsed.database)
    with translated(url):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn the database's own errors into ours."""
    try:
        yield
    except SQLAlchemyError as exc:
        raise _told(exc, url) from exc
    except OSError as exc:
        raise LedgerError(f"The hub's database cannot be opened: {exc.strerror}.") from exc


def _told(exc: SQLAlchemyError, url: str) -> LedgerError:
    """Return the error without its statement and parameters, in which secrets can stand."""
    cause = getattr(exc, "orig", None) or exc
    said = " ".join(str(cause).split())[:300]
    if any(words in said for words in DISK_FULL):
        return LedgerFull("The disk under the hub's database is full.", hint="Free some: df -h")
    kind = _LostRace if isinstance(exc, DBAPIError) and _is_lost_race(exc) else LedgerError
    where = make_url(url).render_as_string(hide_password=True) if url else "The hub's database"
    return kind(f"{where}: {type(cause).__name__}: {said}.", hint="Is it up, and yours to write?")


def _is_lost_race(exc: DBAPIError) -> bool:
    return getattr(exc.orig, "sqlstate", None) in LOST_RACES

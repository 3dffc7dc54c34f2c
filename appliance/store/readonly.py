"""Queries on a database we do not own: one pool, read-only, each with a time limit of its own.

A query runs on one of a few worker threads; whoever asked waits no longer than the limit. What is
then still running is interrupted where the driver can do that from another thread (SQLite), ended
by the server's own statement limit (PostgreSQL), and otherwise left to end by itself: its thread
and connection are busy until it does. When all are busy the next question waits its own limit, and
is refused at once when the queue is full.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    DisconnectionError,
    NoSuchModuleError,
    SQLAlchemyError,
)
from sqlalchemy.pool import QueuePool

from appliance.errors import BadInput, FactsUnavailable

T = TypeVar("T")
QUEUE_LENGTH = 64


@dataclass
class Job(Generic[T]):
    """One piece of reading: what to do, and where its outcome will be."""

    work: Callable[[Connection], T]
    done: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    driver: Any = None  # the driver's connection while the work runs
    is_given_up: bool = False
    result: T | None = None
    error: Exception | None = None

    def give_up(self) -> None:
        """Stop waiting for the job and, where the driver can, stop it."""
        with self.lock:  # the worker lets go of `driver` under the same lock
            self.is_given_up = True
            if isinstance(self.driver, sqlite3.Connection):
                self.driver.interrupt()


class ReadOnlyPool:
    """A read-only engine and the threads that read from it; close it when done."""

    def __init__(self, url: str, *, workers: int = 4, longest_s: float = 5.0) -> None:
        """Start the threads; no connection is made yet.

        Args:
            url: Any SQLAlchemy URL.
            workers: Threads, and connections, at most.
            longest_s: Where the server can end a statement, it does after this long.

        Raises:
            BadInput: The URL cannot be used.
        """
        self._engine = _read_only_engine(url, workers=workers, longest_s=longest_s)
        self._jobs: queue.Queue[Job[Any] | None] = queue.Queue(QUEUE_LENGTH)
        self._threads = [
            # Daemons: a driver that hangs must not keep the process from ending.
            threading.Thread(target=self._serve, name=f"facts-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def engine(self) -> Engine:
        """The engine, for the check of the rules at load."""
        return self._engine

    def submit(self, work: Callable[[Connection], T]) -> Job[T]:
        """Queue some reading.

        Raises:
            FactsUnavailable: The queue is full.
        """
        job = Job(work)
        try:
            self._jobs.put_nowait(job)
        except queue.Full as error:
            raise FactsUnavailable(
                f"{QUEUE_LENGTH} questions wait for the store's database already."
            ) from error
        return job

    def result(self, job: Job[T], *, timeout_s: float) -> T:
        """Wait for a job.

        Raises:
            FactsUnavailable: It did not end in time, or the database refused.
        """
        if not job.done.wait(max(0.0, timeout_s)):
            job.give_up()
            raise FactsUnavailable(f"The store's database gave no answer in {timeout_s:.2f} s.")
        if job.error is not None:
            raise FactsUnavailable(
                f"The store's database refused: {type(job.error).__name__}."
            ) from job.error
        return job.result  # type: ignore[return-value]

    def close(self) -> None:
        """Let the threads go and close the pool; running queries end by themselves."""
        for _ in self._threads:
            try:
                self._jobs.put_nowait(None)
            except queue.Full:
                break
        for thread in self._threads:
            thread.join(timeout=0.5)
        self._engine.dispose()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not job.is_given_up:
                self._run(job)
            job.done.set()

    def _run(self, job: Job[Any]) -> None:
        try:
            with self._engine.connect() as connection:
                with job.lock:
                    job.driver = connection.connection.driver_connection
                try:
                    job.result = job.work(connection)
                finally:
                    with job.lock:  # after this an interrupt cannot hit the connection's next user
                        job.driver = None
                    if job.is_given_up:
                        connection.invalidate()
        # The outermost loop of a thread: whatever the driver throws is the job's outcome.
        except Exception as error:  # noqa: BLE001
            job.error = error


def is_refusal(error: SQLAlchemyError) -> bool:
    """Whether the database understood a query and will not take it, now or later."""
    driver = getattr(error, "orig", None)
    if (code := getattr(driver, "sqlite_errorcode", None)) is not None:
        return bool(code == sqlite3.SQLITE_ERROR)
    if state := getattr(driver, "sqlstate", None):
        return str(state)[:2] in {"0A", "22", "25", "42"}  # SQL standard classes, as PostgreSQL has
    return not isinstance(error, DBAPIError) or not error.connection_invalidated


def _read_only_engine(url: str, *, workers: int, longest_s: float) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(parsed, workers=workers, longest_s=longest_s)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(
            parsed,
            poolclass=QueuePool,
            pool_size=workers,
            max_overflow=0,
            pool_timeout=longest_s,
            pool_pre_ping=True,
            pool_recycle=1800,
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadInput(
            f"The store database's URL cannot be used: {error}.",
            hint="Examples: sqlite:////srv/store.db, postgresql://reader@db.store/live "
            "(pip install 'backroom[postgres]').",
        ) from error
    _make_sessions_read_only(engine, longest_s=longest_s)
    return engine


def _sqlite_engine(url: URL, *, workers: int, longest_s: float) -> Engine:
    path = url.database
    if not path or path == ":memory:":
        raise BadInput("A SQLite store database must be a file.", hint="sqlite:////path/store.db")

    def connect() -> sqlite3.Connection:
        # mode=ro: an absent file is an error, never a new empty database.
        connection = sqlite3.connect(
            f"file:{quote(path)}?mode=ro", uri=True, check_same_thread=False, timeout=longest_s
        )
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute(
                "PRAGMA schema_version"
            ).fetchone()  # fails here if it is no database
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=workers,
        max_overflow=0,
        pool_timeout=longest_s,
    )
    _follow_replaced_file(engine, path)
    return engine


def _follow_replaced_file(engine: Engine, path: str) -> None:
    """Drop pooled connections whose file was replaced or removed: they would read the old one."""

    def identity() -> tuple[int, int] | None:
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            return None
        return status.st_dev, status.st_ino

    @event.listens_for(engine, "connect")
    def remember(_dbapi: Any, record: Any) -> None:
        record.info["file"] = identity()

    @event.listens_for(engine, "checkout")
    def compare(_dbapi: Any, record: Any, _proxy: Any) -> None:
        if record.info.get("file") != identity():
            raise DisconnectionError("The database file was replaced.")


def _make_sessions_read_only(engine: Engine, *, longest_s: float) -> None:
    statements = {
        "postgresql": (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            f"SET statement_timeout = {int(longest_s * 1000)}",
        ),
        "mysql": ("SET SESSION TRANSACTION READ ONLY",),
        "mariadb": ("SET SESSION TRANSACTION READ ONLY",),
    }.get(engine.dialect.name, ())

    @event.listens_for(engine, "connect")
    def prepare(dbapi: Any, _record: Any) -> None:
        cursor = dbapi.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        dbapi.commit()

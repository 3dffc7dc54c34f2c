"""The store's own SQLite database: one connection writes, any thread may queue for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

from appliance.errors import StoreError

T = TypeVar("T")

MIGRATIONS = Path(__file__).parent / "migrations"
# FULL, not NORMAL: under WAL a NORMAL commit can vanish when the power goes, and a reply
# already spoken must still be in the journal. One fsync per commit. Test: faults/test_kill.py.
SYNCHRONOUS = "FULL"
BUSY_TIMEOUT_MS = 5_000


class Database:
    """Owns the file. Writes are serialised by a lock; reads use a connection of their own."""

    def __init__(self, path: Path) -> None:
        """Open or create the database and bring its schema up to date.

        Raises:
            StoreError: The file cannot be opened, is not SQLite, or is newer than this program.
        """
        self.path = path
        self._lock = threading.Lock()
        self._local = threading.local()
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # What associates typed is nobody else's on this machine; SQLite gives -wal and -shm
            # the mode of the file itself.
            path.touch(mode=0o600)
            path.chmod(0o600)
            self._writer = self._open()
            self._migrate()

    def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run `work` in one immediate transaction; it is durable when this returns.

        Raises:
            StoreError: Nothing was written: disk full, read-only, damaged, or locked too long.
        """
        with self._lock, _translated(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._writer)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            return result

    def rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a reading statement.

        Raises:
            StoreError: The database could not be read.
        """
        with _translated(self.path):
            if not hasattr(self._local, "reader"):
                self._local.reader = self._open()
            return list(self._local.reader.execute(sql, bindings))

    def close(self) -> None:
        """Close the writer; idempotent. Readers close with their threads."""
        with self._lock:
            self._writer.close()

    def _open(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path))
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
        return connection

    def _migrate(self) -> None:
        steps = sorted(MIGRATIONS.glob("*.sql"))
        version = int(self._writer.execute("PRAGMA user_version").get)
        if version > len(steps):
            raise StoreError(
                f"{self.path} has schema {version}; this program knows up to {len(steps)}.",
                hint="Install the newer program again, or move the file aside.",
            )
        for number, step in enumerate(steps[version:], start=version + 1):
            with self._writer:
                self._writer.execute(step.read_text(encoding="utf-8"))
                self._writer.execute(f"PRAGMA user_version = {number}")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except apsw.FullError as exc:
        raise StoreError(f"{path}: the disk is full.", hint="Free some space: df -h") from exc
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError, OSError) as exc:
        raise StoreError(
            f"{path} cannot be opened for writing: {exc}.", hint=f"Check: ls -ld {path.parent}"
        ) from exc
    except (apsw.NotADBError, apsw.CorruptError) as exc:
        raise StoreError(
            f"{path} is not a sound SQLite database: {exc}.",
            hint=f"Move it aside and start again: mv {path} {path}.damaged",
        ) from exc
    except apsw.Error as exc:
        raise StoreError(f"{path}: {type(exc).__name__}: {exc}.", hint="Try again.") from exc

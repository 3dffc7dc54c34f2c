"""The ledger's schema, brought up to date by Alembic before anything else is done."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from appliance.errors import BadInput
from sync.hub.ledger import engines, make_private, translated

SCRIPTS = Path(__file__).parent / "migrations"
LOCK = 4_817_236_001  # of PostgreSQL: two hubs that start together migrate one after the other


def migrate(url: str) -> None:
    """Bring the database's schema to this program's; make the database if it is a new file.

    Raises:
        LedgerError: The database cannot be opened or written.
        BadInput: A newer program made it.
    """
    make_private(url)
    reading, writing = engines(url)
    try:
        with translated(url), writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            if _version(connection) != _head():
                _upgrade(connection)
    finally:
        reading.dispose()
        writing.dispose()


def _head() -> str:
    """Return the newest step's name, without loading Alembic: `0002_batches.py` is `0002`."""
    steps = sorted((SCRIPTS / "versions").glob("[0-9]*.py"))
    return steps[-1].name.partition("_")[0]


def _version(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found or "")


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - half a second, only when there is a step to take
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as exc:
        raise BadInput(
            f"The hub's database has schema {_version(connection)}; this program knows up to"
            f" {_head()}.",
            hint="Install the newer program again.",
        ) from exc

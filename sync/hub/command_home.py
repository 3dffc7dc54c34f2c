"""What the hub's commands share: the home they are about, opened, and where they print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from sync.hub.settings import load_settings

if TYPE_CHECKING:
    from sync.hub.ledger import Ledger
    from sync.hub.settings import HubSettings

DEFAULT_HOME = Path("var/hub")
Home = Annotated[
    Path, typer.Option("--home", envvar="BACKROOM_HUB", help="Folder of the hub's own data.")
]
out = Console(highlight=False, soft_wrap=True)


@contextmanager
def opened(home: Path) -> Iterator[tuple[HubSettings, Ledger]]:
    """Give the settings and the ledger of a hub for one command, its schema up to date.

    Raises:
        BadInput: There is no hub in this home.
        LedgerError: Its database cannot be opened.
    """
    from sync.hub.ledger import Ledger  # noqa: PLC0415 - only where a command needs it
    from sync.hub.migrate import migrate  # noqa: PLC0415

    settings = load_settings(home)
    migrate(settings.database_url)
    ledger = Ledger(settings.database_url)
    try:
        yield settings, ledger
    finally:
        ledger.close()


def plain(text: str) -> str:
    """Return a text with nothing in it that a terminal or rich would take for an order."""
    return "".join(char if char.isprintable() else " " for char in text).replace("[", r"\[")

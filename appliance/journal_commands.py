"""`backroom journal`: what was said and who came and went, and that nobody touched it since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from appliance.config import load_settings
from appliance.records import Entry

Home = Annotated[
    Path,
    typer.Option("--home", envvar="BACKROOM_HOME", help="Folder of the store's own data."),
]
DEFAULT_HOME = Path("var/store")
out = Console(highlight=False, soft_wrap=True)

journal = typer.Typer(help="The hash-chained record of everything said.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `backroom journal` to `app`."""
    app.add_typer(journal, name="journal")


@journal.command("verify")
def verify(home: Home = DEFAULT_HOME) -> None:
    """Check the journal's hash chain from its first row."""
    from appliance.wiring import open_journal  # noqa: PLC0415

    rows = open_journal(load_settings(home)).verify()
    out.print(f"[bold green]whole[/]: {rows} rows, every hash follows from the one before.")


@journal.command("tail")
def tail(
    home: Home = DEFAULT_HOME,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000)] = 10,
) -> None:
    """Print the latest replies, thumbs, sign-ins, lock-outs and pairings, newest first."""
    from appliance.wiring import open_journal  # noqa: PLC0415

    for entry in open_journal(load_settings(home)).latest(limit=count):
        told = json.loads(entry.body)
        who = told["reply"]["lane"] if entry.kind == "reply" else entry.kind
        at = f"{entry.written_at:%Y-%m-%dT%H:%M:%S}"
        out.print(f"[dim]{at} {told.get('id', ''):16} {who:>10}[/] ", end="")
        out.print(_line(entry, told), markup=False)


def _line(entry: Entry, told: dict[str, object]) -> str:
    """Return what a row tells, but for its instant and whose it is."""
    reply = told.get("reply")
    if entry.kind == "reply" and isinstance(reply, dict):
        return f"{told['masked']} → {reply['text']}"
    if entry.kind == "late_answer":
        return f"{told['by']} {'withheld' if told['is_withheld'] else 'given'} → {told['text']}"
    return " · ".join(f"{name} {value}" for name, value in told.items() if value and name != "id")

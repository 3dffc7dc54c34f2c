"""`backroom hub`: headquarters' server."""

from __future__ import annotations

import typer

app = typer.Typer(help="Headquarters: serve, enrol and see stores.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Headquarters: serve, enrol and see stores."""

"""`backroom agent`: the store's end of the line."""

from __future__ import annotations

import typer

app = typer.Typer(help="The store's end of the line.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The store's end of the line."""

"""`backroom release`: sign, publish and promote releases."""

from __future__ import annotations

import typer

app = typer.Typer(help="Sign, publish and promote releases.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Sign, publish and promote releases."""

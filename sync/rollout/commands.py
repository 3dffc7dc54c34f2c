"""`backroom rollout`: take a release to the stores in rings."""

from __future__ import annotations

import typer

app = typer.Typer(help="Take a release to the stores in rings.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Take a release to the stores in rings."""

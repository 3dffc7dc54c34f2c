"""`backroom models demo`: build the demo release's parts, all of them or from one step on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from appliance.config import DEMO_RELEASE
from appliance.errors import BadInput

out = Console(highlight=False, soft_wrap=True)


def register(group: typer.Typer) -> None:
    """Add the command to the `models` sub-command."""
    group.command("demo")(demo)


def demo(
    release: Annotated[Path, typer.Option(help="Release folder to fill.")] = DEMO_RELEASE,
    work: Annotated[Path, typer.Option(help="Where the corpus and caches go.")] = Path(
        "build/demo"
    ),
    on: Annotated[str, typer.Option(help="Day whose rules are in force, ISO; else today.")] = "",
    first: Annotated[str, typer.Option("--from", help="Step to start at.")] = "",
    last: Annotated[str, typer.Option("--to", help="Step to end with.")] = "",
) -> None:
    """Build the demo release, all its steps or some: see models/demo.py."""
    from models.build import Build  # noqa: PLC0415
    from models.demo import steps  # noqa: PLC0415

    day = datetime.fromisoformat(on).date() if on else datetime.now(UTC).date()
    build = Build(release, work, day)
    names = list(steps())
    for step in (first, last):
        if step and step not in names:
            raise BadInput(f"No step {step!r}.", hint=f"Steps: {', '.join(names)}.")
    start = names.index(first) if first else 0
    end = names.index(last) + 1 if last else len(names)
    for name in names[start:end]:
        figures = steps()[name](build)
        out.print(f"[bold green]{name}[/] {json.dumps(figures, default=str)}")

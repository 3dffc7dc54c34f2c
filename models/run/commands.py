"""`backroom models run` and `report`: a recipe's steps, and what came of them on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

out = Console(highlight=False, soft_wrap=True)


def register(group: typer.Typer) -> None:
    """Add the commands to the `models` sub-command."""
    group.command("run")(run)
    group.command("report")(report)


def run(
    recipe: Annotated[Path, typer.Argument(help="A TOML recipe, or the run.json of a run.")],
    folder: Annotated[
        Path | None, typer.Option("--out", help="The run's folder; else build/<recipe's name>.")
    ] = None,
    first: Annotated[
        str, typer.Option("--from", help="Make this step again, and what follows from it.")
    ] = "",
    last: Annotated[str, typer.Option("--to", help="Stop after this step.")] = "",
) -> None:
    """Run a recipe's steps through one folder; what is fresh is kept, a cut run goes on."""
    from models.recipe import parse_recipe, read_recipe  # noqa: PLC0415
    from models.run.runner import Span  # noqa: PLC0415
    from models.run.runner import run as run_steps  # noqa: PLC0415
    from models.run.steps import STEPS  # noqa: PLC0415
    from models.run.story import STORY, same_outcomes, told_recipe  # noqa: PLC0415
    from models.run.watch import Watch  # noqa: PLC0415

    is_story = recipe.suffix == ".json"
    read = parse_recipe(*told_recipe(recipe)) if is_story else read_recipe(recipe)
    named = recipe.parent.name + "-again" if is_story else recipe.stem
    target = folder or Path("build") / named
    with Watch.over(out, steps=len(STEPS)) as watch:
        done = run_steps(read, target, span=Span(first, last), watch=watch)
    if is_story and recipe.resolve() != (target / STORY).resolve():
        for name, is_same in same_outcomes(recipe, target / STORY).items():
            out.print(f"{name:10} {'came out the same' if is_same else 'came out otherwise'}")
    if done and done[-1].step == STEPS[-1].name:
        figures = done[-1].figures
        size = f"{figures['bytes'] / 1e6:.1f} MB"
        out.print(f"{target / 'package' / 'release'}: {figures['id']}, {size}")


def report(
    folder: Annotated[Path, typer.Argument(help="A run's folder.")],
    target: Annotated[
        Path | None, typer.Option("--out", help="Folder to fill; else RUN/report.")
    ] = None,
) -> None:
    """Write one self-contained report.html about a run, and its charts as PNGs."""
    from models.report.page import write_report  # noqa: PLC0415

    made = write_report(folder, target or folder / "report")
    out.print(f"{made}: {made.stat().st_size / 1e3:.0f} kB")

"""`backroom rollout`: take a release to the stores in rings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sync.hub import rollout_words_commands

app = typer.Typer(help="Take a release to the stores in rings.", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True)


@app.callback()
def _group() -> None:
    """Take a release to the stores in rings."""


@app.command("plan")
def plan(
    file: Annotated[Path, typer.Argument(help="The plan, as TOML.")],
    what: Annotated[str, typer.Argument(help="show, or check: only whether it can work.")] = "show",
) -> None:
    """Check a plan, and tell in words what it will do."""
    from appliance.errors import BadInput  # noqa: PLC0415
    from sync.rollout.plan import read_plan  # noqa: PLC0415
    from sync.rollout.report import plan_lines  # noqa: PLC0415

    if what not in {"show", "check"}:
        raise BadInput(
            f"{what!r} is not show or check.", hint=f"backroom rollout plan {file} check"
        )
    found = read_plan(file)
    if what == "show":
        for line in plan_lines(found):
            out.print(line, markup=False)
    out.print(f"{file} can work.", markup=False)


@app.command("simulate")
def simulate(  # noqa: PLR0917 - a command's options, given by name
    file: Annotated[
        Path | None, typer.Option("--plan", help="A plan; an example's if none.")
    ] = None,
    stores: Annotated[int, typer.Option(min=1, max=100_000, help="How many stores.")] = 1600,
    sizes: Annotated[str, typer.Option(help="Stores of each ring: 8,80,1512.")] = "",
    runs: Annotated[int, typer.Option(help="Runs of each kind of release.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same table.")] = 1,
    silent: Annotated[float, typer.Option(min=0, max=1, help="Share offline at the start.")] = 0.05,
    affected: Annotated[
        float, typer.Option(min=0, max=1, help="Share of stores where a fault shows.")
    ] = 0.5,
    asks: Annotated[float, typer.Option(min=0, help="Asks a day of all stores.")] = 50_000,
    back_minutes: Annotated[
        float, typer.Option(min=0, help="After a halt, until stores on it are taken back.")
    ] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="The table as JSON.")] = False,
) -> None:
    """Print the blast radius of a bad release: how many stores ran it, how long, how it ended."""
    from appliance.codec import to_plain  # noqa: PLC0415
    from sync.rollout.plan import read_plan  # noqa: PLC0415
    from sync.rollout.radius import EXAMPLE, measure  # noqa: PLC0415
    from sync.rollout.report import radius_table, read_sizes, setting_line  # noqa: PLC0415
    from sync.rollout.world import Fault, Setting, ring_sizes  # noqa: PLC0415

    found = read_plan(file) if file else EXAMPLE
    counted = read_sizes(sizes) if sizes else ring_sizes(found, stores)
    setting = Setting(
        stores=sum(counted),
        affected=affected,
        offline=silent,
        asks_a_day=asks,
        back_s=back_minutes * 60,
    )
    radii = measure(found, list(Fault), setting, sizes=counted, runs=runs, seed=seed)
    if as_json:
        typer.echo(json.dumps(to_plain(radii), indent=1))
        return
    out.print(setting_line(found, setting, counted, runs=runs, seed=seed), markup=False)
    out.print(radius_table(radii))


rollout_words_commands.register(app)

"""`backroom models …`: make and measure the models of a release.

Heavy imports wait for the command that needs them.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from models import answerability_commands, search_commands, tune_commands
from models.corpus.cli import register_corpus
from models.routing import commands as routing_commands
from models.run import commands as run_commands

RecipeOption = Annotated[Path, typer.Option("--recipe", help="A TOML recipe; see models/recipes.")]
DEMO = Path(__file__).parents[1] / "appliance" / "demo" / "release" / "specialist"
out = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the `models` group to `app`."""
    models = typer.Typer(help="Make and measure the models of a release.", no_args_is_help=True)
    models.command("evaluate")(evaluate)
    search_commands.register(models)
    answerability_commands.register(models)
    run_commands.register(models)
    tune_commands.register(models)
    register_corpus(models)
    routing_commands.register(models)
    app.add_typer(models, name="models")


def evaluate(
    recipe: RecipeOption,
    model: Annotated[Path, typer.Option("--model", help="A specialist's GGUF.")] = DEMO
    / "specialist.gguf",
    folder: Annotated[Path, typer.Option("--work", help="Where neighbours are kept.")] = Path(
        "build/specialist"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report.")] = False,
) -> None:
    """Examine a GGUF on held-out asks: right source and slots, and what it rightly declines."""
    from appliance.engines.llama import LlamaEngine  # noqa: PLC0415
    from models.evaluate import examine  # noqa: PLC0415
    from models.recipe import read_recipe  # noqa: PLC0415
    from models.specialist import Desk  # noqa: PLC0415

    read = read_recipe(recipe)
    practice, test = Desk.open(read, folder).held_out.halves()
    with closing(LlamaEngine(model)) as served:
        found = examine(
            served, practice=practice, material=test, size=read.exam.size, seed=read.exam.seed
        )
    if as_json:
        out.print_json(json.dumps(found))
    else:
        _print(found["calibrated"])


def _print(found: dict[str, Any]) -> None:
    table = Table("what", "share", "of", box=None)
    for name, share in found["shares"].items():
        table.add_row(name, f"{share:.1%}", str(found["counts"][name]))
    out.print(table)
    out.print(f"cites from a probability of {found['least']:.2f}")

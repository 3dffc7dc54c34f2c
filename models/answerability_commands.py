"""`backroom models answerability`: whether a sentence answers, trained and measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from appliance.errors import BadInput

DEMO = Path(__file__).parents[1] / "appliance" / "demo" / "release"
CORPUS = Path(__file__).parent / "corpus"
COLUMNS = {  # as printed: as measured; AUROC is of "anything answers", mixed has a quarter that not
    "hit@1": "hit@1", "hit@2": "hit@2", "passage": "passage@1", "AUROC": "answered_auroc",
    "ECE": "ece", "mixed": "ece_mixed", "ms": "ms",
}  # fmt: skip
out = Console(highlight=False)


def register(app: typer.Typer) -> None:
    """Add the command to the `models` sub-command."""
    app.command("answerability")(answerability)


def answerability(
    release: Annotated[Path, typer.Option(help="Release whose search it is for.")] = DEMO,
    corpus: Annotated[
        Path, typer.Option(help="Folder with handbook, asks and lexicon.toml.")
    ] = CORPUS,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of asking; default today.")
    ] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Only measure the release's model.")
    ] = False,
) -> None:
    """Train the answerability model beside the release's ranker, and print what it gains.

    It is refused when it finds the sentence surely less often than the logistic weights, tells
    "nothing answers" no better, or is not calibrated; then nothing is written.
    """
    from appliance.ranker_file import ANSWERABILITY  # noqa: PLC0415
    from models.answerability_build import make, measure, read_field  # noqa: PLC0415
    from models.build import Build  # noqa: PLC0415

    build = Build(release, Path("build/demo"), (on or datetime.now(UTC)).date(), corpus)
    path = release / ANSWERABILITY
    if evaluate and not path.exists():
        raise BadInput(f"{release} has no {ANSWERABILITY}.", hint="Leave out --evaluate.")
    if evaluate:
        _print(measure(build, read_field(build).half(calibration=False), path))
    else:
        _print(make(build))
        out.print(f"[bold green]{path}[/]: {path.stat().st_size / 1e3:.1f} kB")


def _print(figures: Mapping[str, Any]) -> None:
    asks = figures["answerability"]["asks"]
    printed = Table(title=f"{asks:,} held-out asks, as the store searches", title_justify="left")
    for name in ("", *COLUMNS):
        printed.add_column(name, justify="left" if not name else "right")
    for name in ("logistic", "answerability"):
        printed.add_row(name, *(f"{figures[name][column]:.3f}" for column in COLUMNS.values()))
    out.print(printed)

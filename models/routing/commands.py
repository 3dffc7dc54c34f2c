"""`backroom models router …`: train from examples, learn lanes from outcomes, report, promise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from appliance.config import DEMO_RELEASE
from appliance.errors import BadInput
from appliance.files import replaced

out = Console(highlight=False, soft_wrap=True)
OutcomesOption = Annotated[Path, typer.Option("--outcomes", help="JSONL: an ask a line.")]
ReleaseOption = Annotated[Path, typer.Option("--release", help="Whose embedder is used.")]
RouterOption = Annotated[
    Path | None, typer.Option("--router", help="A trained router's folder, whose features count.")
]


def register(group: typer.Typer) -> None:
    """Add `router` to the `models` sub-command."""
    router = typer.Typer(help="Scope, lanes and the promise of a router.", no_args_is_help=True)
    router.command("train")(train)
    router.command("lanes")(lanes)
    router.command("replay")(replay)
    router.command("report")(report)
    router.command("promise")(promise)
    group.add_typer(router, name="router")


def train(  # noqa: PLR0917 - a command's options, given by name
    examples: Annotated[Path, typer.Option(help="CSV: text,label; label: intent | out_of_scope.")],
    target: Annotated[Path, typer.Option("--out", help="Folder to fill.")] = Path("build/router"),
    validation: Annotated[
        Path | None, typer.Option(help="CSV the threshold is chosen on; else held-out folds.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="CSV that is measured, never chosen on.")
    ] = None,
    release: ReleaseOption = DEMO_RELEASE,
    turned_away: Annotated[
        float, typer.Option(help="Share of our own turned away, where none else tells.", min=0.0)
    ] = 0.015,
    cache: Annotated[Path, typer.Option(help="Where embeddings are kept.")] = Path(
        "build/router/cache"
    ),
    seed: Annotated[int, typer.Option(help="Of initialisation, order and folds.")] = 2026,
    few: Annotated[
        list[int] | None,
        typer.Option(
            help="Also report so many examples an intent, of the first; repeat it.", min=2
        ),
    ] = None,
) -> None:
    """Train what is in scope, and which intent it is, from labelled examples."""
    from models.routing.few import reported  # noqa: PLC0415
    from models.routing.train import Plan  # noqa: PLC0415
    from models.routing.train import train as train_router  # noqa: PLC0415

    if turned_away >= 1:
        raise BadInput(f"--turned-away is {turned_away}; it is a share under 1, such as 0.02.")
    plan = Plan(
        examples=examples,
        out=target,
        embedder=release / "embedder",
        cache=cache,
        validation=validation,
        test=test,
        turned_away=turned_away,
        seed=seed,
    )
    figures = train_router(plan, say=out.print)["figures"]
    _print_scope(figures)
    for count in few or ():
        out.print(f"the same with the first {count} examples of each intent:")
        _print_scope(reported(plan, count, say=out.print))
    out.print(f"[bold green]{target}[/]: {figures['intents']} intents, {figures['chosen_by']}")


def lanes(
    outcomes: OutcomesOption,
    target: Annotated[
        Path | None, typer.Option("--out", help="JSON: lanes' odds for a release's router.")
    ] = None,
    router: RouterOption = None,
    release: ReleaseOption = DEMO_RELEASE,
) -> None:
    """Learn each lane's odds from recorded outcomes."""
    from models.build import write_table  # noqa: PLC0415
    from models.outcomes import row_of  # noqa: PLC0415
    from models.routing.lanes import fit_lanes, halves  # noqa: PLC0415
    from models.routing.placing import place_lanes  # noqa: PLC0415

    if target is None and router is None:
        raise BadInput(
            "Nowhere to put the lanes' odds.", hint="Name a trained router with --router, or --out."
        )
    fitting, _ = halves(_outcomes(outcomes, router, release))
    found = fit_lanes(fitting)
    if router is not None:
        place_lanes(router, found)
    if target is not None:
        write_table(target, {"lanes": {name: row_of(model) for name, model in found.items()}})
    out.print(f"{', '.join(found)}: fitted on {len(fitting)} asks; the others are for the report")


def replay(  # noqa: PLR0917 - a command's options, given by name
    target: Annotated[Path, typer.Option("--out", help="JSONL of recorded outcomes.")],
    corpus: Annotated[
        Path, typer.Option(help="handbook, asks, intents.toml, lexicon.toml, catalogue.csv.")
    ],
    on: Annotated[str, typer.Option(help="Day of asking, ISO.")],
    release: ReleaseOption = DEMO_RELEASE,
    which: Annotated[str, typer.Option(help="drawn | fresh")] = "drawn",
    most: Annotated[int, typer.Option(help="Asks of each kind; 0 is all.", min=0)] = 0,
    work: Annotated[Path, typer.Option(help="Where the store lives meanwhile.")] = Path(
        "build/router"
    ),
) -> None:
    """Replay a chain's held-out asks through every lane and the ladder: recorded outcomes."""
    from models.routing.record import record  # noqa: PLC0415

    done = record(target, corpus=corpus, on=on, release=release, which=which, most=most, work=work)
    out.print(f"{done} outcomes in {target}")


def report(  # noqa: PLR0917 - a command's options, given by name
    outcomes: OutcomesOption,
    router: RouterOption = None,
    release: ReleaseOption = DEMO_RELEASE,
    target: Annotated[
        Path | None, typer.Option("--json", help="Write the whole report, drawings too.")
    ] = None,
    draws: Annotated[int, typer.Option(help="Of the bootstrap.", min=100)] = 1000,
    cloud: Annotated[
        Path | None, typer.Option(help="JSONL of what the cloud answered: id or text, right, cost.")
    ] = None,
) -> None:
    """Say what routing is worth on recorded outcomes, beside the simple ways, by slice too."""
    from models.routing.cloud_file import with_cloud  # noqa: PLC0415
    from models.routing.report import router_report  # noqa: PLC0415

    recorded = _outcomes(outcomes, router, release)
    recorded = recorded if cloud is None else with_cloud(recorded, cloud)
    found = router_report(recorded, draws=draws)
    if target is not None:
        with replaced(target) as file:
            file.write(json.dumps(found, indent=1) + "\n")
    for note in found["notes"]:
        out.print(f"[dim]{note}[/]")
    for kind in ("local", "cloud"):
        if found[kind]:
            _print_ways(kind, found[kind])
    for name, parts in found["slices"].items():
        for kind in ("local", "cloud"):
            if parts[kind]:
                _print_ways(f"{kind}, {name}", parts[kind])
    for name, row in found["promises"].items():
        out.print(f"[bold]{name}[/]: {row['sentence']}")


def promise(
    outcomes: OutcomesOption,
    release: Annotated[
        Path | None, typer.Option("--place", help="Release whose manifest is to carry it.")
    ] = None,
    fresh: Annotated[
        Path | None, typer.Option(help="Outcomes that chose and proved nothing: is it kept?")
    ] = None,
    risk: Annotated[float, typer.Option(help="Share that may be wrong.", min=0.0001)] = 0.02,
    confidence: Annotated[float, typer.Option(help="Of the bound.", min=0.5)] = 0.95,
) -> None:
    """Prove what may be promised of the store's own answers, and write it into a release."""
    from models.routing.outcome_file import read_outcomes  # noqa: PLC0415
    from models.routing.placing import place_promise  # noqa: PLC0415
    from models.routing.promised import as_row, in_force, kept_on, said_promise  # noqa: PLC0415

    if not (risk < 1 and confidence < 1):
        raise BadInput(f"--risk {risk} and --confidence {confidence}: both are shares under 1.")
    made = said_promise(read_outcomes(outcomes), risk=risk, confidence=confidence)
    row = as_row(*made)
    if fresh is not None:
        row["fresh"] = kept_on(in_force(*made), read_outcomes(fresh))
        out.print(f"fresh asks: {json.dumps(row['fresh'])}")
    if release is not None:
        place_promise(release, row)
    out.print(row["sentence"])


def _outcomes(path: Path, router: Path | None, release: Path) -> Any:
    from models.routing.outcome_file import read_outcomes  # noqa: PLC0415
    from models.routing.placing import judged  # noqa: PLC0415

    found = read_outcomes(path)
    return found if router is None else judged(found, router, embedder=release / "embedder")


def _print_scope(figures: dict[str, Any]) -> None:
    table = Table(
        "", "in scope", "right intent", "right and let in", "out of scope caught", "AUROC"
    )
    for name in ("validation", "test"):
        if row := figures.get(name):
            shares = ("intent_accuracy", "in_scope_accuracy", "out_of_scope_recall")
            told = ["–" if row[k] is None else f"{row[k]:.1%}" for k in shares]
            table.add_row(name, f"{row['in_scope']:,}", *told, str(row["auroc"] or "–"))
    if table.row_count:
        out.print(table)
    out.print(f"{figures['ms_after_embedding']:.2f} ms a question after its embedding")


def _print_ways(title: str, ways: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Print a table: a way of deciding a row, a figure with its interval a column."""
    names = list(dict.fromkeys(name for row in ways.values() for name in row))
    table = Table(title, *names, box=None)
    for way, row in ways.items():
        table.add_row(way, *(_interval(row.get(name)) for name in names))
    out.print(table)


def _interval(cell: dict[str, Any] | None) -> str:
    if not cell or cell["value"] is None:
        return "–"
    if cell["low"] is None:
        return f"{cell['value']:.3f}"
    return f"{cell['value']:.3f} ({cell['low']:.3f}–{cell['high']:.3f})"

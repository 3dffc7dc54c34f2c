"""`backroom models embedder`, `embedder-tune` and `ranker`: what search rests on."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table as Printed

from appliance.errors import BadInput
from appliance.files import replaced

if TYPE_CHECKING:
    from models.embedder_gate import Judged
    from models.ranker import Labelled, Table

DEMO = Path(__file__).parents[1] / "appliance" / "demo" / "release"
CORPUS = Path(__file__).parent / "corpus"
SEARCHED_KINDS = ("handbook", "local")  # what the stitch stage searches
LEAST_UNSEEN = 200  # asks that teach; fewer tell 18 weights apart no better than inflated ones
out = Console(highlight=False)


def register(app: typer.Typer) -> None:
    """Add the commands to the `models` sub-command."""
    app.command("embedder")(embedder)
    app.command("embedder-tune")(embedder_tune)
    app.command("ranker")(ranker)


def embedder(  # noqa: PLR0917 - a command's options, given by name
    source: Annotated[Path, typer.Option("--from", help="A sentence-transformers folder.")],
    target: Annotated[Path, typer.Option("--out", help="Folder to fill.")],
    licence: Annotated[Path | None, typer.Option("--license", help="The model's licence.")] = None,
    untuned: Annotated[
        Path | None, typer.Option(help="The folder it was tuned from: refuse it unless better.")
    ] = None,
    manual: Annotated[
        Path | None, typer.Option(help="Folder of the public manual_qa data, for --untuned.")
    ] = None,
    corpus: Annotated[
        Path, typer.Option(help="Folder with handbook, asks and lexicon.toml.")
    ] = CORPUS,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of asking; default today.")
    ] = None,
) -> None:
    """Export a local MiniLM folder to the release's int8 ONNX embedder.

    With --untuned and --manual it must beat the untuned one by 5 points of held-out hit@1, and lose
    nothing on manual_qa; else nothing is written.
    """
    from models.embedder import export  # noqa: PLC0415
    from models.embedder_gate import export_better  # noqa: PLC0415

    if (untuned is None) != (manual is None):
        raise BadInput("--untuned and --manual belong together.")
    if untuned is None or manual is None:
        made = export(source, target, license_file=licence)
    else:
        made = export_better(
            source,
            target,
            untuned=untuned,
            corpus=corpus,
            manual=manual,
            on=(on or datetime.now(UTC)).date(),
            license_file=licence,
            show=_print_gate,
        )
    out.print(
        f"[bold green]{made.folder}[/]: {made.size_bytes / 1e6:.1f} MB, cosine to fp32"
        f" {made.cosine_mean:.4f} on average, {made.cosine_low:.4f} at worst"
    )


def embedder_tune(  # noqa: PLR0917 - a command's options, given by name
    source: Annotated[Path, typer.Option("--from", help="A sentence-transformers folder.")],
    manual: Annotated[Path, typer.Option(help="Folder of the public manual_qa data, measured.")],
    folder: Annotated[
        Path, typer.Option("--out", help="The run's folder; a cut run goes on from it.")
    ] = Path("build/embedder_tuned"),
    corpus: Annotated[
        Path, typer.Option(help="Folder with handbook, asks and lexicon.toml.")
    ] = CORPUS,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of asking; default today.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the asks.", min=1)] = 2,
    minutes: Annotated[float, typer.Option(help="No step is begun later.", min=0.1)] = 60.0,
    seed: Annotated[int, typer.Option(help="Of order, wording and dropout.")] = 2026,
) -> None:
    """Tune the embedder on the chain's asks; export the result with `backroom models embedder`."""
    from models.embedder_run import Plan  # noqa: PLC0415
    from models.embedder_tune import tune  # noqa: PLC0415

    made = tune(
        source,
        handbook=corpus / "handbook",
        asks=corpus / "asks",
        lexicon=corpus / "lexicon.toml",
        manual=manual,
        on=(on or datetime.now(UTC)).date(),
        folder=folder,
        plan=Plan(epochs=epochs, minutes=minutes, seed=seed),
        say=out.print,
    )
    was, now = (made[k]["handbook"]["all"]["hit@1"] for k in ("before", "after"))
    out.print(f"[bold green]{folder}[/]: held-out hit@1 {was:.1%} to {now:.1%}")


def ranker(  # noqa: PLR0917 - a command's options, given by name
    index: Annotated[Path, typer.Option(help="Index of the documents the asks are about.")],
    asks: Annotated[Path, typer.Option(help="Folder of labelled asks.")] = CORPUS / "asks",
    target: Annotated[Path, typer.Option("--out", help="Where the weights go, or are.")] = DEMO
    / "ranker"
    / "ranker.json",
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Only measure the weights in --out.")
    ] = False,
    manual: Annotated[
        Path | None, typer.Option(help="Folder of the public manual_qa data, measured too.")
    ] = None,
    manual_index: Annotated[Path | None, typer.Option(help="Index of its sections.")] = None,
    catalog: Annotated[Path | None, typer.Option(help="Products, as CSV, asked for too.")] = None,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of asking; default today.")
    ] = None,
    embedder_folder: Annotated[
        Path, typer.Option("--embedder", help="Folder with embedder.onnx.")
    ] = DEMO / "embedder",
    lexicon: Annotated[Path, typer.Option(help="The chain's shorthand.")] = CORPUS / "lexicon.toml",
) -> None:
    """Train the search ranker on labelled asks, and print BM25, vectors and both side by side."""
    from appliance.engines.onnx import OnnxEmbedder  # noqa: PLC0415
    from appliance.store.index import SqliteIndex  # noqa: PLC0415
    from appliance.store.ranker import load_ranker, untrained  # noqa: PLC0415
    from models.ranker import figures, measure, product_asks, read_manual_qa, train  # noqa: PLC0415
    from models.small_onnx import write_ranker  # noqa: PLC0415

    if (manual is None) != (manual_index is None):
        raise BadInput("--manual and --manual-index belong together.")
    model = OnnxEmbedder(embedder_folder)
    opened = SqliteIndex(
        index, embedder=model, ranker=load_ranker(target) if evaluate else untrained()
    )
    products = _rows(catalog)
    made = untrained()
    lesson, exam = _halves(asks, on, lexicon)
    if not evaluate:
        learnt = [*lesson, *product_asks(products, held_out=False)]
        made = opened.ranker = train(opened, learnt, embedder=model)
    tables = [measure(opened, found, embedder=model, name=name) for name, found in exam]
    if products:
        found = product_asks(products, held_out=True)
        tables.append(measure(opened, found, embedder=model, name="products, held out"))
    if manual is not None and manual_index is not None:
        public = SqliteIndex(manual_index, embedder=model, ranker=opened.ranker)
        tables.append(measure(public, read_manual_qa(manual), embedder=model, name="manual_qa"))
    for table in tables:
        _print(table)
    if not evaluate:
        made = replace(made, figures={**made.figures, "measured": figures(tables)})
        with replaced(target) as file:
            file.write(made.as_json())
        write_ranker(made, target.with_suffix(".onnx"))
        out.print(f"[bold green]{target}[/] written, and {target.with_suffix('.onnx').name}.")


def _halves(
    folder: Path, on: datetime | None, words: Path
) -> tuple[list[Labelled], list[tuple[str, list[Labelled]]]]:
    """Return what the ranker learns from, and what it is measured on, in both views.

    The asks of the files' `asks` lie nearer to their passages than a new one does: the embedder was
    tuned on them. Of the held-out ones half teach and half measure; where these are too few to
    teach, the others do, and all held-out ones measure.
    """
    from models.outcomes import is_calibration  # noqa: PLC0415

    views = _asks(folder, "held_out", on, words)
    teach = [is_calibration(a.text) for a in views[0][1]]  # as typed: the same half in both views
    if sum(teach) < LEAST_UNSEEN:
        return [a for _, found in _asks(folder, "asks", on, words) for a in found], views
    lesson = [a for _, found in views for a, mine in zip(found, teach, strict=True) if mine]
    exam = [
        (name, [a for a, mine in zip(found, teach, strict=True) if not mine])
        for name, found in views
    ]
    return lesson, exam


def _asks(
    folder: Path, field: str, on: datetime | None, words: Path
) -> list[tuple[str, list[Labelled]]]:
    """Return the asks twice: as typed over everything, and as the stages search for them."""
    from appliance.lexicon_file import load_lexicon  # noqa: PLC0415
    from appliance.stages.text import fold, language  # noqa: PLC0415
    from models.ranker import read_labelled  # noqa: PLC0415

    day = (on or datetime.now(UTC)).date()
    typed = read_labelled(folder, field, on=day)
    lexicon = load_lexicon(words)
    staged = read_labelled(
        folder,
        field,
        on=day,
        kinds=SEARCHED_KINDS,
        prepare=lambda text: lexicon.with_synonyms(lexicon.expand(fold(text))),
        language=lambda text: language(fold(text)),
    )
    return [(f"{field}, as typed", typed), (f"{field}, through the stages", staged)]


def _rows(catalog: Path | None) -> Sequence[dict[str, str]]:
    if catalog is None:
        return []
    try:
        with catalog.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"Cannot read {catalog}: {error}.") from error


def _print_gate(judged: Judged) -> None:
    printed = Printed(title="As the store runs them, int8", title_justify="left")
    for name in ("", "untuned hit@1", "hit@5", "MRR", "tuned hit@1", "hit@5", "MRR"):
        printed.add_column(name, justify="left" if not name else "right")
    for name, was in judged.before.items():
        now = judged.after[name]
        printed.add_row(name, *(f"{x:.3f}" for x in (*was.values(), *now.values())))
    out.print(printed)


def _print(table: Table) -> None:
    title = f"{table.name} ({table.asks:,} asks, calibration error {table.calibration_error:.3f})"
    printed = Printed(title=title, title_justify="left")
    for name in ("", "hit@1", "hit@5", "MRR"):
        printed.add_column(name, justify="left" if not name else "right")
    for score in table.scores:
        numbers = (f"{value:.3f}" for value in (score.hit_1, score.hit_5, score.mrr))
        printed.add_row(score.name, *numbers)
    out.print(printed)

"""The commands of the index: build one, look at one, search it, find products in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from appliance.errors import BadInput
from appliance.files import replaced
from appliance.ports import Filters
from appliance.records import Passage, Role

if TYPE_CHECKING:
    from appliance.index_build.build import BuildReport
    from appliance.store.index import SqliteIndex

DEMO_RELEASE = Path(__file__).parent / "demo" / "release"
SHOWN_SKIPS = 12
BY = ("passage", "document")
out = Console(highlight=False, soft_wrap=True)

IndexOption = Annotated[Path, typer.Option("--index", help="The index file.")]
EmbedderOption = Annotated[
    Path, typer.Option("--embedder", help="Folder with embedder.onnx and tokenizer.json.")
]


def register(app: typer.Typer) -> None:
    """Add `index` and `search` to `app`."""
    index = typer.Typer(help="Build and check the index of documents and products.")
    index.callback(no_args_is_help=True)(_nothing)
    index.command("build")(build)
    index.command("info")(info)
    app.add_typer(index, name="index")
    app.command("search")(search)


def _nothing() -> None:
    """Build and check the index of documents and products."""


def build(  # noqa: PLR0917 - a command's options, given by name
    target: Annotated[Path, typer.Option("--out", help="The index file to write.")],
    docs: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of documents (Markdown, HTML, PDF, DOCX, CSV) or a JSONL."),
    ] = None,
    catalog: Annotated[
        Path | None, typer.Option(help="Products: CSV, JSONL, JSON or YAML with any columns.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write what was made and what was skipped, as JSON.")
    ] = None,
    embedder: EmbedderOption = DEMO_RELEASE / "embedder",
    like: Annotated[
        Path | None,
        typer.Option(help="The index stores have now: what did not change stays where it is."),
    ] = None,
) -> None:
    """Build one immutable index file from documents and a catalogue.

    Stopped half way, run it again: what was embedded is kept beside the output. The same input
    gives the same file. With --like an update of a few rows travels to stores as a few hundredths.
    """
    from appliance.engines.onnx import OnnxEmbedder  # noqa: PLC0415
    from appliance.index_build.build import build_index  # noqa: PLC0415

    if not docs and catalog is None:
        raise BadInput("Nothing to index.", hint="Give --docs DIR, --catalog FILE or both.")
    model = OnnxEmbedder(embedder)
    with _progress() as step:
        made = build_index(
            docs=docs or [],
            catalog=catalog,
            out=target,
            embedder=model,
            embedder_digest=model.digest,
            like=like,
            step=step,
        )
    if report is not None:
        with replaced(report) as file:
            file.write(made.as_json())
    _print_report(made)


def info(path: Annotated[Path, typer.Argument(help="The index file.")]) -> None:
    """Check an index file and print what it says of itself."""
    from appliance.store.index_schema import check_file, open_reader, read_meta  # noqa: PLC0415

    check_file(path)
    out.print_json(json.dumps(read_meta(open_reader(path), path)))


def search(  # noqa: PLR0917 - a command's options, given by name
    index: IndexOption,
    text: Annotated[str | None, typer.Argument(help="What to look for.")] = None,
    queries: Annotated[
        Path | None, typer.Option(help='Many at once: JSONL of {"id","text"}; needs --out.')
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--out", help='JSONL of {"id","hits":[{"id","score","title"}]}.')
    ] = None,
    k: Annotated[int, typer.Option("--k", min=1, max=500, help="Most hits per text.")] = 5,
    by: Annotated[
        str, typer.Option(help="passage, or document (a product counts as one).")
    ] = "passage",
    role: Annotated[Role, typer.Option(help="Who reads; managers may read most.")] = Role.ASSOCIATE,
    language: Annotated[str | None, typer.Option(help="Only this language, such as en.")] = None,
    department: Annotated[
        str | None, typer.Option(help="Only this one, and what is for all.")
    ] = None,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only what is in force that day.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="handbook, product … Default all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The hits as one JSON object.")] = False,
    embedder: EmbedderOption = DEMO_RELEASE / "embedder",
    ranker: Annotated[Path, typer.Option(help="Ranker weights.")] = DEMO_RELEASE
    / "ranker"
    / "ranker.json",
) -> None:
    """Search an index: words and meaning together, identifiers first.

    Also for a whole file of texts: --queries q.jsonl --k 50 --out hits.jsonl.
    """
    if by not in BY:
        raise BadInput(f"--by {by!r} is not known.", hint=f"One of: {', '.join(BY)}.")
    if (text is None) == (queries is None) or (queries is None) != (target is None):
        raise BadInput(
            "Give a text, or --queries FILE with --out FILE.",
            hint='For example: backroom search --index index.db "open box returns"',
        )
    filters = Filters(
        audiences=role.audiences,
        language=language,
        department=department,
        on=_date(on),
        kinds=tuple(kind or ()),
    )
    opened = _open(index, embedder=embedder, ranker=ranker)

    def find(asked: str) -> list[dict[str, Any]]:
        wide = k if by == "passage" else min(1_000, 4 * k)
        return _hits(opened.search(asked, k=wide, filters=filters), by=by, k=k)

    if text is not None:
        _print_hits(find(text), as_json=as_json)
    elif queries is not None and target is not None:
        done, failed = _search_file(queries, target, find)
        out.print(f"{done} texts searched, {failed} lines with an error, in {target}")


def _open(index: Path, *, embedder: Path, ranker: Path) -> SqliteIndex:
    from appliance.engines.onnx import OnnxEmbedder  # noqa: PLC0415
    from appliance.store.index import SqliteIndex  # noqa: PLC0415

    return SqliteIndex(index, embedder=OnnxEmbedder(embedder), ranker=ranker)


def _hits(passages: list[Passage], *, by: str, k: int) -> list[dict[str, Any]]:
    """Return hits as they are written; by document, each by its best passage, ids once."""
    hits: dict[str, dict[str, Any]] = {}
    for passage in passages:
        key = passage.document if by == "document" else passage.id
        hit = {"id": key, "score": round(passage.score, 6), "title": passage.title}
        if by == "document":
            hit["title"] = passage.title.split(" › ")[0]
        else:
            hit["document"] = passage.document
        hits.setdefault(key, {**hit, "text": passage.text})
    return list(hits.values())[:k]


def _search_file(
    queries: Path, target: Path, find: Callable[[str], list[dict[str, Any]]]
) -> tuple[int, int]:
    """Search for every line; one that cannot be read gives a line with `error`."""
    done = failed = 0
    with replaced(target) as file:
        for number, line in enumerate(_lines(queries), start=1):
            ask_id, asked, wrong = _query(line)
            row: dict[str, Any] = {"line": number} if ask_id is None else {"id": ask_id}
            if wrong:
                failed += 1
                row["error"] = wrong
            else:
                done += 1
                kept = ("id", "score", "title")
                row["hits"] = [{name: hit[name] for name in kept} for hit in find(asked)]
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return done, failed


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            for line in file:
                if line.strip():
                    yield line
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror}.") from error


def _query(line: bytes) -> tuple[Any, str, str]:
    """Return (id or None, text, what is wrong with the line or '')."""
    try:
        row = json.loads(line.decode("utf-8", "replace"))
    except (json.JSONDecodeError, RecursionError) as error:
        return None, "", f"Not JSON: {error}."
    if not isinstance(row, dict) or "id" not in row:
        return None, "", 'An object {"id", "text"} is expected.'
    if not isinstance(row.get("text"), str):
        return row["id"], "", '"text" must be a string.'
    return row["id"], row["text"], ""


def _print_hits(hits: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"hits": hits}, ensure_ascii=False))
        return
    if not hits:
        out.print("Nothing found.")
    for hit in hits:
        text = " ".join(hit["text"].split())
        out.print(
            f"[bold]{hit['score']:.2f}[/]  {escape(hit['title'])}  [dim]{escape(hit['id'])}[/]"
        )
        out.print(f"      {escape(text[:180])}{'…' if len(text) > 180 else ''}", style="dim")


def _print_report(made: BuildReport) -> None:
    out.print(
        f"[bold green]{made.index}[/]: {made.passages:,} passages of {made.documents:,} documents"
        f" and {made.products:,} products, {made.size_bytes / 1e6:.1f} MB"
    )
    out.print(f"  content {made.content_sha256[:16]}…", style="dim")
    for remark in made.remarks[:SHOWN_SKIPS]:
        out.print(f"  [yellow]note[/] {escape(remark.source)}: {escape(remark.why)}")
    for skipped in made.skipped[:SHOWN_SKIPS]:
        out.print(f"  [yellow]skipped[/] {escape(skipped.source)}: {escape(skipped.why)}")
    if len(made.skipped) > SHOWN_SKIPS:
        rest = len(made.skipped) - SHOWN_SKIPS
        out.print(f"  and {rest:,} more; --report FILE lists all of them")


def _date(on: datetime | None) -> date | None:
    return None if on is None else on.date()


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Give a `step(phase, done, in all)` that moves a bar; on a pipe it prints nothing."""
    columns = (
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bars: dict[str, Any] = {}
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def step(phase: str, done: int, total: int) -> None:
            if phase not in bars:
                bars[phase] = progress.add_task(phase, total=total)
            progress.update(bars[phase], completed=done, total=total)

        yield step

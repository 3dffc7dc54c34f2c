"""`backroom models corpus`: the demo chain's data, written out of hand-written tables and texts."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from appliance.demo.seed import seed_store
from appliance.errors import BadInput
from appliance.files import replaced
from models.corpus.cards import cards_json
from models.corpus.catalogue import SEED, generate, to_csv
from models.corpus.livestore import store_files

SOURCES = ("handbook", "asks", "cards", "lexicon.toml", "CHAIN.md")


def register_corpus(group: typer.Typer) -> None:
    """Add the command `corpus` to a group."""

    @group.command("corpus")
    def corpus(
        out: Annotated[Path, typer.Option(help="Folder to write the whole corpus into.")],
        seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = SEED,
        now: Annotated[
            str, typer.Option(help="Instant that store.db is fresh at, ISO 8601; else the clock.")
        ] = "",
        release: Annotated[
            Path | None,
            typer.Option(help="Also refresh this demo release's parts: store/*.csv, cards.json."),
        ] = None,
    ) -> None:
        """Write the demo chain: catalogue.csv, store.db, handbook, lexicon and answer cards."""
        products, documents = write_corpus(out, seed=seed, now=_instant(now), release=release)
        typer.echo(f"{products:,} products, {documents} documents → {out}")


def write_corpus(
    out: Path, *, seed: int = SEED, now: datetime, release: Path | None = None
) -> tuple[int, int]:
    """Write the demo chain's data; return (products, documents).

    Args:
        out: Folder of catalogue.csv, store.db, handbook, lexicon and cards.
        seed: The same seed gives the same bytes.
        now: Instant that store.db is fresh at.
        release: Also refresh this release's store/*.csv and cards.json.

    Raises:
        BadInput: A folder cannot be written.
    """
    products = generate(seed)
    parts = {f"store/{name}": text for name, text in store_files(products, seed).items()}
    parts["cards/cards.json"] = cards_json()
    for folder in {out / "release", release} - {None}:
        _write(folder, parts)
    _write(out, {"catalogue.csv": to_csv(products)})
    _copy_sources(out)
    seed_store(out / "store.db", now=now, source=out / "release" / "store")
    return len(products), len(list((out / "handbook").glob("*.md")))


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text) if text else datetime.now(UTC)
    except ValueError as error:
        raise BadInput(
            f"--now {text!r} is no ISO 8601 instant.", hint="2026-11-22T09:00Z"
        ) from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _write(folder: Path | None, parts: dict[str, str]) -> None:
    if folder is None:
        return
    for name, text in parts.items():
        with replaced(folder / name) as file:
            file.write(text)


def _copy_sources(out: Path) -> None:
    with as_file(files("models.corpus")) as source:
        for name in SOURCES:
            origin, target = source / name, out / name
            if origin.is_dir():
                shutil.rmtree(target, ignore_errors=True)  # a document taken away must not stay
                shutil.copytree(origin, target)
            elif origin.is_file():
                shutil.copyfile(origin, target)

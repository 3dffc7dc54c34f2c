"""`backroom release`: sign, publish and promote releases."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sync.publish import upkeep_commands
from sync.publish.options import (
    DEFAULT_REPOSITORY,
    Keys,
    OnlinePassphraseFile,
    Passphrase,
    PassphraseFile,
    Repo,
    open_repository,
)

HELP = """Sign, publish and promote releases.

[bold]init[/] makes the keys and an empty repository. [bold]sign[/] checks a release folder and
signs its parts (content key) and its manifest (release manager's key) into REPO/staged: no store
sees anything yet, and the two people may sign apart. [bold]publish[/] makes what is staged visible,
all or nothing. [bold]promote[/] points a ring of stores at a published release.

REPO/metadata and REPO/targets are plain files: the hub serves them, and so does any web server, or
a directory on a stick ([bold]media[/]).
"""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode="rich")
out = Console(highlight=False, soft_wrap=True)

Ring = Annotated[str, typer.Option("--ring", help="Name of the ring.")]
Release = Annotated[str, typer.Option("--release", help="Id of a published release.")]


@app.callback()
def _group() -> None:
    """Sign, publish and promote releases."""


@app.command()
def init(
    repo: Annotated[Path, typer.Argument(help="A new folder.")] = DEFAULT_REPOSITORY,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    online_passphrase_file: OnlinePassphraseFile = None,
    passphrase: Passphrase = "",
) -> None:
    """Make the keys and an empty repository.

    Root is three keys, of which two must sign; they, and those of targets, content and releases,
    lie in KEYS/offline: carry them away. Those of rings, snapshot and timestamp lie in KEYS/online,
    for the hub.
    """
    repository = open_repository(
        repo,
        keys,
        passphrase=passphrase,
        passphrase_file=passphrase_file,
        online_file=online_passphrase_file,
        is_new=True,
    )
    if not repository.keys.listed():
        repository.keys.make()
    repository.create()
    out.print(
        f"[bold]{repo}[/] is a repository; its keys are in [bold]{repository.keys.folder}[/]."
    )
    out.print(
        "Take KEYS/offline off this machine, each root key to another place; leave KEYS/online to"
        " the hub.",
        style="dim",
    )
    out.print("Next: backroom release sign FOLDER", style="dim")


@app.command()
def sign(
    folder: Annotated[Path, typer.Argument(help="Of a release: with its manifest.json.")],
    *,
    previous: Annotated[
        list[Path] | None,
        typer.Option("--from", help="A release stores hold: deltas are made from it. Repeatable."),
    ] = None,
    keep: Annotated[int, typer.Option(help="Newest releases that stay published.", min=1)] = 4,
    only: Annotated[
        str, typer.Option(help="content | release: sign only that half, the other is elsewhere.")
    ] = "",
    repo: Repo = DEFAULT_REPOSITORY,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    passphrase: Passphrase = "",
) -> None:
    """Check a release whole and sign it, its parts and its deltas; stores see nothing yet.

    A delta is kept where it is at most 60 % of the part. Keys: content and releases.
    """
    from sync.trust.roles import CONTENT, RELEASES  # noqa: PLC0415

    halves = {"": (*CONTENT, RELEASES), "content": CONTENT, "release": (RELEASES,)}
    if only not in halves:
        raise typer.BadParameter("expected content or release", param_hint="--only")
    repository = open_repository(repo, keys, passphrase=passphrase, passphrase_file=passphrase_file)
    staged = repository.sign(
        folder,
        previous=previous or (),
        keep=keep,
        roles=halves[only],
        told=lambda text: out.print(text, style="dim"),
    )
    out.print(
        f"[bold]{staged.release}[/] is signed ({', '.join(staged.roles) or 'as it was'});"
        f" {staged.bytes_new:,} bytes of new parts."
    )
    for part, size in staged.deltas.items():
        out.print(f"  delta of {part}: {size:,} bytes")
    for release in staged.dropped:
        out.print(f"  {release} leaves the metadata")
    out.print("Next: backroom release publish", style="dim")


@app.command()
def publish(
    repo: Repo = DEFAULT_REPOSITORY,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    passphrase: Passphrase = "",
) -> None:
    """Make what is signed visible, all or nothing; no ring moves. Keys: snapshot, timestamp."""
    from sync.publish.sweep import sweep  # noqa: PLC0415

    repository = open_repository(repo, keys, passphrase=passphrase, passphrase_file=passphrase_file)
    roles = repository.publish()
    files, size = sweep(repository)
    out.print(f"Published: {', '.join(roles)}.")
    if files:
        out.print(f"{files} files that nothing named for 14 days are gone: {size:,} bytes.")
    out.print("Next: backroom release promote --ring RING --release ID", style="dim")


@app.command()
def promote(
    *,
    ring: Ring,
    release: Release,
    percent: Annotated[float, typer.Option(help="Of the ring's stores.", min=0, max=100)] = 100.0,
    salt: Annotated[
        str, typer.Option(help="Draws which stores; else the release's id, so percent can grow.")
    ] = "",
    splay: Annotated[float, typer.Option(help="Stores begin spread over this, s.", min=0)] = 0.0,
    window: Annotated[
        str, typer.Option(help="22:00-05:00, store-local: stores switch then only.")
    ] = "",
    full_fallback: Annotated[
        str, typer.Option(help="Large parts without a delta: never | window | always.")
    ] = "always",
    deadline: Annotated[
        datetime | None, typer.Option(help="UTC; after it a silent store counts as failed.")
    ] = None,
    repo: Repo = DEFAULT_REPOSITORY,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    passphrase: Passphrase = "",
) -> None:
    """Point a ring at a published release; never at an older one. Keys: rings, snapshot, timestamp.

    Raising --percent of the same release keeps the stores that were in.
    """
    from datetime import UTC  # noqa: PLC0415

    from sync.trust.ring import RingPointer  # noqa: PLC0415

    repository = open_repository(repo, keys, passphrase=passphrase, passphrase_file=passphrase_file)
    pointer = repository.promote(
        RingPointer(
            ring=ring,
            release=release,
            counter=repository.manifest(release).counter,
            percent=percent,
            salt=salt,
            splay_s=splay,
            window=window,
            full_fallback=full_fallback,
            deadline_at=deadline and deadline.replace(tzinfo=deadline.tzinfo or UTC),
        )
    )
    out.print(f"Ring [bold]{ring}[/] points {pointer.percent:g}% at [bold]{release}[/].")


@app.command()
def pause(
    ring: Ring,
    repo: Repo = DEFAULT_REPOSITORY,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    passphrase: Passphrase = "",
) -> None:
    """Stop a ring: stores that have not begun take nothing new. Keys: as promote."""
    repository = open_repository(repo, keys, passphrase=passphrase, passphrase_file=passphrase_file)
    pointer = repository.pause(ring)
    out.print(f"Ring [bold]{ring}[/] is paused at {pointer.release}.")
    out.print(
        f"To go on: backroom release promote --ring {ring} --release {pointer.release}", style="dim"
    )


@app.command()
def rollback(
    *,
    ring: Ring,
    release: Release,
    word_only: Annotated[
        bool, typer.Option("--word-only", help="Only the release manager's word; no ring moves.")
    ] = False,
    repo: Repo = DEFAULT_REPOSITORY,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    passphrase: Passphrase = "",
) -> None:
    """Take a ring back to an older release, with the release manager's second signed word.

    The word (releases/back/RING-ID.json) holds only from what the ring points at now: once the ring
    has moved on it is worth nothing. Keys: releases for the word, then as promote. With --word-only
    the release manager signs it in advance, once the ring is at the newer release, and whoever
    holds the ring's key can go back alone.
    """
    repository = open_repository(repo, keys, passphrase=passphrase, passphrase_file=passphrase_file)
    if word_only:
        word = repository.allow_back(ring, release)
        out.print(f"Ring {ring} may go back to {release} (from counter {word.from_counter}).")
        return
    repository.rollback(ring, release)
    out.print(f"Ring [bold]{ring}[/] goes back to [bold]{release}[/].")


upkeep_commands.register(app)

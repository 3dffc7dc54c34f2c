"""`backroom release`: how a repository stands, what it costs, its keys, its copies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from appliance.release import Part
from sync.publish.options import (
    DEFAULT_REPOSITORY,
    Keys,
    Passphrase,
    PassphraseFile,
    Repo,
    open_repository,
)

DEFAULT_BUDGET_KIB_S = 256.0
out = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the commands of upkeep to `backroom release`."""
    for command in (status, doctor, cost, refresh, timestamp, rotate, renew, media):
        app.command()(command)


def status(
    repo: Repo = DEFAULT_REPOSITORY,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print releases, rings and what is staged. Needs no key."""
    from appliance.codec import to_plain  # noqa: PLC0415

    repository = open_repository(repo, None)
    releases, rings = repository.releases(), repository.rings()
    staged = sorted(repository.disk.staged_roles())
    if as_json:
        told = {
            "releases": [
                {"id": r.id, "counter": r.counter, "bytes": _size(r.parts.values())}
                for r in releases
            ],
            "rings": to_plain(rings),
            "staged": staged,
            "versions": repository.view().versions(),
        }
        typer.echo(json.dumps(told, indent=1))
        return
    table = Table("release", "counter", "bytes", "rings", box=None)
    for one in releases:
        at = ", ".join(f"{p.ring} ({p.state} {p.percent:g}%)" for p in rings if p.release == one.id)
        table.add_row(one.id, str(one.counter), f"{_size(one.parts.values()):,}", at)
    out.print(table)
    if staged:
        out.print(f"Signed and not published: {', '.join(staged)}.", style="yellow")


def doctor(
    repo: Repo = DEFAULT_REPOSITORY,
    within: Annotated[
        float | None, typer.Option(help="Days; else each role's own bound.", min=0)
    ] = None,
) -> None:
    """Print the days until each role expires; exit 1 when one is within its bound. Needs no key."""
    from datetime import UTC  # noqa: PLC0415
    from datetime import datetime as clock  # noqa: PLC0415

    from sync.trust.roles import TERMS, alarms  # noqa: PLC0415

    now = clock.now(UTC)
    expiries = open_repository(repo, None).expiries()
    rung = {alarm.role for alarm in alarms(expiries, now, within_days=within)}
    table = Table("role", "version", "expires", "days", "", box=None)
    for one in expiries:
        online = one.role in TERMS and TERMS[one.role].is_online
        cure = f"backroom release {'refresh' if online else f'renew {one.role}'}"
        table.add_row(
            one.role,
            str(one.version),
            f"{one.expires_at:%Y-%m-%d}",
            f"{one.days(now):.1f}",
            f"[red]run: {cure}[/]" if one.role in rung else "ok",
        )
    out.print(table)
    if rung:
        raise typer.Exit(1)


def cost(
    ring: Annotated[str, typer.Option("--ring", help="Whose stores.")],
    release: Annotated[
        str, typer.Option("--release", help="To be promoted; else the newest published.")
    ] = "",
    budget: Annotated[
        float, typer.Option(help="A store's budget, KiB/s.", min=0.001)
    ] = DEFAULT_BUDGET_KIB_S,
    stores: Annotated[int, typer.Option(help="Of the ring; 0: not told.", min=0)] = 0,
    repo: Repo = DEFAULT_REPOSITORY,
) -> None:
    """Print bytes and hours a store of the ring needs for a release, before anyone promotes it."""
    from sync.publish.cost import release_cost  # noqa: PLC0415

    repository = open_repository(repo, None)
    wanted = release or repository.newest()
    found = release_cost(repository, ring=ring, release=wanted)
    out.print(
        f"[bold]{found.release}[/] for ring {ring}, whose stores hold"
        f" {found.live or 'nothing yet'}: [bold]{found.line_bytes:,} bytes a store[/],"
        f" {found.hours(budget * 1024):.2f} h at {budget:g} KiB/s."
    )
    out.print(
        f"  {found.kept} parts stay, {found.deltas} come as deltas, {found.full} whole;"
        f" {found.disk_bytes:,} bytes of disk."
    )
    out.print(f"  A store that holds none of it: {found.whole_bytes:,} bytes.")
    if stores:
        out.print(f"  {stores:,} stores: {found.line_bytes * stores:,} bytes from the origin.")


def refresh(
    force: Annotated[bool, typer.Option("--force", help="Whatever is left of their life.")] = False,
    repo: Repo = DEFAULT_REPOSITORY,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    passphrase: Passphrase = "",
) -> None:
    """Sign rings, snapshot and timestamp again where half of their life is over; run it daily."""
    repository = open_repository(repo, keys, passphrase=passphrase, passphrase_file=passphrase_file)
    roles = repository.refresh(force=force)
    out.print(f"Signed again: {', '.join(roles) or 'nothing was due'}.")


def timestamp(
    days: Annotated[
        float | None, typer.Option(help="Of life; else the role's own.", min=0.01, max=90)
    ] = None,
    repo: Repo = DEFAULT_REPOSITORY,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    passphrase: Passphrase = "",
) -> None:
    """Sign the timestamp again, now. Key: timestamp."""
    repository = open_repository(repo, keys, passphrase=passphrase, passphrase_file=passphrase_file)
    repository.timestamp(days=days)
    out.print("The timestamp is signed again.")


def rotate(
    names: Annotated[list[str], typer.Argument(help="Roles, or single keys such as root-2.")],
    *,
    uri: Annotated[str, typer.Option(help="Of a KMS's or an HSM's key, for one name.")] = "",
    public: Annotated[Path | None, typer.Option(help="That key's public half, PEM.")] = None,
    repo: Repo = DEFAULT_REPOSITORY,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    passphrase: Passphrase = "",
) -> None:
    """Replace the keys of roles by new ones; stores follow by themselves.

    root, targets, snapshot and timestamp change by a new root: two root keys must be here, and
    those of targets, snapshot and timestamp, but for one that is lost: name it. models, indexes,
    policy, releases and rings want the key of targets. Put the old key files away only when this
    has ended well. `rotate rings snapshot timestamp` also heals a repository whose thief signed
    versions far ahead.
    """
    from sync.publish.keys import given_key  # noqa: PLC0415
    from sync.publish.rotation import rotate as rotate_keys  # noqa: PLC0415

    if bool(uri) != (public is not None):
        raise typer.BadParameter("--uri and --public go together", param_hint="--uri")
    repository = open_repository(repo, keys, passphrase=passphrase, passphrase_file=passphrase_file)
    given = None if public is None else given_key(names[0], uri, public)
    for key in rotate_keys(repository, names, given=given):
        out.print(f"[bold]{key.name}[/] is now {key.uri}")


def renew(
    roles: Annotated[list[str], typer.Argument(help="root, targets, models, releases …")],
    repo: Repo = DEFAULT_REPOSITORY,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    passphrase: Passphrase = "",
) -> None:
    """Sign roles again with the keys they have, for another term; `doctor` says when."""
    from sync.publish.rotation import renew as renew_roles  # noqa: PLC0415

    repository = open_repository(repo, keys, passphrase=passphrase, passphrase_file=passphrase_file)
    out.print(f"Signed again: {', '.join(renew_roles(repository, roles))}.")


def media(
    folder: Annotated[Path, typer.Argument(help="On the stick.")],
    *,
    release: Annotated[str, typer.Option("--release", help="Else the newest published.")] = "",
    days: Annotated[
        float | None,
        typer.Option(
            help="How long the stick installs: signs a timestamp of this life first.",
            min=0.01,
            max=90,
        ),
    ] = None,
    repo: Repo = DEFAULT_REPOSITORY,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    passphrase: Passphrase = "",
) -> None:
    """Copy the metadata and one release for a stick: `backroom agent install DIR` takes it."""
    from sync.publish.media import copy_media  # noqa: PLC0415

    repository = open_repository(repo, keys, passphrase=passphrase, passphrase_file=passphrase_file)
    wanted = release or repository.newest()
    if days is not None:
        repository.timestamp(days=days)
    copied = copy_media(repository, folder, release=wanted)
    out.print(
        f"[bold]{copied.release}[/] is on {folder}: {copied.files} files, {copied.bytes:,} bytes."
    )
    ends = min(e.expires_at for e in repository.expiries())
    out.print(f"It installs until {ends:%Y-%m-%d %H:%M} UTC.")


def _size(parts: Iterable[Part]) -> int:
    return sum(part.bytes for part in parts)

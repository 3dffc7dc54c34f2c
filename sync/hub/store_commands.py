"""`backroom hub code|stores|revoke|move|collect|alarms|key`: who is a store, how stores are."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from appliance.errors import BadInput
from sync.hub.command_home import DEFAULT_HOME, Home, opened, out, plain

if TYPE_CHECKING:
    from sync.hub.standing import StoreStanding

MOST_CODES = 10_000  # from one file
SHOWN_ALARMS = 200


def register(app: typer.Typer) -> None:
    """Add the commands to `backroom hub`."""
    app.command("code")(code)
    app.command("stores")(stores)
    app.command("revoke")(revoke)
    app.command("move")(move)
    app.command("collect")(collect)
    app.command("alarms")(alarms)
    app.command("key")(key)


def code(
    store: Annotated[str, typer.Option(help="The store's number.")] = "",
    ring: Annotated[str, typer.Option(help="The ring it belongs to.")] = "",
    source: Annotated[
        Path | None, typer.Option("--from", help="CSV with columns store,ring; a code a line.")
    ] = None,
    hours: Annotated[float | None, typer.Option(help="How long the code lasts.")] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print a one-time code that makes a machine a store; with --from, CSV for many."""
    wanted = _read_wanted(source) if source else [(store, ring)]
    if source is None and not (store and ring):
        raise BadInput("A code is for a store and a ring.", hint="--store 0001 --ring pilot")
    with opened(home) as (settings, ledger):
        lasts = hours if hours is not None else settings.code_hours
        if not 0 < lasts <= 24 * 31:
            raise BadInput(f"--hours is {lasts:g}; over 0, at most 744.", hint="--hours 72")
        from sync.hub.registry import give_codes  # noqa: PLC0415

        given = ledger.write(lambda c: give_codes(c, wanted, now=datetime.now(UTC), hours=lasts))
    if source is None:
        out.print(given[0], style="bold", markup=False)
        out.print(f"For store {store}, ring {ring}: once, within {lasts:g} hours.", style="dim")
        return
    typer.echo("store,ring,code")
    for (number, of_ring), one in zip(wanted, given, strict=True):
        typer.echo(f"{number},{of_ring},{one}")


def _read_wanted(source: Path) -> list[tuple[str, str]]:
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        return [(row["store"].strip(), row["ring"].strip()) for row in rows[: MOST_CODES + 1]]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, AttributeError) as exc:
        raise BadInput(
            f"{source} is no list of stores: {type(exc).__name__}.",
            hint="A CSV file whose first line is: store,ring",
        ) from exc


def stores(
    ring: Annotated[str | None, typer.Option(help="Only this ring's.")] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print how every store stands."""
    from sync.hub.standing import standings  # noqa: PLC0415

    with opened(home) as (_, ledger):
        found = ledger.read(lambda c: standings(c, ring=ring))
    columns = ("store", "ring", "", "release", "switch", "last beat", "level", "spool", "alarms")
    table = Table(*columns, box=None)
    now = datetime.now(UTC)
    for one in found:
        table.add_row(*(plain(cell) for cell in _cells(one, now)))
    out.print(table)


def _cells(one: StoreStanding, now: datetime) -> tuple[str, ...]:
    state = "" if one.state == "active" else one.state
    alarms = " ".join(one.alarms)
    if one.beat is None or one.received_at is None:
        return one.store, one.ring, state, "", "", "never", "", "", alarms
    switch = one.beat.switch
    told = f"{switch.state.value} {switch.candidate}".strip()
    spool = f"{one.beat.spool.get('items', 0):,}"
    seen = _ago((now - one.received_at).total_seconds())
    return one.store, one.ring, state, switch.live, told, seen, one.beat.level, spool, alarms


def _ago(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {name} ago"
    return f"{max(0.0, seconds):.0f} s ago"


def revoke(
    store: Annotated[str, typer.Argument(help="The store's number.")],
    home: Home = DEFAULT_HOME,
) -> None:
    """Shut a store's machine out, at its next request; a new code lets one in again."""
    from sync.hub.registry import shut_out  # noqa: PLC0415

    with opened(home) as (_, ledger):
        ledger.write(lambda c: shut_out(c, store, now=datetime.now(UTC)))
    out.print(f"Store {store} is out. A new code: backroom hub code --store {store}", markup=False)


def move(
    store: Annotated[str, typer.Argument(help="The store's number.")],
    ring: Annotated[str, typer.Option(help="The ring it is to belong to.")],
    home: Home = DEFAULT_HOME,
) -> None:
    """Put a store into another ring; it is told within seconds."""
    from sync.hub.registry import move as move_store  # noqa: PLC0415

    with opened(home) as (_, ledger):
        ledger.write(lambda c: move_store(c, store, ring, now=datetime.now(UTC)))
    out.print(f"Store {store} is in ring {ring}.", markup=False)


def collect(
    store: Annotated[str, typer.Option(help="Only this store.")] = "",
    ring: Annotated[str, typer.Option(help="Only this ring's stores.")] = "",
    home: Home = DEFAULT_HOME,
) -> None:
    """Have stores send what they owe within seconds, without waiting for company."""
    from sync.hub.wishes import put_wish  # noqa: PLC0415
    from sync.wire import Wish, WishKind  # noqa: PLC0415

    wish = Wish(WishKind.SEND)
    with opened(home) as (_, ledger):
        ledger.write(lambda c: put_wish(c, wish, now=datetime.now(UTC), store=store, to_ring=ring))
    whom = f"Store {store}" if store else f"Ring {ring}" if ring else "Every store"
    out.print(f"{whom} is asked for what it owes.", markup=False)


def alarms(
    close: Annotated[int, typer.Option(help="Close this one: somebody has seen to it.")] = 0,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print what is wrong now, oldest first; exit 1 when anything is."""
    from sync.hub.alarms import close_one, open_alarms  # noqa: PLC0415

    with opened(home) as (_, ledger):
        if close:
            ledger.write(lambda c: close_one(c, close, now=datetime.now(UTC)))
        found = ledger.read(open_alarms)
    table = Table("", "store", "alarm", "since", "", box=None)
    for one in found[:SHOWN_ALARMS]:
        since = one.opened_at.strftime("%Y-%m-%d %H:%M")
        table.add_row(str(one.id), one.store or "hub", one.kind, since, plain(one.why))
    out.print(table)
    if len(found) > SHOWN_ALARMS:
        out.print(f"… and {len(found) - SHOWN_ALARMS:,} more.", style="dim")
    if found:
        raise typer.Exit(1)


def key(
    name: Annotated[str, typer.Argument(help='What will use it: "Prometheus".')] = "",
    revoke: Annotated[str, typer.Option(help="Take back the keys of this name.")] = "",
    home: Home = DEFAULT_HOME,
) -> None:
    """Print a key for an operator's program, shown this once: /metrics and what operators see."""
    from sync.hub.registry import drop_keys, put_key  # noqa: PLC0415

    if bool(name) == bool(revoke):
        raise BadInput("A key has a name, or is taken back.", hint="backroom hub key Prometheus")
    with opened(home) as (_, ledger):
        if revoke:
            gone = ledger.write(lambda c: drop_keys(c, revoke, now=datetime.now(UTC)))
            out.print(f"{gone} key{'' if gone == 1 else 's'} taken back.")
            return
        made = ledger.write(lambda c: put_key(c, name, now=datetime.now(UTC)))
    typer.echo(made)
    typer.echo(f"Take it back with: backroom hub key --revoke {name!r}", err=True)

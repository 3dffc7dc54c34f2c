"""`backroom device` and `backroom associate`: who may come to the store's door."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from appliance.config import load_settings
from appliance.records import Role

if TYPE_CHECKING:
    from appliance.store.associates import SqliteAssociates
    from appliance.store.devices import SqliteDevices

DEFAULT_HOME = Path("var/store")
CODE_MINUTES = 10
MOST_PIN_INPUT = 64
Home = Annotated[
    Path,
    typer.Option("--home", envvar="BACKROOM_HOME", help="Folder of the store's own data."),
]
out = Console(highlight=False, soft_wrap=True)

device = typer.Typer(no_args_is_help=True, help="Handhelds and keys: pair, list, shut out.")
associate = typer.Typer(no_args_is_help=True, help="The people who sign in on handhelds.")


def register(app: typer.Typer) -> None:
    """Add `backroom device` and `backroom associate`."""
    app.add_typer(device, name="device")
    app.add_typer(associate, name="associate")


@device.command("code")
def device_code(
    home: Home = DEFAULT_HOME,
    minutes: Annotated[int, typer.Option(help="How long it lasts.", min=1, max=1440)] = (
        CODE_MINUTES
    ),
) -> None:
    """Print a code that pairs one handheld, once."""
    code = _devices(home).new_code(minutes * 60)
    out.print(f"[bold]{code[:4]}-{code[4:]}[/]")
    out.print(f"Type it on the handheld within {minutes} minutes; it works once.", style="dim")


@device.command("key")
def device_key(
    name: Annotated[str, typer.Argument(help='What will use it: "Label printer".')],
    role: Annotated[Role, typer.Option(help="What it may ask and read.")] = Role.ASSOCIATE,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print a key for a program: `Authorization: Bearer …`, or an OpenAI client's api_key."""
    key, token = _devices(home).key(name, role)
    typer.echo(token)
    # On stderr, so that the key alone can be piped into a file.
    note = f"Device {key}, as {role.value}. The key is shown this once; take it back with:"
    typer.echo(f"{note} backroom device revoke {key}", err=True)


@device.command("list")
def device_list(home: Home = DEFAULT_HOME) -> None:
    """Print every device, oldest first."""
    table = Table("device", "name", "kind", "role", "paired", "seen", "", box=None)
    for found in _devices(home).list():
        state = f"shut out {_day(found.revoked_at)}" if found.revoked_at else ""
        role = found.role.value if found.role else ""
        seen = (_day(found.paired_at), _day(found.seen_at))
        table.add_row(found.id, found.name.replace("[", r"\["), found.kind, role, *seen, state)
    out.print(table)


@device.command("revoke")
def device_revoke(
    device: Annotated[str, typer.Argument(help="Its id, from `backroom device list`.")],
    home: Home = DEFAULT_HOME,
) -> None:
    """Shut a device out, and whoever is signed in on it, at once."""
    _devices(home).revoke(device)
    out.print(f"Device {device} is out.", markup=False)


@associate.command("add")
def associate_add(
    badge: Annotated[str, typer.Argument(help="The badge's number.")],
    name: Annotated[str, typer.Option("--name", help="As on the badge.")],
    role: Annotated[Role, typer.Option(help="What they may ask and read.")] = Role.ASSOCIATE,
    home: Home = DEFAULT_HOME,
) -> None:
    """Add somebody, or change their name and role; the PIN stays."""
    _associates(home).put(badge, name, role)
    said = f"{badge} is {name}, {role.value}. Their PIN: backroom associate pin {badge}"
    out.print(said, markup=False)


@associate.command("pin")
def associate_pin(
    badge: Annotated[str, typer.Argument(help="The badge's number.")],
    pin_stdin: Annotated[
        bool, typer.Option("--pin-stdin", help="Read the PIN from standard input.")
    ] = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Set somebody's PIN; unlocks the badge and ends where it is signed in."""
    associates = _associates(home)  # first: nobody types a PIN for a store that is not there
    if pin_stdin:
        pin = sys.stdin.readline(MOST_PIN_INPUT).strip()
    else:
        pin = typer.prompt("PIN", hide_input=True, confirmation_prompt=True)
    associates.set_pin(badge, pin)
    out.print(f"{badge} has a new PIN.", markup=False)


@associate.command("remove")
def associate_remove(
    badge: Annotated[str, typer.Argument(help="The badge's number.")], home: Home = DEFAULT_HOME
) -> None:
    """Let somebody who left sign in no more; what was said stays in the journal."""
    _associates(home).close(badge)
    out.print(f"{badge} signs in no more.", markup=False)


@associate.command("list")
def associate_list(home: Home = DEFAULT_HOME) -> None:
    """Print everybody, by badge."""
    table = Table("badge", "name", "role", "PIN", box=None)
    associates = _associates(home)
    now = associates.clock.now()
    for found in associates.list():
        state = "set" if found.has_pin else "none yet"
        if found.locked_until and found.locked_until > now:
            state = f"locked until {_day(found.locked_until)}"
        table.add_row(found.badge, found.name.replace("[", r"\["), found.role.value, state)
    out.print(table)


def _devices(home: Path) -> SqliteDevices:
    from appliance.wiring import open_people  # noqa: PLC0415

    return open_people(load_settings(home))[0]


def _associates(home: Path) -> SqliteAssociates:
    from appliance.wiring import open_people  # noqa: PLC0415

    return open_people(load_settings(home))[1]


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")

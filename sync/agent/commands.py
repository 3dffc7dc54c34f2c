"""`backroom agent`: the store's end of the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from appliance.commands import DEFAULT_HOME, HomeOption
from appliance.config import load_settings

if TYPE_CHECKING:
    from sync.agent.agent import Agent

app = typer.Typer(help="The store's end of the line.", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True)


@app.callback()
def _group() -> None:
    """The store's end of the line."""


@app.command("enrol")
def enrol(
    url: Annotated[str, typer.Argument(help="Of the hub: https://hub.example.com")],
    code: Annotated[str, typer.Argument(help="One-time, from headquarters: backroom hub code")],
    home: HomeOption = DEFAULT_HOME,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow plain HTTP to another machine.")
    ] = False,
) -> None:
    """Make this home a store of a hub. The key is made here and never leaves."""
    from sync.agent.enrol import enrol as enrolled  # noqa: PLC0415
    from sync.agent.folder import AgentFolder  # noqa: PLC0415

    settings = load_settings(home)
    identity = enrolled(AgentFolder(settings.home), url, code, is_insecure=insecure)
    out.print(f"[bold green]enrolled[/]: store {identity.store}, ring {identity.ring}.")
    out.print(f"  Start the store, and the agent with it: backroom run --home {home}")


@app.command("run")
def run(home: HomeOption = DEFAULT_HOME) -> None:
    """Do the agent's jobs beside the store's server, until SIGINT or SIGTERM.

    Not needed where `backroom run` is: it does them itself once the home is enrolled.
    """
    import threading  # noqa: PLC0415

    from appliance.signals import ending_in_order  # noqa: PLC0415
    from sync.agent.beside import running_beside  # noqa: PLC0415

    settings = load_settings(home)
    ended = threading.Event()
    with ending_in_order(), running_beside(settings) as agent:
        _welcome(agent)
        try:
            ended.wait()
        except KeyboardInterrupt:
            out.print("  Ending.")


@app.command("status")
def status(
    home: HomeOption = DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say how the line is, in about ten lines, and what to do next; asks nobody."""
    from appliance.clock import SystemClock  # noqa: PLC0415
    from sync.agent.status import faults, lines, look, plain  # noqa: PLC0415

    found = look(load_settings(home), SystemClock())
    if as_json:
        typer.echo(json.dumps(plain(found), ensure_ascii=False))
    else:
        for name, said in lines(found):
            out.print(f"[dim]{name:>10}[/]  ", end="")
            out.print(said, markup=False)
    if faults(found):
        raise typer.Exit(1)


@app.command("leave")
def leave(home: HomeOption = DEFAULT_HOME) -> None:
    """Forget this home's identity, so that it can be enrolled anew; what it owes stays."""
    from sync.agent.enrol import leave as left  # noqa: PLC0415
    from sync.agent.folder import AgentFolder  # noqa: PLC0415

    left(AgentFolder(load_settings(home).home))
    out.print("left: this home has no identity any more. What it owes is kept.")


@app.command("install")
def install(
    folder: Annotated[Path, typer.Argument(help="A stick's: backroom release media made it.")],
    release: Annotated[str, typer.Option(help="Which one; the ring's if none.")] = "",
    ring: Annotated[str, typer.Option(help="Of a home that is not enrolled.")] = "stable",
    root: Annotated[
        Path | None, typer.Option(help="Trusted root.json, for a home that is not enrolled.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Take a release from a stick: the same checks and the same states as over the line."""
    from appliance.clock import SystemClock  # noqa: PLC0415
    from sync.agent.ends import open_ends  # noqa: PLC0415
    from sync.agent.folder import AgentFolder  # noqa: PLC0415
    from sync.switch.install import install as installed  # noqa: PLC0415
    from sync.switch.install import trusted_root  # noqa: PLC0415
    from sync.wire import SwitchState  # noqa: PLC0415

    settings, found = load_settings(home), AgentFolder(home)
    ends = open_ends(settings) if found.identity.exists() else None
    report = installed(
        settings,
        folder,
        ring=ends.ring if ends else ring,
        root=trusted_root(found.root if ends else root),
        clock=ends.clock if ends else SystemClock(),
        release=release,
        told=lambda at: out.print(
            f"  {at.state.value:>11}  {at.candidate or at.live}  {at.why}", markup=False
        ),
    )
    out.print(f"{report.live} is live, {report.state.value}. {report.why}", markup=False)
    if report.state in {SwitchState.REFUSED, SwitchState.BACK}:
        raise typer.Exit(1)


@app.command("refetch")
def refetch(
    name: Annotated[str, typer.Argument(help="The release that is damaged.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Fetch a damaged release again; what of it is sound is kept."""
    from sync.agent.refetch import refetch as fetched  # noqa: PLC0415

    came = fetched(load_settings(home), name)
    out.print(f"{name} is whole: {came.line_bytes:,} bytes came, {came.kept} parts were sound.")


def _welcome(agent: Agent) -> None:
    identity = agent.ends.identity
    out.print(f"\n[bold]Backroom agent[/] store {identity.store}, hub {identity.hub}")
    out.print(f"  See how it does: backroom agent status --home {agent.settings.home}")
    out.print("  Stop with Ctrl+C.\n")

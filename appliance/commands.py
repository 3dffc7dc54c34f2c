"""The store's own commands: run, ask, replay, stage, health; and those of other modules here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from appliance.config import DEMO_RELEASE, load_settings
from appliance.errors import BadInput
from appliance.records import Reply, Role

if TYPE_CHECKING:
    from appliance.backroom import Store
    from appliance.standing import StandingStore

HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="BACKROOM_HOME", help="Folder of the store's own data."),
]
ReleaseOption = Annotated[
    Path | None, typer.Option("--release", help="Folder of a release; the live one by default.")
]
DEFAULT_HOME = Path("var/store")
out = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the store's commands to `app`."""
    from appliance import (  # noqa: PLC0415
        index_commands,
        journal_commands,
        people_commands,
        policy_commands,
        status_commands,
    )

    app.command("run")(run)
    app.command("ask")(ask)
    app.command("replay")(replay)
    app.command("stage")(stage)
    app.command("health")(health)
    index_commands.register(app)
    journal_commands.register(app)
    people_commands.register(app)
    policy_commands.register(app)
    status_commands.register(app)


def run(
    home: HomeOption = DEFAULT_HOME,
    release: ReleaseOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Start the store: open the release, then serve the handheld page.

    Without --release it follows switch.json in its home: a release that goes live there takes the
    place of the one that answers. SIGHUP reloads the release's Cedar rules; bad ones leave the last
    good ones in force.
    """
    from appliance.companions import load_companions  # noqa: PLC0415
    from appliance.demo.refresh import keep_fresh  # noqa: PLC0415
    from appliance.follow import stand  # noqa: PLC0415
    from appliance.signals import ending_in_order, on_hangup  # noqa: PLC0415
    from appliance.web.app import serve  # noqa: PLC0415

    settings = load_settings(home, {"release": release, "host": host, "port": port})
    companions = load_companions(home)
    line = companions.line(settings)
    with (
        ending_in_order(),
        stand(settings, line=line, is_fixed=release is not None) as store,
        keep_fresh(store.settings, store.clock),
        store.watching(),
        companions.attending(store),
        on_hangup(lambda: _reload_rules(store)),
    ):
        serve(store, announce=lambda address: _welcome(store, address))


def _reload_rules(store: StandingStore) -> None:
    if store.reload_rules():  # a failure is logged where it is found
        out.print("Rules reloaded.")


def _welcome(store: StandingStore, address: str) -> None:
    from appliance.web.identity import Identity  # noqa: PLC0415

    settings = store.settings
    out.print(f"\n[bold]Backroom[/] store {settings.store}, release {store.release.manifest.id}")
    out.print(f"  Open [bold underline]{address}[/] and try:\n")
    for text in store.examples():
        out.print(f"    • {text}", markup=False)
    if not Identity(store).is_open:
        out.print("\n  Pair a handheld with a code from:", end=" ")
        out.print(f"backroom device code --home {settings.home}", style="bold", markup=False)
    out.print("\n  Stop with Ctrl+C.\n")


def ask(  # noqa: PLR0917 - a command's options, given by name
    text: Annotated[str, typer.Argument(help="The question, as an associate would type it.")],
    role: Annotated[Role, typer.Option(help="Who asks.")] = Role.ASSOCIATE,
    thread: Annotated[str, typer.Option(help="Continue this conversation.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The reply and its receipt.")] = False,
    home: HomeOption = DEFAULT_HOME,
    release: ReleaseOption = None,
) -> None:
    """Ask the store one question."""
    with _store(home, release) as store:
        reply = store.ask(text, role=role, thread=thread)
    _print_reply(reply, as_json=as_json)


def replay(
    reply_id: Annotated[str, typer.Argument(help="The id on a receipt.")],
    home: HomeOption = DEFAULT_HOME,
    release: ReleaseOption = None,
) -> None:
    """Build a reply again from the journal and the release, and compare."""
    with _store(home, release) as store:
        recorded, again = store.replay(reply_id)
    out.print(f"[dim]recorded[/] {recorded['text']}\n[dim]replayed[/] {again.text}")
    if recorded["text"] != again.text or recorded["lane"] != again.lane.value:
        out.print(f"[bold red]differs[/]: {recorded['lane']} then, {again.lane.value} now.")
        raise typer.Exit(1)
    out.print(f"[bold green]the same[/], by {again.lane.value}, release {again.release}.")


def health(home: HomeOption = DEFAULT_HOME, release: ReleaseOption = None) -> None:
    """Open the store, check its parts and print what `GET /health` tells a manager."""
    with _store(home, release) as store:
        found = store.health()
    out.print_json(json.dumps(found))
    if not found["ready"]:
        raise typer.Exit(1)


def stage(  # noqa: PLR0917 - a command's options, given by name
    name: Annotated[str, typer.Argument(help="prepare | admit | route | stitch")],
    source: Annotated[Path, typer.Option("--in", help='JSONL: {"id","text","role"?,"thread"?}')],
    target: Annotated[Path, typer.Option("--out", help="JSONL: the stage's record, a line each.")],
    home: HomeOption = DEFAULT_HOME,
    release: ReleaseOption = None,
    router: Annotated[
        Path | None,
        typer.Option(help="With route: a folder of `models router train`, used alone."),
    ] = None,
) -> None:
    """Run one stage over a file of asks: for debugging, evaluation and support."""
    from appliance.stage_runner import STAGES, run_stage  # noqa: PLC0415
    from appliance.trained_route import route_alone  # noqa: PLC0415

    if name not in STAGES:
        raise BadInput(f"No stage {name!r}.", hint=f"Stages: {', '.join(STAGES)}.")
    if router is not None and name != "route":
        raise BadInput(f"--router goes with the stage route, not with {name}.")
    if router is not None:
        parts = release or DEMO_RELEASE
        done, failed = route_alone(router, release=parts, source=source, target=target)
    else:
        with _store(home, release) as store:
            done, failed = run_stage(store, name, source=source, target=target)
    out.print(f"{done} records, {failed} lines with an error, in {target}")


def _store(home: Path, release: Path | None) -> Store:
    from appliance.live import live_settings  # noqa: PLC0415
    from appliance.wiring import open_store  # noqa: PLC0415

    settings = load_settings(home, {"release": release})
    return open_store(settings if release else live_settings(settings))


def _print_reply(reply: Reply, *, as_json: bool) -> None:
    from appliance.web.shapes import reply_json  # noqa: PLC0415

    if as_json:
        typer.echo(json.dumps(reply_json(reply), ensure_ascii=False))
        return
    out.print(f"\n{reply.text}\n", markup=False)
    for title, source_id in dict.fromkeys((s.title, s.id) for s in reply.sources):
        out.print(f"  ↳ {title}  ({source_id})", style="dim", markup=False)
    total_ms = sum(ms for _, ms in reply.times_ms)
    out.print(
        f"  {reply.lane.value} · confidence {reply.confidence:.2f} · {total_ms:.0f} ms"
        f" · {reply.id}\n",
        style="dim",
        markup=False,
    )

"""`backroom rollout start|status|approve|pause|resume|halt|finish`: what people say, by name."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.errors import BadInput
from sync.hub.command_home import DEFAULT_HOME, Home, opened, out, plain

if TYPE_CHECKING:
    from sync.hub.rollout_book import Rollout
    from sync.hub.settings import HubSettings
    from sync.rollout.events import Event
    from sync.rollout.plan import Plan

As = Annotated[str, typer.Option("--as", help="Who says so; it is written down.")]
Why = Annotated[str, typer.Option("--why", help="Written down with it.")]
LAST_EVENTS = 12
Word = Callable[["Plan", tuple["Event", ...]], "Event"]


def register(app: typer.Typer) -> None:
    """Add the commands to `backroom rollout`."""
    app.command("start")(start)
    app.command("status")(status)
    app.command("approve")(approve)
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("halt")(halt)
    app.command("finish")(finish)


def start(
    file: Annotated[Path, typer.Argument(help="The plan, as TOML.")],
    by: As,
    why: Why = "",
    home: Home = DEFAULT_HOME,
) -> None:
    """Start a rollout; the hub's server takes it from there."""
    from sync.hub import rollout_book  # noqa: PLC0415
    from sync.rollout import words  # noqa: PLC0415
    from sync.rollout.plan import read_plan  # noqa: PLC0415

    plan = read_plan(file)
    first = words.started(by=by, at=_now(), why=why)
    rollout = f"{first.at:%Y%m%d}-{secrets.token_hex(4)}"
    with opened(home) as (settings, ledger):
        _check_signable(settings, plan)
        counts = ledger.read(rollout_book.ring_counts)
        ledger.write(lambda c: rollout_book.begin(c, rollout, plan, first))
    out.print(f"Rollout {rollout} of {plain(plan.release)} is started by {plain(first.by)}.")
    for ring in plan.rings:
        if not counts.get(ring.ring):
            out.print(f"[yellow]Ring {plain(ring.ring)} has no stores.[/]")
    out.print(f"Next: backroom rollout status --home {home}", style="bold", markup=False)


def _check_signable(settings: HubSettings, plan: Plan) -> None:
    """Check that the release is published as the plan says, and that this hub can sign rings.

    Raises:
        NotPublished: No such release.
        BadInput: Its counter is another, a ring is past it, or the keys are not here.
    """
    from appliance.clock import SystemClock  # noqa: PLC0415
    from sync.hub.rollout_settings import has_keys, open_repository  # noqa: PLC0415

    repository = open_repository(settings, SystemClock())
    found = repository.manifest(plan.release)
    if found.counter != plan.counter:
        raise BadInput(
            f"Release {plan.release} has counter {found.counter}, the plan says {plan.counter}.",
            hint=f"Write counter = {found.counter} in the plan.",
        )
    rings = {ring.ring for ring in plan.rings}
    for pointer in repository.rings():
        if pointer.ring in rings and pointer.counter > plan.counter:
            raise BadInput(
                f"Ring {pointer.ring} is at {pointer.release} (counter {pointer.counter}), newer"
                f" than {plan.release} (counter {plan.counter}): a rollout only goes forward.",
                hint=f"To go back: backroom release rollback --ring {pointer.ring}"
                f" --release {plan.release}",
            )
    if not has_keys(settings):
        raise BadInput(
            "This hub has no keys of rings, snapshot and timestamp: it can sign no step.",
            hint=f"Put keys.json and online/ into {settings.home}/release-keys.",
        )


def status(home: Home = DEFAULT_HOME) -> None:
    """Print where the rollout stands, what comes next, and what was said and done."""
    from sync.hub import rollout_book  # noqa: PLC0415
    from sync.hub.rollout_standing import standing  # noqa: PLC0415
    from sync.rollout.report import tally_table  # noqa: PLC0415

    with opened(home) as (_settings, ledger):
        found = ledger.read(rollout_book.latest_rollout)
        if found is None:
            out.print("There was no rollout yet. Start one: backroom rollout start PLAN --as NAME")
            return
        stands = ledger.read(lambda c: standing(c, found, now=_now()))
        counts = ledger.read(rollout_book.ring_counts)
    ended = f", over since {found.closed_at:%Y-%m-%d %H:%M} UTC" if found.closed_at else ""
    out.print(f"[bold]Rollout {found.id}[/] of {plain(found.plan.release)}: {stands.status}{ended}")
    out.print(f"Next: {stands.decision.action}: {stands.decision.why}", markup=False)
    out.print(tally_table(found.plan, stands.tallies, counts))
    if stands.status == "halted":
        # A halt stops what is new. Going back takes the release manager's key, which is not here.
        out.print(
            f"Stores that run {found.plan.release} keep it until they are taken back:"
            " backroom release rollback",
            style="yellow",
            markup=False,
        )
    _print_log(found)


def _print_log(found: Rollout) -> None:
    for written in found.log[-LAST_EVENTS:]:
        event = written.event
        step = f" {event.ring} {event.percent:g} %" if event.ring and event.percent else ""
        by = f" by {event.by}" if event.by else ""
        why = f": {event.why}" if event.why else ""
        out.print(f"{event.at:%m-%d %H:%M:%S} {event.kind}{step}{by}{why}", markup=False)


def approve(
    by: As,
    ring: Annotated[str, typer.Option(help="Of the plan; the next that waits, if none.")] = "",
    home: Home = DEFAULT_HOME,
) -> None:
    """Approve a ring; whoever started the rollout cannot."""
    from sync.rollout import words  # noqa: PLC0415

    _say(home, lambda p, log: words.approved(p, log, ring=ring, by=by, at=_now()))


def pause(by: As, why: Why = "", home: Home = DEFAULT_HOME) -> None:
    """Stop where it is: no store begins; those that switch now finish."""
    from sync.rollout import words  # noqa: PLC0415

    _say(home, lambda p, log: words.paused(p, log, by=by, at=_now(), why=why))


def resume(by: As, why: Why = "", home: Home = DEFAULT_HOME) -> None:
    """Go on; after a pause for a check, this is the word that it looks well."""
    from sync.rollout import words  # noqa: PLC0415

    _say(home, lambda p, log: words.resumed(p, log, by=by, at=_now(), why=why))


def halt(by: As, why: Why = "", home: Home = DEFAULT_HOME) -> None:
    """Stop for good. Stores that run the release keep it: see backroom release rollback."""
    from sync.rollout import words  # noqa: PLC0415

    _say(home, lambda p, log: words.halted(p, log, by=by, at=_now(), why=why))


def finish(by: As, why: Why = "", home: Home = DEFAULT_HOME) -> None:
    """End the watch early, once every ring is at its last step."""
    from sync.rollout import words  # noqa: PLC0415

    _say(home, lambda p, log: words.finished(p, log, by=by, at=_now(), why=why))


def _say(home: Path, word: Word) -> None:
    from sync.hub import rollout_book  # noqa: PLC0415
    from sync.rollout.words import WrongMoment  # noqa: PLC0415

    with opened(home) as (_settings, ledger):
        found = ledger.read(rollout_book.open_rollout)
        if found is None:
            raise WrongMoment(
                "No rollout is open.", hint="Start one: backroom rollout start PLAN --as NAME"
            )
        event = word(found.plan, found.events)
        number = len(found.log) + 1
        ledger.write(lambda c: rollout_book.append(c, found.id, event, number=number))
    ring = f" {event.ring}" if event.ring else ""
    out.print(f"Rollout {found.id}: {event.kind}{ring} by {event.by}.", markup=False)


def _now() -> datetime:
    return datetime.now(UTC)

"""`backroom hub usage`: what stores use of the generalist."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from sync.hub.command_home import DEFAULT_HOME, Home, opened, out, plain

if TYPE_CHECKING:
    from sync.hub.gateway.budget import Used

SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add the commands to `backroom hub`."""
    app.command("usage")(usage)


def usage(
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="UTC; today if none.")
    ] = None,
    store: Annotated[str, typer.Option(help="Only this one.")] = "",
    home: Home = DEFAULT_HOME,
) -> None:
    """Print what stores used of the generalist on a day, the most first."""
    from sync.hub.gateway.budget import used_on  # noqa: PLC0415
    from sync.hub.gateway.settings import GatewaySettings  # noqa: PLC0415

    wanted = (day or datetime.now(UTC)).date().isoformat()
    with opened(home) as (settings, ledger):
        most = GatewaySettings.of(settings)
        found = ledger.read(lambda c: used_on(c, wanted, store=store))
    tokens = sum(map(_tokens, found))
    micros = sum(one.micros for one in found)
    out.print(
        f"{wanted}: {len(found):,} stores, {tokens:,} tokens, {micros / 1e6:,.2f} in money."
        f" A store may use {most.tokens_a_day:,} tokens a day.",
        markup=False,
    )
    table = Table("Store", "Requests", "Failed", "Refused", "Tokens", "Held", "Money")
    for one in sorted(found, key=_tokens, reverse=True)[:SHOWN]:
        counts = (one.requests, one.failed, one.refused, _tokens(one), one.held_tokens)
        money = f"{one.micros / 1e6:,.4f}"
        table.add_row(plain(one.store), *(f"{n:,}" for n in counts), money)
    if found:
        out.print(table)


def _tokens(used: Used) -> int:
    return used.prompt_tokens + used.completion_tokens

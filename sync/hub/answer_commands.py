"""`backroom hub owed|answer|batches`: what stores owe, and what they are owed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from sync.hub.command_home import DEFAULT_HOME, Home, opened, out, plain

MOST_SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add the commands to `backroom hub`."""
    app.command("owed")(owed)
    app.command("answer")(answer)
    app.command("batches")(batches)


def owed(
    most: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000)] = MOST_SHOWN,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print the asks that wait for an answer, personal data masked."""
    from sync.hub.late import owed_asks  # noqa: PLC0415

    with opened(home) as (_, ledger):
        found = ledger.read(lambda c: owed_asks(c, most=most))
    table = Table("reply", "store", "since", "ask", box=None)
    for one in found:
        asked = str(one.body.get("question") or one.body.get("masked") or "")
        since = one.put_at.strftime("%Y-%m-%d %H:%M")
        table.add_row(plain(one.reply), one.store, since, plain(asked))
    out.print(table)


def answer(
    reply: Annotated[str, typer.Argument(help="The reply's id, from `backroom hub owed`.")],
    text: Annotated[str, typer.Argument(help="The answer, as the associate will read it.")],
    source: Annotated[list[str] | None, typer.Option(help="What it rests on.")] = None,
    store: Annotated[str, typer.Option(help="Where two stores' replies have one id.")] = "",
    home: Home = DEFAULT_HOME,
) -> None:
    """Answer an ask that waits; its store shows it within seconds of having the line."""
    from sync.hub.late import put_answer  # noqa: PLC0415

    with opened(home) as (_, ledger):
        late = ledger.write(
            lambda c: put_answer(
                c,
                reply=reply,
                text=text,
                by="expert",
                now=datetime.now(UTC),
                store=store,
                sources=source or (),
            )
        )
    out.print(f"Answer {late.cursor} to reply {late.reply} is on its way.", markup=False)


def batches(
    quarantined: Annotated[bool, typer.Option(help="Only those that could not be read.")] = False,
    most: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000)] = MOST_SHOWN,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print the newest batches: kept, or put aside with the reason."""
    from sync.hub.keep import newest_batches  # noqa: PLC0415

    with opened(home) as (_, ledger):
        found = ledger.read(lambda c: newest_batches(c, most=most, quarantined=quarantined))
    table = Table("batch", "store", "came", "bytes", "new items", "", box=None)
    for one in found:
        came = one.ended_at.strftime("%Y-%m-%d %H:%M")
        told = one.state if not one.why else f"{one.state}: {one.why}"
        numbers = (f"{one.bytes:,}", f"{one.items:,}")
        table.add_row(one.sha256[:12], one.store, came, *numbers, plain(told))
    out.print(table)

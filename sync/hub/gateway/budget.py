"""How much of the generalist each store uses a day, kept in the ledger: held first, settled after.

A hub that is killed in the middle of a request leaves what that request held: it counts as spent
for the day, for the vendor may well bill it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from sync.hub.rollout_tables import gateway_usage


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens and millionths of the currency."""

    tokens: int
    micros: int


@dataclass(frozen=True, slots=True)
class Hold:
    """What is set aside for one request, until it is settled."""

    store: str
    day: str  # ISO, UTC: a request that runs over midnight counts for the day it began
    amount: Amount


@dataclass(frozen=True, slots=True)
class Spent:
    """What one request came to."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    micros: int = 0
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Used:
    """A store's day."""

    store: str
    day: str
    requests: int
    failed: int
    refused: int
    prompt_tokens: int
    completion_tokens: int
    held_tokens: int
    micros: int
    held_micros: int


def hold(
    connection: Connection, store: str, amount: Amount, *, most: Amount, now: datetime
) -> Hold | None:
    """Set an amount aside; None, and a refusal counted, where the day's budget lacks it.

    Args:
        connection: Within a transaction.
        store: Whose budget.
        amount: The most that the request can come to.
        most: The day's budget; 0 micros: money is not counted.
        now: The instant.
    """
    day = day_of(now)
    _make_row(connection, store, day)
    used = gateway_usage.c
    tokens = used.prompt_tokens + used.completion_tokens + used.held_tokens
    fits = [tokens + amount.tokens <= most.tokens]
    if most.micros:
        fits.append(used.micros + used.held_micros + amount.micros <= most.micros)
    row = [used.store == store, used.day == day]
    taken = connection.execute(
        update(gateway_usage)
        .where(*row, *fits)
        .values(
            held_tokens=used.held_tokens + amount.tokens,
            held_micros=used.held_micros + amount.micros,
        )
    )
    if taken.rowcount == 1:
        return Hold(store, day, amount)
    connection.execute(update(gateway_usage).where(*row).values(refused=used.refused + 1))
    return None


def settle(connection: Connection, held: Hold, spent: Spent) -> None:
    """Give back what was held, and count what was spent."""
    used = gateway_usage.c
    connection.execute(
        update(gateway_usage)
        .where(used.store == held.store, used.day == held.day)
        .values(
            requests=used.requests + 1,
            failed=used.failed + int(spent.failed),
            prompt_tokens=used.prompt_tokens + spent.prompt_tokens,
            completion_tokens=used.completion_tokens + spent.completion_tokens,
            micros=used.micros + spent.micros,
            held_tokens=used.held_tokens - held.amount.tokens,
            held_micros=used.held_micros - held.amount.micros,
        )
    )


def used_on(connection: Connection, day: str, *, store: str = "") -> list[Used]:
    """Return what stores used on a day, or one store, by number."""
    query = select(gateway_usage).where(gateway_usage.c.day == day)
    if store:
        query = query.where(gateway_usage.c.store == store)
    return [Used(*row) for row in connection.execute(query.order_by(gateway_usage.c.store))]


def day_of(now: datetime) -> str:
    """Return the UTC day of an instant."""
    return now.astimezone(UTC).date().isoformat()


def left_of_day_s(now: datetime) -> float:
    """Return the seconds until the next budget."""
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    return (datetime.combine(tomorrow, time(), UTC) - now).total_seconds()


def _make_row(connection: Connection, store: str, day: str) -> None:
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = kind.insert(gateway_usage).values(store=store, day=day)
    connection.execute(row.on_conflict_do_nothing(index_elements=["store", "day"]))

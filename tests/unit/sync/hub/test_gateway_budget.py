"""Budgets are held before and settled after, by store and day, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.hub.gateway.budget import Amount, Hold, Spent, hold, left_of_day_s, settle, used_on
from sync.hub.ledger import Ledger
from sync.hub.migrate import migrate

NOW = datetime(2026, 11, 27, 23, 0, tzinfo=UTC)
DAY = "2026-11-27"
MOST = Amount(100, 0)


@pytest.fixture
def ledger(tmp_path: Path, database_url: str) -> Iterator[Ledger]:
    url = database_url or f"sqlite:///{tmp_path / 'hub.db'}"
    migrate(url)
    made = Ledger(url)
    yield made
    made.close()


def take(
    ledger: Ledger, tokens: int, *, store: str = "0001", micros: int = 0, most: Amount = MOST
) -> Hold | None:
    amount = Amount(tokens, micros)
    return ledger.write(lambda c: hold(c, store, amount, most=most, now=NOW))


def test_what_runs_counts_as_spent_until_it_is_settled(ledger: Ledger) -> None:
    first = take(ledger, 60)
    second = take(ledger, 60)
    assert first is not None
    ledger.write(lambda c: settle(c, first, Spent(10, 5)))
    third = take(ledger, 60)

    assert second is None
    assert third is not None
    used = ledger.read(lambda c: used_on(c, DAY))[0]
    assert (used.requests, used.refused, used.prompt_tokens, used.completion_tokens) == (
        1,
        1,
        10,
        5,
    )
    assert used.held_tokens == 60


def test_stores_have_budgets_of_their_own(ledger: Ledger) -> None:
    assert take(ledger, 100) is not None
    assert take(ledger, 1) is None
    assert take(ledger, 100, store="0002") is not None


def test_money_is_a_bound_of_its_own(ledger: Ledger) -> None:
    most = Amount(1_000_000, 500)

    assert take(ledger, 1, micros=400, most=most) is not None
    assert take(ledger, 1, micros=101, most=most) is None
    assert take(ledger, 1, micros=100, most=most) is not None


def test_many_at_once_never_hold_more_than_there_is(ledger: Ledger) -> None:
    found: list[Hold | None] = []
    threads = [threading.Thread(target=lambda: found.append(take(ledger, 30))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(one is not None for one in found) == 3


def test_a_new_day_has_a_new_budget() -> None:
    assert left_of_day_s(NOW) == 3600

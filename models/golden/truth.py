"""What the store's database says now, for golden questions whose answer changes with it.

Its SQL is written apart from the release's `facts.toml` on purpose: two ways to the same value.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")


def fact_texts(
    question: Mapping[str, Any], store: sqlite3.Connection, *, today: date
) -> tuple[str, ...]:
    """Return what an answer must hold for `holds_fact`; nothing when the question has none.

    Raises:
        ValueError: The family is unknown or the database knows nothing of the product.
    """
    fact = question.get("holds_fact")
    return (_truth(store, fact["family"], fact["sku"], today),) if fact else ()


def _truth(store: sqlite3.Connection, family: str, sku: str, today: date) -> str:
    match family:
        case "price":
            return _money(_price(store, sku, today))
        case "cost":
            return _money(_one(store, "SELECT cost FROM costs WHERE sku = ?", sku))
        case "stock":
            return _pieces(_one(store, "SELECT on_hand - reserved FROM stock WHERE sku = ?", sku))
        case "backroom":
            return _pieces(_one(store, "SELECT backroom FROM stock WHERE sku = ?", sku))
        case "transit":
            sql = "SELECT quantity FROM transit WHERE sku = ? AND due_on >= ? ORDER BY due_on"
            return _pieces(_one(store, sql, sku, today.isoformat()))
        case "promotion" if any(_promotions(store, sku, today)):
            percents, prices = _promotions(store, sku, today)
            return "|".join([*(f"{p}%" for p in percents), *(_money(p) for p in prices)])
    raise ValueError(f"The store's database has no {family} of {sku} on {today}.")


def _price(store: sqlite3.Connection, sku: str, today: date) -> Decimal:
    """Return the lowest price anyone pays today: a percentage is rounded half up to the cent."""
    price = Decimal(str(_one(store, "SELECT price FROM prices WHERE sku = ?", sku)))
    percents, fixed = _promotions(store, sku, today)
    off = [(price * (100 - p) / 100).quantize(CENT, ROUND_HALF_UP) for p in percents]
    return min([price, *off, *fixed])


def _promotions(
    store: sqlite3.Connection, sku: str, today: date
) -> tuple[list[int], list[Decimal]]:
    """Return (percentages, fixed prices) that run today for everybody."""
    rows = store.execute(
        "SELECT x.percent, x.price FROM promotions x JOIN products p"
        " ON (x.sku = p.sku OR x.department = p.department)"
        " WHERE p.sku = ? AND x.needs_tier IS NULL AND ? BETWEEN x.starts_on AND x.ends_on",
        (sku, today.isoformat()),
    ).fetchall()
    fixed = [Decimal(str(price)) for _, price in rows if price is not None]
    return [int(percent) for percent, _ in rows if percent is not None], fixed


def _one(store: sqlite3.Connection, sql: str, sku: str, *more: str) -> Any:
    row = store.execute(sql, (sku, *more)).fetchone()
    if row is None:
        raise ValueError(f"The store's database has no row for {sku}: {sql}")
    return row[0]


def _money(amount: Any) -> str:
    return f"${Decimal(str(amount)).quantize(CENT)}"


def _pieces(count: Any) -> str:
    return str(count) if count else "none|out of stock|0"

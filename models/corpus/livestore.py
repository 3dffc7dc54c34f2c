"""The demo store's live data as small CSV files with relative times, for `appliance.demo.seed`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from models.corpus.catalogue import DEPARTMENTS, SEED, Product, draw, to_csv

FIRST_NAMES = [
    "Maria",
    "James",
    "Aisha",
    "Tomás",
    "Linda",
    "Kwame",
    "Priya",
    "Noah",
    "Elena",
    "Marcus",
    "Yuki",
    "Hannah",
    "Diego",
    "Ruth",
    "Omar",
    "Chloe",
    "Victor",
    "Nadia",
    "Samuel",
    "Grace",
]
LAST_NAMES = [
    "Alvarez",
    "Bennett",
    "Chowdhury",
    "Dubois",
    "Eriksen",
    "Foster",
    "Guzman",
    "Hollis",
    "Ibrahim",
    "Jensen",
    "Kowalski",
    "Lindqvist",
    "Moreno",
    "Nakamura",
    "Okafor",
    "Petrov",
    "Quintana",
    "Ramsey",
    "Sandoval",
    "Thornton",
]
CENT = Decimal("0.01")
FEEDS = {  # minutes since the last refresh when the demo starts
    "products": 190,
    "stock": 3,
    "transit": 25,
    "prices": 12,
    "promotions": 12,
    "costs": 400,
    "pickups": 2,
    "purchases": 5,
    "associates": 240,
}


def store_files(products: Sequence[Product], seed: int = SEED) -> dict[str, str]:
    """Return file name → CSV text for a whole store."""
    return {
        "products.csv": to_csv(products),
        "stock.csv": _csv("sku on_hand reserved backroom counted_ago_min", _stock(products, seed)),
        "transit.csv": _csv("sku quantity due_in_days", _transit(products, seed)),
        "prices.csv": _csv("sku price changed_ago_min", _prices(products, seed)),
        "costs.csv": _csv("sku cost", _costs(products, seed)),
        "promotions.csv": _csv(
            "promotion sku department percent price text starts_in_days ends_in_days needs_tier",
            _promotions(products, seed),
        ),
        "pickups.csv": _csv(
            "order_number customer_name status ready_ago_min held_in_days items",
            _pickups(products, seed),
        ),
        "purchases.csv": _csv(
            "receipt sku quantity price bought_ago_days loyalty_id", _purchases(products, seed)
        ),
        "associates.csv": _csv("badge name role department", _associates(seed)),
        "feeds.csv": _csv("feed refreshed_ago_min", FEEDS.items()),
    }


def _csv(header: str, rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header.split())
    writer.writerows(rows)
    return out.getvalue()


def _dice(seed: int, *key: str) -> Callable[[str, int], int]:
    def roll(name: str, below: int) -> int:
        return draw(seed, *key, name, below=below)

    return roll


def _stock(products: Sequence[Product], seed: int) -> Iterable[Sequence[object]]:
    for product in products:
        roll = _dice(seed, "stock", product.sku)
        large = product.category in {"large appliances", "furniture", "fitness machines"}
        floor = 0 if roll("floor empty", 12) == 0 else 1 + roll("floor", 3 if large else 24)
        reserved = min(floor, roll("reserved", 3)) if roll("is reserved", 5) == 0 else 0
        backroom = 0 if roll("backroom empty", 3) == 0 else roll("backroom", 6 if large else 40)
        yield product.sku, floor, reserved, backroom, roll("counted", 9 * 24 * 60)


def _transit(products: Sequence[Product], seed: int) -> Iterable[Sequence[object]]:
    for product in products:
        roll = _dice(seed, "transit", product.sku)
        if roll("is due", 4) == 0:
            yield product.sku, 2 + roll("quantity", 30), 1 + roll("days", 9)


def _prices(products: Sequence[Product], seed: int) -> Iterable[Sequence[object]]:
    """Yield till prices: the catalogue's, with one in nine marked up or down by 5 % since."""
    for product in products:
        roll = _dice(seed, "price", product.sku)
        price = Decimal(product.price)
        if roll("moved", 9) == 0 and price > 10:
            price = Decimal(round(price * (Decimal("0.95"), Decimal("1.05"))[roll("up", 2)])) - CENT
        yield product.sku, price, 60 + roll("changed", 200 * 24 * 60)


def _costs(products: Sequence[Product], seed: int) -> Iterable[Sequence[object]]:
    for product in products:
        share = Decimal(45 + draw(seed, "cost", product.sku, below=35)) / 100
        yield product.sku, (Decimal(product.price) * share).quantize(CENT, ROUND_HALF_UP)


def _promotions(products: Sequence[Product], seed: int) -> Iterable[Sequence[object]]:
    rows: list[tuple[object, ...]] = [
        ("", "garden", 15, "", "Autumn garden clearance", -5, 9, ""),
        ("", "toys", 10, "", "Toy week for Circle members", -2, 5, "Silver"),
        ("", "apparel", 20, "", "Gold weekend", -1, 2, "Gold"),
        ("", "home", 10, "", "White weeks", 6, 20, ""),
        ("", "sports", 25, "", "Season end", -30, -4, ""),
    ]
    for product in products:
        roll = _dice(seed, "promotion", product.sku)
        if product.age_restriction or roll("is on", 14):
            continue
        starts, ends = -roll("started", 10), roll("ends", 12)
        if roll("kind", 3):
            percent = (10, 15, 20)[roll("percent", 3)]
            rows.append((product.sku, "", percent, "", "Weekly deal", starts, ends, ""))
        else:
            fixed = (Decimal(product.price) * Decimal("0.8")).quantize(Decimal(1)) - CENT
            if fixed > 1:
                rows.append((product.sku, "", "", fixed, "Price drop", starts, ends, ""))
    return [(f"PR-{number:04d}", *row) for number, row in enumerate(rows, start=1)]


def _pickups(products: Sequence[Product], seed: int) -> Iterable[Sequence[object]]:
    used: set[int] = set()
    for count in range(60):
        roll = _dice(seed, "pickup", str(count))
        number = 10_000_000 + roll("number", 89_999_999)
        while number in used:
            number += 1
        used.add(number)
        status = ("ready", "ready", "ready", "picking", "collected", "expired")[count % 6]
        picked = [products[roll(f"item {i}", len(products))] for i in range(1 + roll("items", 3))]
        items = ", ".join(f"{p.sku} x{1 + roll(p.sku, 2)}" for p in picked)
        name = f"{_pick(FIRST_NAMES, roll('first', 997))} {_pick(LAST_NAMES, roll('last', 997))}"
        yield f"ORD-{number}", name, status, *_holding(status, picked, roll), items


def _holding(
    status: str, picked: Sequence[Product], roll: Callable[[str, int], int]
) -> tuple[object, object]:
    """Return minutes since the order was ready and days until it goes back.

    Source: CHAIN.md, click and collect: held 7 days, grocery until closing the next day.
    """
    if status == "picking":
        return "", ""
    days_held = 1 if any(p.department == "grocery" for p in picked) else 7
    if status == "expired":
        return (days_held + 1) * 24 * 60, -1
    days_ago = 0 if days_held == 1 else roll("ready days", 6)
    return days_ago * 24 * 60 + 20 + roll("ready", 100), days_held - days_ago


def _purchases(products: Sequence[Product], seed: int) -> Iterable[Sequence[object]]:
    for count in range(200):
        roll = _dice(seed, "purchase", str(count))
        receipt = f"R{count + 1:04d}-{roll('receipt', 900_000) + 100_000}"
        loyalty = f"LC{100_000_000 + roll('loyalty', 899_999_999)}" if roll("member", 2) else ""
        product = products[roll("product", len(products))]
        yield (
            receipt,
            product.sku,
            1 + roll("quantity", 2),
            product.price,
            roll("days", 95),
            loyalty,
        )


def _associates(seed: int) -> Iterable[Sequence[object]]:
    """Yield thirty people, the most a store has: two managers, six leads, the rest associates."""
    roles = ["manager"] * 2 + ["lead"] * 6 + ["associate"] * 22
    for count, role in enumerate(roles):
        badge = str(1001 + count)
        name = f"{_pick(FIRST_NAMES, count * 7)} {_pick(LAST_NAMES, count * 11 + count // 20)}"
        where = "all" if role == "manager" else DEPARTMENTS[draw(seed, badge, below=10)]
        yield badge, name, role, where


def _pick(names: Sequence[str], index: int) -> str:
    return names[index % len(names)]

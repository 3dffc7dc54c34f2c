"""Print recall and precision of the personal-data finder, by kind.

Run ``python -m tests.bench.bench_personal``; ``--misses`` lists what went wrong. A labelled span is
found when a span of its kind covers all of it; a span given is right when at least half of it lies
in a labelled span of its kind. ``exact`` counts labelled spans met to the character.
"""

from __future__ import annotations

import json
import platform
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from appliance.records import Span
from appliance.stages.personal import find_personal

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "personal.jsonl"
TAU = ROOT.parent / "shared" / "data" / "tau_retail" / "db.json"
KINDS = ("name", "email", "phone", "card", "address", "order", "loyalty")
TEMPLATES = (
    "can you look up the order for customer {name}, it never came",
    "my name is {name} and my email is {email}",
    "order {order} for {name} shows delivered but nothing came",
    "ship {order} to {address} instead",
    "send the receipt to {email} please, order number {order}",
    "{name} lives at {address}, can we haul away the old fridge?",
    "el pedido {order} está a nombre de {name}",
    "does {name} get the Gold discount on headphones",
)
# Asks around these have no personal data: the false alarms of a catalogue.
PRODUCTS = (
    "how much is the {product} in {option}",
    "is item {item} in stock",
    "can a Gold customer return the {product} opened?",
)

Case = tuple[str, tuple[Span, ...]]


def golden() -> list[Case]:
    """Return the hand-written cases."""
    rows = map(json.loads, GOLDEN.read_text(encoding="utf-8").splitlines())
    return [(r["text"], tuple(Span(**s) for s in r["spans"])) for r in rows]


def tau() -> list[Case]:
    """Return asks with the customers of tau-bench retail put in, seeded."""
    data = json.loads(TAU.read_text(encoding="utf-8"))
    pick = random.Random(7)
    cases = []
    for user in data["users"].values():
        where = user["address"]
        fields = {
            "name": f"{user['name']['first_name']} {user['name']['last_name']}",
            "email": user["email"],
            "address": f"{where['address1']}, {where['address2']}, {where['city']}, "
            f"{where['state']} {where['zip']}",
            "order": pick.choice(user["orders"] or ["#W1234567"]),
        }
        cases.append(_fill(pick.choice(TEMPLATES), fields))
    for product in data["products"].values():
        item, variant = next(iter(product["variants"].items()))
        option = next(iter(variant["options"].values()), "black")
        for template in PRODUCTS:
            cases.append((template.format(product=product["name"], item=item, option=option), ()))
    return cases


def _fill(template: str, fields: dict[str, str]) -> Case:
    text, spans = "", []
    for piece in template.replace("{", "\x00{").replace("}", "}\x00").split("\x00"):
        kind = piece[1:-1] if piece.startswith("{") else ""
        value = fields[kind] if kind else piece
        if kind:
            spans.append(Span(len(text), len(text) + len(value), kind))
        text += value
    return text, tuple(spans)


def measure(cases: Iterable[Case]) -> dict[str, dict[str, int]]:
    """Return, per kind: labelled, found, exact, given, right."""
    counts = {kind: Counter[str]() for kind in KINDS}
    for text, labelled in cases:
        given = find_personal(text)
        for want in labelled:
            counts[want.kind]["labelled"] += 1
            counts[want.kind]["found"] += any(_covers(g, want) for g in given)
            counts[want.kind]["exact"] += want in given
        for got in given:
            counts[got.kind]["given"] += 1
            counts[got.kind]["right"] += any(_is_right(got, w) for w in labelled)
    return {kind: dict(count) for kind, count in counts.items()}


def rates(counts: dict[str, int]) -> tuple[float, float]:
    """Return (recall, precision); 1.0 where nothing was labelled or given."""
    recall = counts.get("found", 0) / counts["labelled"] if counts.get("labelled") else 1.0
    precision = counts.get("right", 0) / counts["given"] if counts.get("given") else 1.0
    return recall, precision


def misses(cases: Iterable[Case]) -> list[str]:
    """Return what was missed (-) and what was given wrongly (+), a line each."""
    lines = []
    for text, labelled in cases:
        given = find_personal(text)
        lines += [
            f"- {w.kind:8}{text[w.start : w.end]!r}  in  {text}"
            for w in labelled
            if not any(_covers(g, w) for g in given)
        ]
        lines += [
            f"+ {g.kind:8}{text[g.start : g.end]!r}  in  {text}"
            for g in given
            if not any(_is_right(g, w) for w in labelled)
        ]
    return lines


def _covers(got: Span, want: Span) -> bool:
    return got.kind == want.kind and got.start <= want.start and got.end >= want.end


def _is_right(got: Span, want: Span) -> bool:
    shared = min(got.end, want.end) - max(got.start, want.start)
    return got.kind == want.kind and 2 * shared >= got.end - got.start


def main() -> None:
    """Print the tables."""
    print(f"{platform.machine()}, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}")
    sets = [("hand-written", golden())]
    if TAU.exists():
        sets.append(("tau-bench retail customers", tau()))
    else:
        print(f"No {TAU}: the second table is left out.")
    for title, cases in sets:
        started = time.perf_counter()
        table = measure(cases)
        spent_us = (time.perf_counter() - started) / len(cases) * 1e6
        bare = sum(not spans for _, spans in cases)
        print(f"\n{title}: {len(cases)} asks, {bare} without personal data, {spent_us:.0f} µs each")
        print(f"{'kind':10}{'labelled':>9}{'recall':>8}{'exact':>7}{'given':>7}{'precision':>11}")
        for kind, counts in table.items():
            if not counts.get("labelled") and not counts.get("given"):
                continue
            recall, precision = rates(counts)
            exact = counts.get("exact", 0) / max(counts.get("labelled", 0), 1)
            print(
                f"{kind:10}{counts.get('labelled', 0):>9}{recall:>8.3f}{exact:>7.2f}"
                f"{counts.get('given', 0):>7}{precision:>11.3f}"
            )
        if "--misses" in sys.argv:
            print("\n".join(misses(cases)))


if __name__ == "__main__":
    main()

"""Where rows stood in an earlier index, so that an update leaves what did not change where it was.

Postings are told by row numbers: a row taken out of the middle renumbers all after it, and with
them most of the file. So what stays keeps its number, and what is new takes that of what is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import apsw

from appliance.store import index_schema as schema

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Places:
    """The rows of an index in their order; empty when there is no earlier one."""

    passages: tuple[str, ...] = ()  # ids
    products: tuple[str, ...] = ()  # SKUs


def read_places(path: Path) -> Places:
    """Return the rows of an earlier index.

    Raises:
        DamagedIndex: It is none, or of another schema.
    """
    try:
        db = schema.open_reader(path)
        passages = tuple(str(name) for (name,) in db.execute(_PASSAGES))
        return Places(passages, tuple(str(sku) for (sku,) in db.execute(_PRODUCTS)))
    except apsw.Error as exc:
        raise schema.damaged(path, f"its rows cannot be read ({exc})") from exc


def in_place(items: Sequence[T], names: Sequence[str], earlier: Sequence[str]) -> list[T]:
    """Return the items, each that was there before in its place, the others in the places left."""
    places = {name: place for place, name in enumerate(earlier)}
    placed: dict[int, T] = {}
    others: list[T] = []
    for item, name in zip(items, names, strict=True):
        place = places.get(name, len(items))
        if place < len(items) and place not in placed:
            placed[place] = item
        else:
            others.append(item)
    rest = iter(others)
    return [placed[place] if place in placed else next(rest) for place in range(len(items))]


_PASSAGES = "SELECT id FROM passages ORDER BY number"
_PRODUCTS = "SELECT sku FROM products ORDER BY number"

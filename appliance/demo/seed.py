"""The demo store's live database, made fresh from the small CSV files of the demo release.

The files hold times relative to "now" (`ready_ago_min`, `due_in_days`), so that the demo's stock is
a few minutes old and its promotions are running whenever it is first started.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError

from appliance.damage import found
from appliance.demo.tables import METADATA
from appliance.errors import DamagedRelease, StoreError
from appliance.files import sync_folder

RELEASE_STORE = Path(__file__).parent / "release" / "store"
FILES = (
    "products",
    "stock",
    "transit",
    "prices",
    "costs",
    "promotions",
    "pickups",
    "purchases",
    "associates",
    "feeds",
)
_SPEC_COLUMNS = ("brand", "model", "colour", "size", "capacity", "power", "material")
_NUMBERS: dict[str, Callable[[str], Any]] = {
    "warranty_months": int,
    "age_restriction": int,
    "on_hand": int,
    "reserved": int,
    "backroom": int,
    "quantity": int,
    "percent": int,
    "price": float,
    "cost": float,
    "is_returnable_opened": "true".__eq__,
}


def seed_store(path: Path, *, now: datetime, source: Path = RELEASE_STORE) -> None:
    """Write the store database at `path`, replacing what was there as a whole.

    Days ("due tomorrow") are counted in the time zone of `now`.

    Raises:
        DamagedRelease: A CSV file is missing or does not fit its table.
        StoreError: The folder takes no file, or the disk is full; what was there stays.
    """
    with _translated(path):
        _replace(path, now=now, source=source)


def _replace(path: Path, *, now: datetime, source: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as handle:
        fresh = Path(handle.name)
    try:
        engine = create_engine(f"sqlite:///{fresh}")
        try:
            fill(engine, now=now, source=source)
        finally:
            engine.dispose()
        with fresh.open("rb") as written:
            os.fsync(written.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, OperationalError) as error:
        why = error.strerror if isinstance(error, OSError) else error.orig
        raise StoreError(
            f"{path} cannot be written: {why or error}.",
            hint=f"The store needs a folder that takes files: df -h {path.parent}",
        ) from error


def fill(engine: Engine, *, now: datetime, source: Path = RELEASE_STORE) -> None:
    """Create the tables in an empty database of any kind and fill them.

    Raises:
        DamagedRelease: A CSV file is missing or does not fit its table.
    """
    METADATA.create_all(engine)
    with engine.begin() as connection:
        for name in FILES:
            read = _read(source / f"{name}.csv")
            table = METADATA.tables[name]
            try:
                rows = [_row(row, columns=set(table.columns.keys()), now=now) for row in read]
            except ValueError as error:
                raise _damaged(source / f"{name}.csv", str(error)) from error
            if rows:
                connection.execute(table.insert(), rows)
            if name == "products":
                connection.execute(METADATA.tables["attributes"].insert(), _attributes(read))


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle, strict=True))
    except csv.Error as error:
        raise _damaged(path, f"expected CSV, found a broken row ({error})") from error
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, f"expected CSV, found {found(error)}") from error
    if any(None in row or None in row.values() for row in rows):
        raise _damaged(path, "a row has more or fewer fields than the header")
    return rows


def _row(row: Mapping[str, str], *, columns: set[str], now: datetime) -> dict[str, Any]:
    """Turn one CSV row into a table row; columns the table does not have are left out."""
    values: dict[str, Any] = dict.fromkeys(columns)
    for key, text in row.items():
        try:
            name, value = _resolve(key, text, now=now)
        except ValueError as error:
            raise ValueError(f"column {key}: expected a number, found {text!r}") from error
        if name in columns:
            values[name] = value
    return values


def _resolve(key: str, text: str, *, now: datetime) -> tuple[str, Any]:
    if not text:
        return _stem(key), None
    if key.endswith("_ago_min"):
        return _stem(key), now.astimezone(UTC) - timedelta(minutes=int(text))
    if key.endswith("_ago_days"):
        return _stem(key), _day(now, -int(text))
    if key.endswith("_in_days"):
        return _stem(key), _day(now, int(text))
    return key, _NUMBERS.get(key, str)(text)


def _stem(key: str) -> str:
    for suffix, replacement in (("_ago_min", "_at"), ("_ago_days", "_on"), ("_in_days", "_on")):
        if key.endswith(suffix):
            stem = key.removesuffix(suffix)
            return "held_until" if stem == "held" else stem + replacement
    return key


def _day(now: datetime, days: int) -> date:
    return now.date() + timedelta(days=days)


def _attributes(products: list[dict[str, str]]) -> list[dict[str, str]]:
    rows = []
    for product in products:
        pairs = [(name, product[name]) for name in _SPEC_COLUMNS]
        pairs += [part.partition(": ")[::2] for part in product["attributes"].split("; ")]
        rows += [
            {"sku": product["sku"], "attribute": name, "value": value}
            for name, value in pairs
            if value
        ]
    return rows


def _damaged(path: Path, why: str) -> DamagedRelease:
    return DamagedRelease(
        f"The demo store's data {path} cannot be used: {why}.",
        hint="Run: backroom models corpus --out build/corpus --release appliance/demo/release",
    )

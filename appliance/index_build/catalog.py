"""A catalogue with any columns to products: CSV, JSONL, JSON or YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from appliance.errors import BadInput
from appliance.index_build.converters import decode, squeeze
from appliance.index_build.documents import csv_rows, json_lines
from appliance.index_build.pieces import Notes, Product

MAX_BYTES = 512 * 2**20
# Common header names, most telling first; compared folded to lower case and underscores.
HEADERS: dict[str, tuple[str, ...]] = {
    "sku": ("sku", "item_id", "variant_id", "article_number", "item_number", "article",
            "stock_code", "id", "product_id", "asin", "code", "ean", "gtin", "upc"),
    "name": ("name", "product_name", "title", "product_title", "item_name", "description_short",
             "product", "label", "description"),
    "brand": ("brand", "manufacturer", "maker", "vendor", "brand_name"),
    "price": ("price", "list_price", "unit_price", "retail_price", "msrp", "rrp", "regular_price"),
    "department": ("department", "dept", "category", "product_category", "main_category"),
    "currency": ("currency", "currency_code"),
}  # fmt: skip
IDENTIFIERS = ("sku", "item_id", "variant_id", "article_number", "item_number", "article", "id",
               "stock_code", "product_id", "asin", "code", "ean", "ean13", "gtin", "upc", "barcode",
               "model", "model_number", "model_no", "mpn", "part_number", "isbn")  # fmt: skip
# These change by the hour: an index would be stale about them, so only the columns hold them.
VOLATILE = re.compile(
    r"(^|_)(stock|inventory|available|availability|quantity|qty|on_hand|in_transit|promoted)(_|$)"
)
CONFIDENTIAL = re.compile(
    r"(^|_)(cost|margin|wholesale|landed|shrink|supplier_price|buy_price)(_|$)"
)
# Of no use to a reader: pictures, links, and the catalogue's own bookkeeping.
UNREADABLE = re.compile(
    r"(^|_)(image|images|img|picture|photo|thumbnail|url|link|uri|where_visible|family|variant_group"
    r"|parent|parent_id)(_|$)"
)
_UNITS = re.compile(r"_(months|years|days|hours|minutes|watts|kg|g|cm|mm|inches|litres|liters|ml)$")
_PAIRS = re.compile(r"[^=:;]+[=:][^=;]+(;\s*[^=:;]+[=:][^=;]+)*;?\s*")
PROSE = {"about", "description", "long_description", "summary", "details", "text", "features"}
_TRUE, _FALSE = {"yes", "true", "1"}, {"no", "false", "0"}
_LONG = 60  # characters from which a value is a text of its own, not an attribute


def read_catalog(
    path: Path, *, notes: Notes, step: Callable[[int, int], None] | None = None
) -> list[Product]:
    """Return the products of a catalogue file, sorted by SKU.

    Args:
        path: CSV (first line names the columns), JSONL, or a JSON or YAML list of objects.
        notes: Gathers rows that were skipped.
        step: Called with (rows read, rows in all).

    Raises:
        BadInput: The file cannot be read, has no rows, or no column names products.
    """
    rows = [(line, _flat(row)) for line, row in _rows(path, notes)]
    if not rows:
        raise BadInput(f"Catalogue {path} has no rows.")
    columns = list(dict.fromkeys(key for _, row in rows for key in row))
    roles = _roles(columns, rows, path)
    found: dict[str, Product] = {}
    for number, (line, row) in enumerate(rows, start=1):
        source = f"{path.name}:{line}"
        sku = row.get(roles["sku"], "")
        if not sku:
            notes.skip(source, f"its {roles['sku']} is empty")
        elif sku in found:
            notes.skip(source, f"its {roles['sku']} {sku!r} was given before")
        elif not row.get(roles["name"], ""):
            notes.skip(source, f"its {roles['name']} is empty")
        else:
            found[sku] = _product(row, roles)
        if step is not None:
            step(number, len(rows))
    volatile = [c for c in columns if VOLATILE.search(_fold(c))]
    if volatile:
        notes.remark(path.name, f"kept as columns, not as text, for they change: {volatile}")
    return [found[sku] for sku in sorted(found)]


def _rows(path: Path, notes: Notes) -> Sequence[tuple[int, dict[str, Any]]]:
    if not path.is_file():
        raise BadInput(f"No catalogue at {path}.", hint="Give a CSV or JSONL with --catalog.")
    if path.stat().st_size > MAX_BYTES:
        raise BadInput(f"Catalogue {path} is larger than {MAX_BYTES:,} bytes.")
    data = path.read_bytes()
    suffix = path.suffix.lower()
    try:
        if suffix in {".csv", ".tsv"}:
            return csv_rows(data)
        if suffix in {".jsonl", ".ndjson"}:
            return json_lines(data, path.name, notes)
        if suffix in {".json", ".yaml", ".yml"}:
            return _listed(data, suffix)
    except BadInput as error:
        raise BadInput(f"Catalogue {path}: {error.message}", hint=error.hint) from error
    raise BadInput(
        f"Catalogue {path} is {suffix or 'without extension'}.",
        hint="Known: .csv .tsv .jsonl .ndjson .json .yaml .yml",
    )


def _listed(data: bytes, suffix: str) -> list[tuple[int, dict[str, Any]]]:
    text = decode(data)
    try:
        if suffix == ".json":
            listed = json.loads(text)
        else:
            listed = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except (json.JSONDecodeError, yaml.YAMLError, RecursionError) as error:
        raise BadInput(f"It cannot be parsed: {error}") from error
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise BadInput("A list of objects is expected.")
    return [(number, row) for number, row in enumerate(listed, start=1)]


def _flat(row: dict[Any, Any]) -> dict[str, str]:
    """Return a row as strings; nested objects become columns of their own."""
    flat: dict[str, str] = {}
    for key, value in row.items():
        name = squeeze(str(key)) or "column"
        if isinstance(value, dict):
            flat.update(_flat(value))
        elif isinstance(value, list):
            flat[name] = ", ".join(squeeze(str(item)) for item in value)
        elif isinstance(value, bool):
            flat[name] = "yes" if value else "no"
        else:
            flat[name] = "" if value is None else squeeze(str(value))
    return flat


def _roles(
    columns: Sequence[str], rows: Sequence[tuple[int, dict[str, str]]], path: Path
) -> dict[str, str]:
    """Return which column is the SKU, the name, the brand …; '' where there is none."""
    folded = {_fold(column): column for column in reversed(columns)}
    roles = {
        role: next((folded[h] for h in headers if h in folded), "")
        for role, headers in HEADERS.items()
    }
    # "id" may be the product's and "item_id" the variant's: the first that tells rows apart.
    for header in HEADERS["sku"]:
        column = folded.get(header, "")
        values = [row.get(column, "") for _, row in rows]
        if column and all(values) and len(set(values)) == len(values):
            roles["sku"] = column
            break
    for role in ("sku", "name"):
        if not roles[role]:
            raise BadInput(
                f"Catalogue {path} has no column for the {role}; it has {', '.join(columns)}.",
                hint=f"Name one of them {HEADERS[role][0]!r}.",
            )
    return roles


def _product(row: dict[str, str], roles: dict[str, str]) -> Product:
    name, brand = row[roles["name"]], row.get(roles["brand"], "")
    special = {roles[r] for r in ("sku", "name", "brand", "currency", "price", "department")}
    prose, flags, secret = [], [], []
    facts: list[tuple[str, str]] = []
    for column, value in row.items():
        fold = _fold(column)
        if not value or column in special or fold in IDENTIFIERS or UNREADABLE.search(fold):
            continue
        if CONFIDENTIAL.search(fold):
            secret.append((_label(column), value))
        elif VOLATILE.search(fold):
            continue
        elif fold in PROSE or (len(value) > _LONG and not _PAIRS.fullmatch(value)):
            prose.append(value if value.endswith((".", "!", "?")) else f"{value}.")
        elif fold.startswith("is_") and value.lower() in _TRUE | _FALSE:
            flags.append(("" if value.lower() in _TRUE else "not ") + _label(column)[3:])
        else:
            facts.extend(_facts(column, value))
    numbers = [v for c, v in row.items() if v and _fold(c) in IDENTIFIERS and c != roles["sku"]]
    shown = [_opening(row, roles), *prose, *_in_threes(name, facts)]
    if flags:
        shown.append(f"The {name} is {' and '.join(flags)}.")
    if price := row.get(roles["price"], ""):
        amount = _money(price, row.get(roles["currency"], ""))
        shown.append(f"The list price of the {name} is {amount}.")
    return Product(
        sku=row[roles["sku"]],
        name=name,
        columns={k: v for k, v in row.items() if not CONFIDENTIAL.search(_fold(k))},
        identifiers=tuple(dict.fromkeys([row[roles["sku"]], *numbers])),
        brand=brand,
        department=row.get(roles["department"], "").lower() or "all",
        sentences=tuple(shown),
        confidential=tuple(_in_threes(name, secret)),
    )


def _opening(row: dict[str, str], roles: dict[str, str]) -> str:
    """Return "X is a product of Brand in electronics (SKU 1, EAN 2)."."""
    name, sku = row[roles["name"]], row[roles["sku"]]
    codes = {f"SKU {sku}": None}
    for column, value in row.items():
        if value and value != sku and _fold(column) in IDENTIFIERS:
            short = len(_fold(column)) <= 5 and _fold(column) != "model"
            codes[f"{_fold(column).upper() if short else _label(column)} {value}"] = None
    brand = row.get(roles["brand"], "")
    place = row.get(roles["department"], "")
    made = f" of {brand}" if brand else ""
    kept = f" in {place}" if place else ""
    return f"{name} is a product{made}{kept} ({', '.join(codes)})."


def _facts(column: str, value: str) -> list[tuple[str, str]]:
    """Return (label, value) of a column; "color=blue; size=M" and "power: 5 W; …" make two."""
    if ("=" in value or ("; " in value and ": " in value)) and _PAIRS.fullmatch(value):
        parts = [re.split(r"[=:]", part, maxsplit=1) for part in value.split(";") if part.strip()]
        return [(_label(squeeze(key)), squeeze(text)) for key, text in parts]
    label = _label(column)
    if unit := _UNITS.search(_fold(column)):
        label = _label(_fold(column)[: unit.start()])
        name = unit.group(1)
        value = f"{value} {name[:-1] if value == '1' and name.endswith('s') else name}"
    return [(label, value)]


def _in_threes(name: str, facts: Sequence[tuple[str, str]]) -> list[str]:
    """Return sentences that name the product again and hold at most three values each."""
    return [
        f"{name}: {', '.join(f'{label} {value}' for label, value in facts[i : i + 3])}."
        for i in range(0, len(facts), 3)
    ]


def _money(value: str, currency: str) -> str:
    try:
        amount = Decimal(value.replace(",", "").lstrip("$€£ "))
    except InvalidOperation:
        return value
    if currency and currency.upper() != "USD":
        return f"{amount:,.2f} {currency.upper()}"
    symbol = value[0] if value[0] in "€£" else "$"
    return f"{symbol}{amount:,.2f}"


def _label(column: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)
    return re.sub(r"[_\-]+", " ", spaced).strip().lower()


def _fold(column: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column.strip())
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")

"""The demo chain's catalogue: hand-written tables to products, the same seed to the same bytes.

A family of `tables/*.toml` is a shelf of like products; its lines, sizes and colours multiply into
products. Identifiers and small price differences come from hashes of seed and name, so a family
added later leaves the others as they were. EANs begin with 29, which GS1 keeps for use inside a
company: none can be a real product's.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from importlib.resources import files
from typing import Any

from appliance.errors import BadInput

SEED = 7
OWN_BRAND = "Fernway"
DEPARTMENTS = (
    "electronics",
    "appliances",
    "home",
    "toys",
    "sports",
    "apparel",
    "garden",
    "tools",
    "beauty",
    "grocery",
)
COLUMN_ATTRIBUTES = ("colour", "size", "capacity", "power", "material")
FAMILY_KEYS = frozenset(
    [
        "id",
        "category",
        "noun",
        "about",
        "lines",
        "price",
        "sizes",
        "size_kind",
        "size_step",
        "colours",
        "colour_kind",
        "attributes",
        "age",
        "opened",
        "warranty_months",
        "aisle",
    ]
)


@dataclass(frozen=True, slots=True)
class Product:
    """One row of the catalogue; the field order is the CSV's column order."""

    sku: str
    ean: str
    name: str
    brand: str
    model: str
    department: str
    category: str
    family: str
    variant_group: str  # products that differ only in size and colour share it
    colour: str
    size: str
    capacity: str
    power: str
    material: str
    attributes: str  # what has no column: "battery: 30 h; bluetooth: 5.3"
    about: str
    price: str
    warranty_months: str
    aisle: str
    age_restriction: str  # years, or empty
    is_returnable_opened: str  # true | false
    is_own_brand: str  # true | false

    @property
    def specs(self) -> list[tuple[str, str]]:
        """Every attribute with its value, columns first."""
        own = [(name, getattr(self, name)) for name in COLUMN_ATTRIBUTES if getattr(self, name)]
        rest = [part.partition(": ")[::2] for part in self.attributes.split("; ") if part]
        return own + rest


COLUMNS = tuple(field.name for field in fields(Product))


def generate(seed: int = SEED) -> list[Product]:
    """Return the whole catalogue in the order of the tables.

    Raises:
        BadInput: A table has an unknown key or brand, or two products share a name.
    """
    brands: dict[str, str] = _table("brands")["brands"]
    taken: set[str] = set()
    products = [
        product
        for department in DEPARTMENTS
        for family in _families(department, brands)
        for product in _products(
            family, department=department, brands=brands, seed=seed, taken=taken
        )
    ]
    names = [product.name for product in products]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise BadInput(f"Two products are both named {twice[0]!r}.", hint="Rename a line.")
    return products


def to_csv(products: Sequence[Product]) -> str:
    """Return the catalogue as CSV with a header, newline-terminated rows."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(product, name) for name in COLUMNS] for product in products)
    return out.getvalue()


def check_digit(digits: str) -> str:
    """Return the EAN-13 check digit of twelve digits. Source: GS1 General Specifications §7.9."""
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits))
    return str(-total % 10)


def draw(seed: int, *key: str, below: int) -> int:
    """Return a number in [0, below) that depends on seed and key alone."""
    digest = hashlib.blake2b("|".join((str(seed), *key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % below


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "tables" / f"{name}.toml").read_text("utf-8"))


def _families(department: str, brands: dict[str, str]) -> Iterator[dict[str, Any]]:
    table = _table(department)
    shared = {key: value for key, value in table.items() if key not in {"department", "family"}}
    for row in table["family"]:
        family = {"opened": True, **shared, **row}
        where = f"tables/{department}.toml, family {family['id']!r}"
        if unknown := set(family) - FAMILY_KEYS:
            raise BadInput(f"{where}: unknown key {min(unknown)!r}.")
        for line in family["lines"]:
            if line.split()[0] not in brands:
                raise BadInput(f"{where}: {line.split()[0]!r} is not in brands.toml.")
        yield family


def _products(
    family: dict[str, Any],
    *,
    department: str,
    brands: dict[str, str],
    seed: int,
    taken: set[str],
) -> Iterator[Product]:
    lines: list[str] = family["lines"]
    for rank, line in enumerate(lines):
        share = rank / max(1, len(lines) - 1)  # 0 cheapest … 1 dearest
        model = _unused(taken, _model_number(line, brands=brands, seed=seed, family=family["id"]))
        bay = draw(seed, "bay", line, below=8) + 1
        for step, size in enumerate(family.get("sizes", [""])):
            for colour in family.get("colours", [""]):
                specs = _specs(family, share=share, size=size, colour=colour)
                name = ", ".join(
                    part for part in (f"{line} {family['noun']}", size, colour) if part
                )
                sku = _sku(department, name, seed=seed, taken=taken)
                variant = "-".join([model, *(_short(part) for part in (size, colour) if part)])
                yield Product(
                    sku=sku,
                    ean=_ean(sku, seed=seed, taken=taken),
                    name=name,
                    brand=line.split()[0],
                    model=_unused(taken, variant) if variant != model else model,
                    department=department,
                    category=family["category"],
                    family=family["id"],
                    variant_group=f"{line} {family['id']}".lower().replace(" ", "-"),
                    **{key: specs.pop(key, "") for key in COLUMN_ATTRIBUTES},
                    attributes="; ".join(f"{key}: {value}" for key, value in specs.items()),
                    about=family["about"],
                    price=str(_price(family, line=line, share=share, step=step, seed=seed)),
                    warranty_months=str(family["warranty_months"]),
                    aisle=f"{family['aisle']}-B{bay}",
                    age_restriction=str(family.get("age", "")),
                    is_returnable_opened=str(family["opened"]).lower(),
                    is_own_brand=str(line.startswith(OWN_BRAND)).lower(),
                )


def _specs(family: dict[str, Any], *, share: float, size: str, colour: str) -> dict[str, str]:
    specs = {}
    if colour:
        specs[family.get("colour_kind", "colour")] = colour
    if size:
        specs[family.get("size_kind", "size")] = size
    for name, value in family.get("attributes", {}).items():
        options = value if isinstance(value, list) else [value]
        specs.setdefault(name, options[round(share * (len(options) - 1))])
    return specs


def _price(family: dict[str, Any], *, line: str, share: float, step: int, seed: int) -> Decimal:
    low, high = family["price"]
    jitter = 0.97 + draw(seed, "price", line, below=61) / 1000  # ±3 %
    raw = low * (high / low) ** share * (1 + family.get("size_step", 0) * step) * jitter
    if raw < 20:  # shelf prices end in 9: 7.49, 34.99, 249.99
        return Decimal(max(1, round(raw * 2))) / 2 - Decimal("0.01")
    unit = 1 if raw < 200 else 10
    return (Decimal(round(raw / unit) * unit) - Decimal("0.01")).quantize(Decimal("0.01"))


def _sku(department: str, name: str, *, seed: int, taken: set[str]) -> str:
    first = draw(seed, "sku", name, below=10_000)
    for probe in range(10_000):
        number = (first + probe) % 10_000
        sku = f"LM-{10 + DEPARTMENTS.index(department)}{number:04d}"
        if sku not in taken:
            taken.add(sku)
            return sku
    raise BadInput(f"Department {department!r} has more than 10,000 products.")


def _ean(sku: str, *, seed: int, taken: set[str]) -> str:
    for probe in range(100):
        digits = f"29{draw(seed, 'ean', sku, str(probe), below=10**10):010d}"
        ean = digits + check_digit(digits)
        if ean not in taken:
            taken.add(ean)
            return ean
    raise BadInput(f"No free EAN was found for {sku} in 100 draws.")


def _model_number(line: str, *, brands: dict[str, str], seed: int, family: str) -> str:
    brand, first, *rest = line.split()
    letters = "".join(ch for ch in first if ch.isalnum())[:3].upper()
    tail = "".join(
        word if word.isdigit() else word[0].upper() for word in rest if word[0].isalnum()
    )
    if not any(ch.isdigit() for ch in tail):
        tail += f"{draw(seed, 'model', line, family, below=90) + 10}"
    return f"{brands[brand]}-{letters}{tail}"


def _short(label: str) -> str:
    plain = "".join(ch for ch in label if ch.isalnum()).upper()
    return plain[:5] if any(ch.isdigit() for ch in plain) else plain[:3]


def _unused(taken: set[str], wanted: str) -> str:
    name = next(
        n for n in [wanted, *(f"{wanted}{suffix}" for suffix in range(2, 99))] if n not in taken
    )
    taken.add(name)
    return name

"""The demo catalogue: valid identifiers, enough of everything, the same bytes every time."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from models.corpus.catalogue import (
    COLUMNS,
    DEPARTMENTS,
    OWN_BRAND,
    Product,
    check_digit,
    draw,
    generate,
    to_csv,
)

TABLES = Path("models/corpus/tables")
RELEASED = Path("appliance/demo/release/store/products.csv")


@pytest.fixture(scope="module")
def products() -> list[Product]:
    return generate()


@pytest.mark.parametrize(
    "ean", ["4006381333931", "5901234123457", "9780306406157", "0012345678905", "2000000000008"]
)
def test_the_check_digit_is_that_of_known_eans(ean: str) -> None:
    assert check_digit(ean[:12]) == ean[12]


def test_every_ean_is_valid_and_of_the_in_store_range(products: list[Product]) -> None:
    for product in products:
        assert re.fullmatch(r"29\d{11}", product.ean)
        assert check_digit(product.ean[:12]) == product.ean[12]


def test_there_are_at_least_2000_products_and_nothing_identifies_two(
    products: list[Product],
) -> None:
    assert len(products) >= 2_000
    for column in ("sku", "ean", "name", "model"):
        twice = [v for v, n in Counter(getattr(p, column) for p in products).items() if n > 1]
        assert twice == []
    assert all(re.fullmatch(r"LM-\d{6}", p.sku) for p in products)


def test_ten_departments_150_families_60_brands(products: list[Product]) -> None:
    per_department = Counter(p.department for p in products)

    assert tuple(per_department) == DEPARTMENTS
    assert min(per_department.values()) >= 100
    assert len({p.family for p in products}) >= 150
    assert len({p.brand for p in products}) >= 60
    assert {p.is_own_brand for p in products if p.brand == OWN_BRAND} == {"true"}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    first, again, other = (to_csv(generate(seed)) for seed in (7, 7, 8))

    assert hashlib.sha256(first.encode()).digest() == hashlib.sha256(again.encode()).digest()
    assert first != other


def test_the_release_holds_what_the_tables_give(products: list[Product]) -> None:
    assert RELEASED.read_text("utf-8") == to_csv(products), (
        "run: backroom models corpus --out build/corpus --release appliance/demo/release"
    )


def test_csv_reads_back_as_it_was_written(products: list[Product]) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(products))))

    assert tuple(rows[0]) == COLUMNS
    assert [row["sku"] for row in rows] == [p.sku for p in products]


def test_a_family_comes_in_variants_so_that_the_blue_one_means_something(
    products: list[Product],
) -> None:
    quiet = [p for p in products if p.variant_group == "nordvale-quietwave-300-over-ear-headphones"]

    assert {p.colour for p in quiet} == {"black", "blue", "sand", "white"}
    assert len({p.aisle for p in quiet}) == 1
    assert "Nordvale QuietWave 300 wireless over-ear headphones, black" in {p.name for p in quiet}


def test_what_law_and_hygiene_restrict_is_marked(products: list[Product]) -> None:
    ages = {p.category: p.age_restriction for p in products if p.age_restriction}

    assert (ages["alcohol"], ages["cutting"], ages["kitchen knives"]) == ("21", "18", "18")
    assert {p.age_restriction for p in products if p.family == "mature-video-games"} == {"17"}
    assert {p.age_restriction for p in products if p.family in {"cigarettes", "vapes"}} == {"21"}
    assert {p.is_returnable_opened for p in products if p.category == "earbuds"} == {"false"}


def test_prices_are_shelf_prices_within_reason(products: list[Product]) -> None:
    for product in products:
        assert re.fullmatch(r"\d+\.(49|99)", product.price)
        assert 0 < float(product.price) < 3_000
        assert re.fullmatch(r"[A-K]\d{2}-B[1-8]", product.aisle)
        assert product.warranty_months.isdigit()


def test_attributes_survive_the_way_through_the_csv(products: list[Product]) -> None:
    for product in products:
        for name, value in product.specs:
            assert name
            assert value
            assert ";" not in name + value


def test_every_brand_of_the_table_is_sold(products: list[Product]) -> None:
    brands = tomllib.loads((TABLES / "brands.toml").read_text("utf-8"))["brands"]

    assert set(brands) == {p.brand for p in products}
    assert len(set(brands.values())) == len(brands)


def test_a_draw_depends_on_seed_and_key_alone() -> None:
    assert draw(7, "a", "b", below=1000) == draw(7, "a", "b", below=1000)
    assert {draw(7, "a", str(n), below=4) for n in range(100)} == {0, 1, 2, 3}

"""What `ports.Facts` promises, on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from appliance.demo.seed import seed_store
from appliance.errors import BadInput, BadRules
from appliance.records import Role, ValueKind
from appliance.store.facts import SqlFacts
from tests.builders.facts import (
    NOW,
    PRICE_SQL,
    RELEASE_FACTS,
    postgres_store,
    small_facts,
    sqlite_store,
)

SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000000)"
    " SELECT 'x' AS name, COUNT(*) AS price FROM n WHERE :subject <> '' ",
    "postgresql": "SELECT 'x' AS name, 1 AS price FROM pg_sleep(30) WHERE :subject <> ''",
}


@dataclass(frozen=True)
class Live:
    url: str

    @property
    def kind(self) -> str:
        return self.url.partition(":")[0].partition("+")[0]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        engine = create_engine(self.url)
        with engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(text(sql))]
        engine.dispose()
        return rows


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(sqlite_store, id="sqlite"),
        pytest.param(postgres_store, id="postgres", marks=pytest.mark.postgres),
    ],
)
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    with request.param() as url:
        yield Live(url)


@pytest.fixture
def facts(live: Live) -> Iterator[SqlFacts]:
    opened = SqlFacts.open(RELEASE_FACTS, live.url, zone=ZoneInfo("America/Chicago"))
    yield opened
    opened.close()


def one(live: Live, sql: str) -> str:
    return str(live.rows(sql)[0][0])


def test_every_family_of_the_release_says_something_of_every_kind_of_subject(
    live: Live, facts: SqlFacts
) -> None:
    subjects = [
        one(live, "SELECT MIN(sku) FROM products"),
        one(live, "SELECT MIN(order_number) FROM pickups"),
        one(live, "SELECT MIN(badge) FROM associates"),
        one(live, "SELECT MIN(receipt) FROM purchases"),
    ]

    readings = [
        facts.read(facts.families(), subject=s, at=NOW, role=Role.MANAGER) for s in subjects
    ]

    assert {f.family for r in readings for f in r.facts} == set(facts.families())
    assert not any(reading.missing for reading in readings)


def test_each_value_stands_at_its_offsets_and_names_its_fact(live: Live, facts: SqlFacts) -> None:
    for (sku,) in live.rows("SELECT sku FROM products ORDER BY ean LIMIT 60"):
        reading = facts.read(facts.families(), subject=str(sku), at=NOW, role=Role.MANAGER)
        for fact in reading.facts:
            assert fact.text.endswith(".")
            for value in fact.values:
                assert fact.text[value.start : value.end] == value.text
                assert value.origin == f"fact:{fact.id}"


def test_a_receipt_says_how_many_days_ago_it_was_on_every_database(
    live: Live, facts: SqlFacts
) -> None:
    receipt, bought = live.rows("SELECT receipt, bought_on FROM purchases ORDER BY 1 LIMIT 1")[0]
    day = date.fromisoformat(str(bought))

    fact = facts.read(["purchase"], subject=str(receipt), at=NOW).facts[0]

    since = next(v for v in fact.values if v.kind is ValueKind.DURATION)
    today = NOW.astimezone(ZoneInfo("America/Chicago")).date()
    assert (since.amount, since.unit) == ((today - day).days, "day")


def test_a_price_is_typed_money_with_its_as_of_time(live: Live, facts: SqlFacts) -> None:
    sku, price = live.rows(
        "SELECT pr.sku, pr.price FROM prices pr JOIN products p ON p.sku = pr.sku WHERE NOT EXISTS"
        " (SELECT 1 FROM promotions x WHERE x.sku = p.sku OR x.department = p.department)"
        " ORDER BY pr.sku LIMIT 1"
    )[0]

    fact = facts.read(["price"], subject=str(sku), at=NOW).facts[0]

    money = next(v for v in fact.values if v.kind is ValueKind.MONEY)
    assert money.amount == Decimal(str(price))
    assert money.text == f"${Decimal(str(price)):,.2f}"
    assert (money.unit, fact.id, fact.subject) == ("USD", f"price:{sku}", sku)
    assert fact.as_of == NOW - timedelta(minutes=12)


def test_a_running_promotion_makes_the_price_and_says_until_when(
    live: Live, facts: SqlFacts
) -> None:
    sku, price, percent, ends_on = live.rows(
        "SELECT p.sku, pr.price, x.percent, x.ends_on FROM products p"
        " JOIN prices pr ON pr.sku = p.sku JOIN promotions x ON x.department = p.department"
        " WHERE x.department = 'garden' AND p.sku NOT IN"
        " (SELECT sku FROM promotions WHERE sku IS NOT NULL) ORDER BY p.sku LIMIT 1"
    )[0]
    exact = Decimal(str(price)) * (100 - int(str(percent))) / 100

    fact = facts.read(["price"], subject=str(sku), at=NOW).facts[0]

    amounts = [v.amount for v in fact.values if v.kind is ValueKind.MONEY]
    assert amounts[1] == Decimal(str(price))
    assert amounts[0] is not None
    assert abs(amounts[0] - exact) <= Decimal("0.005")
    (until,) = [v for v in fact.values if v.kind is ValueKind.DATE]
    assert until.amount == Decimal(date.fromisoformat(str(ends_on)).strftime("%Y%m%d"))


def test_a_promotion_for_one_tier_does_not_change_the_price(live: Live, facts: SqlFacts) -> None:
    sku = one(
        live,
        "SELECT MIN(sku) FROM products WHERE department = 'apparel' AND sku NOT IN"
        " (SELECT sku FROM promotions WHERE sku IS NOT NULL)",
    )

    price = facts.read(["price"], subject=sku, at=NOW).facts[0]
    promotion = facts.read(["promotion"], subject=sku, at=NOW).facts[0]

    assert "until" not in price.text
    assert "Gold customers get 20% off" in promotion.text


def test_a_stale_feed_is_not_known_since_its_time_in_the_store(live: Live, facts: SqlFacts) -> None:
    sku = one(live, "SELECT MIN(sku) FROM products")

    reading = facts.read(["stock", "location"], subject=sku, at=NOW + timedelta(hours=1))

    assert [f.family for f in reading.facts] == ["location"]
    assert reading.missing == ("stock: not known since 8:57",)  # Chicago, three minutes before NOW


def test_a_feed_stale_since_another_day_says_the_day(live: Live, facts: SqlFacts) -> None:
    sku = one(live, "SELECT MIN(sku) FROM products")

    reading = facts.read(["price"], subject=sku, at=NOW + timedelta(days=2))

    assert reading.facts == ()
    assert reading.missing == ("price: not known since Nov 22, 2026, 8:48",)


def test_a_feed_dated_ahead_of_the_clock_is_not_believed(live: Live, facts: SqlFacts) -> None:
    sku = one(live, "SELECT MIN(sku) FROM products")

    reading = facts.read(["stock"], subject=sku, at=NOW - timedelta(hours=3))

    assert (reading.facts, reading.missing) == ((), ("stock: not known",))


def test_no_row_is_said_in_the_familys_words(facts: SqlFacts) -> None:
    reading = facts.read(["price", "spec"], subject="LM-000000", at=NOW)

    assert reading.facts == ()
    assert reading.missing == (
        "price: no such product",
        "specification: nothing listed for that product",
    )


def test_a_spanish_ask_is_answered_in_spanish_with_the_same_values(
    live: Live, facts: SqlFacts
) -> None:
    for (sku,) in live.rows("SELECT sku FROM products ORDER BY ean LIMIT 40"):
        asked = {"subject": str(sku), "at": NOW, "role": Role.MANAGER}
        english = facts.read(facts.families(), **asked)  # type: ignore[arg-type]
        spanish = facts.read(facts.families(), **asked, language="es")  # type: ignore[arg-type]
        assert [f.id for f in spanish.facts] == [f.id for f in english.facts]
        for en, es in zip(english.facts, spanish.facts, strict=True):
            assert en.family == "spec" or es.text != en.text
            told = [(v.kind, v.amount, v.unit) for v in en.values]
            found = [(v.kind, v.amount, v.unit) for v in es.values]
            assert [v for v in told if v not in found] == []
            for value in es.values:
                assert es.text[value.start : value.end] == value.text


def test_a_spanish_ask_is_told_in_spanish_what_is_missing(live: Live, facts: SqlFacts) -> None:
    sku = one(live, "SELECT MIN(sku) FROM products")

    def missing(family: str, subject: str = sku, *, hours: int = 0) -> tuple[str, ...]:
        at = NOW + timedelta(hours=hours)
        return facts.read([family], subject=subject, at=at, language="es").missing

    assert missing("stock", hours=1) == ("existencias: no se sabe desde las 8:57",)
    assert missing("price", hours=48) == (
        "precio: no se sabe desde el 22 de noviembre de 2026 a las 8:48",
    )
    assert missing("stock", hours=-3) == ("existencias: no se sabe",)
    assert missing("price", "LM-000000") == ("precio: no existe ese producto",)
    assert missing("cost") == ("costo: solo para gerentes",)
    assert missing("weather") == ("weather: esta tienda no lo lleva",)


@pytest.mark.parametrize("language", ["fr", "", "ES", "../es"])
def test_a_language_nobody_speaks_is_answered_in_english(
    live: Live, facts: SqlFacts, language: str
) -> None:
    sku = one(live, "SELECT MIN(sku) FROM products")

    reading = facts.read(facts.families(), subject=sku, at=NOW, language=language)

    assert reading == facts.read(facts.families(), subject=sku, at=NOW)


def test_a_family_without_spanish_sentences_is_said_in_english(live: Live, tmp_path: Path) -> None:
    facts = SqlFacts.open(small_facts(tmp_path), live.url)
    sku = one(live, "SELECT MIN(sku) FROM products")

    fact = facts.read(["price"], subject=sku, at=NOW, language="es").facts[0]
    missing = facts.read(["price"], subject="LM-000000", at=NOW, language="es").missing

    facts.close()
    assert " is $" in fact.text
    assert missing == ("price: no such record",)


def test_a_family_for_another_kind_of_subject_is_passed_over(facts: SqlFacts) -> None:
    reading = facts.read(["pickup", "associate"], subject="LM-000000", at=NOW, role=Role.MANAGER)

    assert (reading.facts, reading.missing) == ((), ())


def test_cost_and_badges_are_kept_from_lower_roles(live: Live, facts: SqlFacts) -> None:
    sku = one(live, "SELECT MIN(sku) FROM products")
    badge = one(live, "SELECT MIN(badge) FROM associates")

    assert facts.read(["cost"], subject=sku, at=NOW).missing == ("cost: for managers only",)
    assert facts.read(["cost"], subject=sku, at=NOW, role=Role.LEAD).facts == ()
    assert facts.read(["associate"], subject=badge, at=NOW).facts == ()
    assert facts.read(["associate"], subject=badge, at=NOW, role=Role.LEAD).facts


def test_a_customers_name_is_masked_unless_the_role_may_see_it(live: Live, facts: SqlFacts) -> None:
    order, name = live.rows("SELECT order_number, customer_name FROM pickups ORDER BY 1 LIMIT 1")[0]

    masked = facts.read(["pickup"], subject=str(order), at=NOW).facts[0]
    plain = facts.read(["pickup"], subject=str(order), at=NOW, role=Role.LEAD).facts[0]

    for part in str(name).split():
        assert part not in masked.text
        assert all(part not in value for _, value in masked.columns)
    assert str(name) in plain.text


@pytest.mark.parametrize(
    "subject",
    [
        "x' OR '1'='1",
        "'; DROP TABLE prices; --",
        'LM-100000" OR 1=1',
        ":today",
        "%",
        "LM-10\x0000",
        "LM-1\nUNION SELECT 1,2",
        "\udce9",
        "ü" * 199,
    ],
)
def test_a_subject_is_never_sql(live: Live, tmp_path: Path, subject: str) -> None:
    before = live.rows("SELECT COUNT(*) FROM prices")
    facts = SqlFacts.open(small_facts(tmp_path), live.url)

    reading = facts.read(["price"], subject=subject, at=NOW)

    facts.close()
    assert reading.facts == ()
    assert live.rows("SELECT COUNT(*) FROM prices") == before


def test_the_connection_itself_cannot_write(live: Live, facts: SqlFacts) -> None:
    with facts.pool.engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("UPDATE prices SET price = 1"))

    assert live.rows("SELECT COUNT(*) FROM prices WHERE price = 1") == [(0,)]


def test_a_slow_query_is_given_up_in_time_and_reading_goes_on(live: Live, tmp_path: Path) -> None:
    path = small_facts(tmp_path, sql=SLOW[live.kind], timeout_s=0.3)
    facts = SqlFacts.open(path, live.url, workers=1)

    started = time.monotonic()
    first = facts.read(["price"], subject="x", at=NOW)
    took_s = time.monotonic() - started
    time.sleep(0.2)  # the interrupted worker, the only one, comes free
    job = facts.pool.submit(lambda connection: connection.execute(text("SELECT 1")).scalar())
    after = facts.pool.result(job, timeout_s=5)

    facts.close()
    assert (first.facts, first.missing) == ((), ("price: not known",))
    assert took_s < 2
    assert after == 1


def test_an_unreachable_database_is_not_known_and_never_raises(live: Live, tmp_path: Path) -> None:
    away = {
        "sqlite": f"sqlite:///{tmp_path}/absent.db",
        "postgresql": "postgresql+psycopg://u@127.0.0.1:9/none",
    }[live.kind]
    facts = SqlFacts.open(small_facts(tmp_path), away)

    reading = facts.read(["price"], subject="LM-100000", at=NOW)

    facts.close()
    assert (reading.facts, reading.missing) == ((), ("price: not known",))
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.parametrize(
    ("sql", "text_", "reason"),
    [
        ("SELEKT 1 WHERE :subject = ''", "{price}", "must be one SELECT"),
        ("SELECT 1 AS price; SELECT :subject", "{price}", "must be one SELECT"),
        ("WITH x AS (DELETE FROM prices RETURNING *) SELECT :subject", "{price}", "DELETE"),
        (PRICE_SQL.replace("pr.price", "pr.prize"), "{price:money}", "does not take it"),
        (PRICE_SQL.replace("prices", "pricez"), "{price:money}", "does not take it"),
        (PRICE_SQL, "{cost:money}", "gives no column 'cost'"),
        (PRICE_SQL, "{price:monney}", "unknown type 'monney'"),
        (PRICE_SQL, "{price:money", "sentence[1].text"),
        (PRICE_SQL + " AND :shelf = ''", "{price:money}", "unknown bind :shelf"),
        ("SELECT name FROM products", "{name}", "bind :subject is missing"),
    ],
)
def test_a_query_that_cannot_work_is_refused_at_load(
    live: Live, tmp_path: Path, sql: str, text_: str, reason: str
) -> None:
    path = small_facts(tmp_path, sql=sql, text=text_)

    with pytest.raises(BadRules, match=r"family\.price") as refused:
        SqlFacts.open(path, live.url)

    assert reason in refused.value.message
    assert str(path) in refused.value.message


def test_an_interrupt_never_hits_the_next_reader(live: Live, tmp_path: Path) -> None:
    path = small_facts(tmp_path, timeout_s=0.0005)
    facts = SqlFacts.open(path, live.url, workers=2)
    sku = one(live, "SELECT MIN(sku) FROM products")

    for _ in range(60):
        facts.read(["price"], subject=sku, at=NOW)
        job = facts.pool.submit(lambda c: c.execute(text("SELECT COUNT(*) FROM stock")).scalar())
        assert facts.pool.result(job, timeout_s=10) == 2101

    facts.close()


def test_a_replaced_database_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    seed_store(path, now=NOW)
    facts = SqlFacts.open(RELEASE_FACTS, f"sqlite:///{path}")
    sku = one(Live(f"sqlite:///{path}"), "SELECT MIN(sku) FROM products")
    facts.read(["stock"], subject=sku, at=NOW)

    later = NOW + timedelta(hours=5)
    stale = facts.read(["stock"], subject=sku, at=later)
    seed_store(path, now=later)
    fresh = facts.read(["stock"], subject=sku, at=later)
    path.unlink()
    gone = facts.read(["stock"], subject=sku, at=later)

    facts.close()
    assert stale.missing == ("stock: not known since 14:57",)
    assert fresh.facts
    assert gone.missing == ("stock: not known since 19:57",)


def test_a_file_that_is_no_database_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    path.write_bytes(b"not a database at all, but long enough to look at\n" * 40)
    facts = SqlFacts.open(RELEASE_FACTS, f"sqlite:///{path}")

    reading = facts.read(["stock"], subject="LM-100000", at=NOW)

    facts.close()
    assert reading.missing == ("stock: not known",)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("stale_after_s = 3600", "stale_after = 3600"), "family.price.stale_after"),
        (("stale_after_s = 3600", 'stale_after_s = "1 h"'), "family.price.stale_after_s"),
        (("stale_after_s = 3600", "stale_after_s = 0"), "family.price.stale_after_s"),
        (("format = 1", "format = 2"), "format"),
        (("[subjects]", "[subject]"), "subject"),
        (('subject = "any"', 'subject = "sku"'), "family.price.subject"),
        (('feeds = ["prices"]', ""), "family.price"),
        (('kinds = ["price"]', 'kinds = ["price"]\naudience = "boss"'), "family.price.audience"),
        (('label = "price"', 'label = "price"\nmissing = "gone"'), "family.price.missing"),
        (("any = '(?s)", "any = '((?s)"), "subjects.any"),
        (('label = "price"', 'label = "price"\nmissing_es = "nada"'), "family.price.missing_es"),
        (('text = "', 'text_es = "{price:monney}"\ntext = "'), "family.price.sentence[1].text_es"),
        (('text = "', 'text_fr = "x"\ntext = "'), "family.price.sentence[1].text_fr"),
    ],
)
def test_a_wrong_facts_file_names_file_key_and_reason(
    tmp_path: Path, change: tuple[str, str], key: str
) -> None:
    path = small_facts(tmp_path)
    path.write_text(path.read_text().replace(*change, 1))

    with pytest.raises(BadRules) as refused:
        SqlFacts.open(path, f"sqlite:///{tmp_path}/absent.db")

    assert f"{path}: {key}:" in refused.value.message


def test_a_missing_facts_file_or_unusable_url_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"facts\.toml"):
        SqlFacts.open(tmp_path / "facts.toml", "sqlite:///x.db")
    for url in ("nonsense", "sqlite://", "nosuchdb://host/x"):
        with pytest.raises(BadInput):
            SqlFacts.open(RELEASE_FACTS, url)

"""Sentences with typed holes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance.records import ValueKind
from appliance.store.families import load_families
from appliance.store.languages import LANGUAGES, SPANISH
from appliance.store.sentences import instant, parse_template
from appliance.values import find_values, same_value
from tests.builders.facts import RELEASE_FACTS

ZONE = ZoneInfo("America/Chicago")
AT = datetime(2026, 11, 22, 3, 5, tzinfo=UTC)  # the evening before, in Chicago


@pytest.mark.parametrize(
    ("hole", "raw", "printed", "kind", "amount"),
    [
        ("x:money", 1299.9, "$1,299.90", ValueKind.MONEY, "1299.90"),
        ("x:money", Decimal("0.005"), "$0.01", ValueKind.MONEY, "0.01"),
        ("x:money", "-5", "-$5.00", ValueKind.MONEY, "-5.00"),
        ("x:percent", 40.0, "40%", ValueKind.PERCENT, "40"),
        ("x:percent", "12.5", "12.5%", ValueKind.PERCENT, "12.5"),
        ("x:count", 1200, "1,200", ValueKind.COUNT, "1200"),
        ("x:duration.month", 24, "24 months", ValueKind.DURATION, "24"),
        ("x:duration.year", 1, "1 year", ValueKind.DURATION, "1"),
        ("x:age", 21, "21", ValueKind.AGE, "21"),
        ("x:date", date(2026, 11, 5), "Nov 5, 2026", ValueKind.DATE, "20261105"),
        ("x:date", "2026-11-05", "Nov 5, 2026", ValueKind.DATE, "20261105"),
        ("x:date", AT, "Nov 21, 2026", ValueKind.DATE, "20261121"),
        ("x:time", AT, "21:05", ValueKind.TIME, "1265"),
        ("x:size.kg", 2.5, "2.5 kg", ValueKind.SIZE, "2.5"),
        ("x:measure", "1,800 W", "1,800 W", ValueKind.SIZE, "1800"),
        ("x:measure", "30 hours", "30 hours", ValueKind.DURATION, "30"),
    ],
)
def test_a_hole_prints_its_column_and_types_it(
    hole: str, raw: Any, printed: str, kind: ValueKind, amount: str
) -> None:
    text, values = parse_template(f"It is {{{hole}}} – so.").render(
        {"x": raw}, zone=ZONE, origin="fact:f"
    )

    assert text == f"It is {printed} – so."
    (value,) = values
    assert (value.kind, value.text, value.amount) == (kind, printed, Decimal(amount))
    assert text[value.start : value.end] == printed
    assert value.origin == "fact:f"


@pytest.mark.parametrize(
    ("hole", "raw"),
    [
        ("x:money", Decimal("1299.90")),
        ("x:percent", 15),
        ("x:duration.month", 24),
        ("x:date", date(2026, 11, 5)),
        ("x:time", AT),
        ("x:measure", "55 lb"),
        ("x:aisle", "A14-B3"),
        ("x:sku", "LM-104233"),
        ("x:ean", "4006381333931"),
        ("x:order", "ORD-10023344"),
    ],
)
def test_a_typed_hole_is_the_value_that_governance_reads_there(hole: str, raw: Any) -> None:
    text, (value,) = parse_template(f"Here: {{{hole}}}, said.").render(
        {"x": raw}, zone=ZONE, origin=""
    )

    (read,) = find_values(text)
    assert same_value(value, read)


@pytest.mark.parametrize(
    ("hole", "raw", "printed"),
    [
        ("x:date", date(2026, 11, 5), "5 de noviembre de 2026"),
        ("x:duration.month", 24, "24 meses"),
        ("x:duration.year", 1, "1 año"),
        ("x:duration", 3, "3 días"),
        ("x:money", 1299.9, "$1,299.90"),
    ],
)
def test_a_spanish_sentence_prints_and_types_what_the_english_one_does(
    hole: str, raw: Any, printed: str
) -> None:
    text, (value,) = parse_template(f"Son {{{hole}}}.").render(
        {"x": raw}, zone=UTC, origin="", language=SPANISH
    )
    _, (english,) = parse_template(f"It is {{{hole}}}.").render({"x": raw}, zone=UTC, origin="")

    assert text == f"Son {printed}."
    assert same_value(value, english)
    (read,) = find_values(text)
    assert same_value(value, read)


def test_every_month_is_read_back_as_it_is_printed() -> None:
    for language in LANGUAGES.values():
        for month in range(1, 13):
            (value,) = find_values(language.date_text(date(2026, month, 9)))
            assert value.amount == Decimal(f"2026{month:02d}09")


def test_every_sentence_of_the_demo_is_said_in_spanish_with_the_same_holes() -> None:
    families = load_families(RELEASE_FACTS).by_name.values()
    for family in families:
        assert family.words["es"].label != family.words["en"].label
        for choice in family.choices:
            english, spanish = choice.templates["en"], choice.templates["es"]
            assert spanish.columns == english.columns
            assert family.name == "spec" or spanish != english


def test_values_in_a_name_are_typed_too() -> None:
    template = parse_template("The price of {name} is {price:money}.")

    text, values = template.render({"name": "Tent, 4 ft, red", "price": 9}, zone=UTC, origin="f")

    assert [(v.kind, text[v.start : v.end]) for v in values] == [
        (ValueKind.SIZE, "4 ft"),
        (ValueKind.MONEY, "$9.00"),
    ]


@pytest.mark.parametrize(
    ("hole", "raw"),
    [
        ("x:money", "cheap"),
        ("x:money", float("nan")),
        ("x:money", None),
        ("x:count", 1.5),
        ("x:date", 20261105),
        ("x:time", "noon"),
        ("y:money", 1),
    ],
)
def test_a_column_of_another_type_or_none_is_refused_by_name(hole: str, raw: Any) -> None:
    with pytest.raises(ValueError, match=f"column '{hole[0]}'"):
        parse_template(f"{{{hole}}}").render({"x": raw}, zone=UTC, origin="")


@pytest.mark.parametrize("text", ["{", "{x:monney}", "{}", "{x!r}", "{x.y}", "{x:money"])
def test_a_broken_template_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_template(text)


def test_an_instant_is_read_from_what_drivers_give() -> None:
    assert instant("2026-11-22 03:05:00.000000") == AT
    assert instant(AT.astimezone(ZONE)) == AT
    with pytest.raises(ValueError, match="not an instant"):
        instant(5)

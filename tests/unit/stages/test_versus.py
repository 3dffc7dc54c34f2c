"""Two products set side by side: which two an ask names, and what code makes of their facts."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.records import Entity, Fact
from appliance.stages.versus import contest_of, pair_of, settled
from tests.builders.records import a_fact, a_query
from tests.fakes.ports import WordIndex

PAN, KETTLE = "LM-100001", "LM-200001"
SHELF = WordIndex([], {PAN: "Cindercook patisserie pan", KETTLE: "Fernway cordless kettle"})


def pair(text: str, **query: Any) -> tuple[str, ...]:
    found = pair_of(a_query(text, **query), SHELF)
    return found.subject.skus if found else ()


def priced(sku: str, text: str) -> Fact:
    name = SHELF.products[sku]
    columns = (("name", name),)
    return a_fact(
        f"The price of {name} is {text}.", id=f"price:{sku}", subject=sku, columns=columns
    )


def said(text: str, *facts: Fact, language: str = "en") -> list[str]:
    contest = contest_of(text)
    assert contest is not None
    return [s.text for s in settled(contest, facts, language=language)]


@pytest.mark.parametrize(
    "text",
    [
        "which is cheaper, the cindercook patisserie pan or the fernway cordless kettle",
        "is the cindercook patisserie pan cheaper than the fernway cordless kettle",
        "cuál es más barato, cindercook patisserie pan o fernway cordless kettle",
        "cindercook patisserie pan vs fernway cordless kettle, what costs more",
    ],
)
def test_two_names_on_either_side_of_a_comparison_are_two_products(text: str) -> None:
    assert pair(text) == (PAN, KETTLE)


def test_two_numbers_are_two_products_wherever_they_stand() -> None:
    entities = (Entity("sku", KETTLE, 0, 9), Entity("sku", PAN, 14, 23))
    assert pair(f"{KETTLE} {PAN} cheaper one?", entities=entities) == (KETTLE, PAN)


@pytest.mark.parametrize(
    "text",
    [
        "how much are the cindercook patisserie pan and the fernway cordless kettle",
        "is the cindercook patisserie pan cheaper at the shop down the road or here",
        "which is better, the cindercook patisserie pan or the fernway cordless kettle",
        "which cindercook patisserie pan is cheaper, the cindercook patisserie pan or another",
    ],
)
def test_what_code_cannot_settle_is_no_comparison(text: str) -> None:
    assert pair(text) == ()


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("which one has the longer warranty", "warranty"),
        ("do we have more of the pan or the kettle in stock", "stock"),
        ("which costs more", "price"),
        ("cuál pesa más", "spec"),
        ("which one is bigger", "spec"),
    ],
)
def test_the_comparing_word_tells_what_is_compared(text: str, family: str) -> None:
    contest = contest_of(text)
    assert contest is not None
    assert contest.family == family


def test_both_prices_are_said_and_the_cheaper_is_named_and_both_are_cited() -> None:
    facts = (priced(PAN, "$24.99"), priced(KETTLE, "$9.99"))
    contest = contest_of("which is cheaper")
    assert contest is not None
    sentences = settled(contest, facts, language="en")
    assert [s.text for s in sentences] == [
        *(f.text for f in facts),
        "The cheaper one is Fernway cordless kettle.",
    ]
    assert [x.id for x in sentences[2].sources] == [f"price:{PAN}", f"price:{KETTLE}"]
    assert said("cuál es más caro", *facts, language="es")[2].endswith("Fernway cordless kettle.")


def test_of_a_reduced_price_what_is_paid_today_counts() -> None:
    reduced = priced(PAN, "$8.99 until Nov 30, 2026; the regular price is $24.99")
    assert "Cindercook" in said("which is cheaper", reduced, priced(KETTLE, "$9.99"))[2]


def test_equal_prices_are_said_to_be_the_same() -> None:
    facts = (priced(PAN, "$9.99"), priced(KETTLE, "$9.99"))
    assert said("which is cheaper", *facts)[2] == "$9.99 is the same as $9.99."


def test_a_price_that_could_not_be_read_leaves_the_other_and_no_verdict() -> None:
    facts = (priced(PAN, "$24.99"), priced(KETTLE, "$9.99"))
    assert said("which is cheaper", facts[0]) == [facts[0].text]


def test_stock_is_all_there_is_on_the_floor_and_behind_it() -> None:
    def stocked(sku: str, text: str) -> Fact:
        columns = (("name", SHELF.products[sku]),)
        return a_fact(text, id=f"stock:{sku}", family="stock", subject=sku, columns=columns)

    few = stocked(PAN, "Cindercook patisserie pan: 9 pieces on the sales floor.")
    many = stocked(KETTLE, "Fernway cordless kettle: 4 pieces here and 6 pieces in the back.")
    assert said("which do we have more of in stock", few, many)[2] == (
        "We have more of Fernway cordless kettle."
    )


def test_a_measure_only_one_of_them_has_is_told_of_that_one() -> None:
    def measured(sku: str, attribute: str, value: str) -> Fact:
        name = SHELF.products[sku]
        return a_fact(
            f"{name}, {attribute}: {value}.",
            id=f"spec:{sku}:{attribute}",
            family="spec",
            subject=sku,
            columns=(("name", name), ("attribute", attribute)),
        )

    heavy, light = measured(PAN, "weight", "900 g"), measured(KETTLE, "weight", "650 g")
    assert said("which is heavier", heavy, light)[2] == (
        "The greater weight is that of Cindercook patisserie pan."
    )
    assert said("which is heavier", heavy, measured(KETTLE, "power", "1800 W")) == [heavy.text]
    assert said("which is heavier", measured(KETTLE, "power", "1800 W")) == []

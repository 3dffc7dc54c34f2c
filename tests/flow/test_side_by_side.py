"""Through the demo store: two products compared by code, and a receipt beside its rule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.backroom import Store
from appliance.config import Settings
from appliance.records import LaneName, Reply
from appliance.wiring import open_store
from tests.golden.run import GoldenClock

BLACK, BLUE = "LM-102976", "LM-102262"  # one model of headphones: $39.99, 240 g
TOOLS = "LM-178865"  # a tool box: $14.49
HEADPHONES_OF = "R0190-468446"  # bought 75 days ago
TOOLS_OF = "R0001-753035"  # bought 10 days ago


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home: Path = tmp_path_factory.mktemp("side-by-side")
    with open_store(Settings(home=home), clock=GoldenClock()) as opened:
        yield opened


def said(store: Store, text: str) -> Reply:
    reply = store.ask(text)
    assert reply.lane is LaneName.LOOKUP, reply.text
    return reply


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        (f"which is cheaper, {BLACK} or {TOOLS}", "The cheaper one is Fernway Carry tool box"),
        (f"cuál es más barato, {BLACK} o {TOOLS}", "El precio más bajo es el de Fernway Carry"),
        (f"which costs more {BLACK} or {BLUE}", "$39.99 is the same as $39.99."),
        (f"do we have more of {BLACK} or {BLUE} in stock", "We have more of Fernway Listen 100"),
        (f"is {BLACK} heavier than {BLUE}", "240 g is the same as 240 g."),
        ("which costs more the haldenfit iron dumbbell or the fernway tool box", "cheaper one is"),
    ],
)
def test_two_products_are_read_and_compared_and_both_are_cited(
    store: Store, text: str, ends: str
) -> None:
    reply = said(store, text)
    assert ends in reply.text
    assert len({s.id for s in reply.sentences[-1].sources}) == 2
    assert len(reply.subject) == 2


def test_a_receipt_is_told_with_the_days_since(store: Store) -> None:
    reply = said(store, f"what was on receipt {TOOLS_OF}")
    assert "Fernway Carry tool box, 16 in, red, $14.49, was bought 10 days ago" in reply.text
    assert [f.family for f in reply.facts] == ["purchase"]


def test_a_return_is_told_by_the_receipt_and_the_rule_for_what_was_bought(store: Store) -> None:
    reply = said(store, f"can Ana return the opened headphones from {HEADPHONES_OF}")
    assert "was bought 75 days ago" in reply.text
    assert {s.id.partition(":")[0] for s in reply.sources} == {"purchase"} or (
        "The handbook says" in reply.text
    )


def test_a_receipt_nobody_has_is_said_not_to_exist(store: Store) -> None:
    assert said(store, "receipt R9999-000000").text == "Receipt: no purchase with that number."

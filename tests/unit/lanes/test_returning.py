"""A purchase beside its rule: said together only where the rule is sure and was asked for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from appliance.lanes.returning import rule_of
from appliance.records import Fact, Value, ValueKind
from tests.builders.records import (
    a_fact,
    a_passage,
    a_query,
    a_stitched,
    an_evidence,
    excerpts_of,
)

RULE = a_passage("Tools may be returned within 60 days of purchase.")
ASK = "can she return what is on receipt R0001-753035"


def bought(days: int) -> Fact:
    text = f"Receipt R0001-753035: tool box, was bought {days} days ago."
    start = text.index(f"{days} days")
    printed = f"{days} days"
    value = Value(ValueKind.DURATION, printed, Decimal(days), "day", start, start + len(printed))
    return a_fact(text, id="purchase:R0001-753035", family="purchase", values=(value,))


def said(*facts: Fact, ask: str = ASK, p: float = 0.9, language: str = "en") -> list[str]:
    evidence = an_evidence([RULE], facts, excerpts=excerpts_of(RULE, p))
    query = a_query(ask, language=language)
    return [s.text for s in rule_of(a_stitched(query=query, evidence=evidence), facts)]


@pytest.mark.parametrize(
    ("days", "language", "ends"),
    [
        (10, "en", "10 days is less than 60 days."),
        (75, "en", "75 days is more than 60 days."),
        (75, "es", "75 days es más que 60 days."),
    ],
)
def test_the_rule_is_quoted_and_the_days_are_compared(days: int, language: str, ends: str) -> None:
    rule, stands = said(bought(days), language=language)
    assert "“Tools may be returned within 60 days of purchase.”" in rule
    assert stands == ends


def test_what_asks_no_return_and_a_rule_that_is_not_sure_are_left_alone() -> None:
    assert said(bought(10), ask="what is on receipt R0001-753035") == []
    assert said(bought(10), p=0.6) == []
    assert said(a_fact()) == []
    assert said(bought(10), bought(20)) == []  # which of the two is meant?

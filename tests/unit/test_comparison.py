"""Two values put side by side by arithmetic, and a comparison that is not true."""

import pytest

from appliance.comparison import compared, is_true
from appliance.values import find_values


def said(first, second, ask, **more):
    return compared(find_values(first), find_values(second), ask=ask, **more)


@pytest.mark.parametrize(
    ("first", "second", "ask", "expected"),
    [
        ("The lamp costs $10.99.", "The sofa costs $240.", "which is cheaper",
         "$10.99 is less than $240."),
        ("Return it within 30 days.", "Back within 2 weeks.", "longer window",
         "30 days is more than 2 weeks."),
        ("Covered for 24 months.", "Covered for 2 years.", "longer warranty",
         "24 months is the same as 2 years."),
        ("Opens at 9:00.", "Opens at 10:30.", "which opens earlier", "9:00 is earlier than 10:30."),
        ("From age 21 on.", "From age 18 on.", "higher age limit", "21 is more than 18."),
    ],
)  # fmt: skip
def test_the_only_pair_of_a_kind_is_compared(first, second, ask, expected):
    found = said(first, second, ask)
    assert found == expected
    assert is_true(found)


def test_nothing_is_compared_that_was_not_asked():
    assert said("It costs $10.", "It costs $15.", "what do they cost") == ""


def test_of_two_prices_in_one_source_none_is_compared():
    assert said("It is $10 until 2026-03-01, else $15.", "It is $12.", "which is cheaper") == ""


def test_the_ask_says_which_kind_is_meant():
    first, second = "9 of them are due on 2026-03-01.", "4 of them are due on 2026-02-01."
    assert said(first, second, "which arrives earlier") == "2026-03-01 is later than 2026-02-01."
    assert said(first, second, "which is better") == ""


def test_a_month_is_no_fixed_number_of_days():
    assert said("Within 30 days.", "Within 1 month.", "which is longer") == ""
    assert said("Within 45 days.", "Within 1 month.", "which is longer").startswith(
        "45 days is more"
    )


def test_of_a_purchase_and_a_rule_only_times_are_compared():
    rule, bought = "Opened: 30 days and a fee of $5.", "Ana paid $80, 20 days ago."
    ask = "can ana return the headphones she bought 20 days ago"
    assert said(rule, bought, ask, are_alike=False) == "30 days is more than 20 days."
    assert said(rule, bought, "is the fee more than the price", are_alike=False) == ""


def test_spanish_is_answered_in_spanish():
    found = said("Cuesta $10.", "Cuesta $15.", "cuál es más barato", language="es")
    assert found == "$10 es menos que $15."
    assert is_true(found)


@pytest.mark.parametrize(
    "text",
    [
        "$240 is less than $10.99.",
        "$10 is less than $20, so take it.",
        "It is $10 is less than $20.",
        "$10 is less than 20 days.",
        "9:00 is less than 10:00.",
        "30 days is the same as 1 month.",
        "Everything is less than $20.",
    ],
)
def test_what_is_false_or_says_more_is_no_true_comparison(text):
    assert not is_true(text)

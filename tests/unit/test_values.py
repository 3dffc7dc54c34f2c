"""Values are found, typed, slotted, restored and compared the same way everywhere."""

import random
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest

from appliance import values as reading
from appliance.errors import BadInput, EngineError
from appliance.records import Fact, Passage, ValueKind
from appliance.stages.text import word_set
from appliance.values import (
    assign_slots,
    find_values,
    name_slots,
    restore,
    same_value,
    slots_of,
    slotted,
)


def named(*texts):
    return name_slots((f"passage:{i}", find_values(text)) for i, text in enumerate(texts))


def a_passage(text):
    return Passage("p1", "doc", "Title", text, "handbook", "all", "associate", "en")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Costs $1,299.99.", [("money", "$1,299.99", "1299.99", "USD")]),
        ("99 cents off", [("money", "99 cents", "0.99", "USD")]),
        (
            "15%, 15 % or 15 percent",
            [("percent", t, "15", "percent") for t in ("15%", "15 %", "15 percent")],
        ),
        ("within 30 days", [("duration", "30 days", "30", "day")]),
        (
            "2 hours, 8 weeks",
            [("duration", "2 hours", "2", "hour"), ("duration", "8 weeks", "8", "week")],
        ),
        ("a 52-week high", [("duration", "52-week", "52", "week")]),
        ("3 to 5 days", [("duration", "3", "3", "day"), ("duration", "5 days", "5", "day")]),
        ("from 2026-01-31", [("date", "2026-01-31", "20260131", "date")]),
        (
            "Nov 1 – Dec 31",
            [("date", "Nov 1", "1101", "month-day"), ("date", "Dec 31", "1231", "month-day")],
        ),
        ("until January 31, 2026", [("date", "January 31, 2026", "20260131", "date")]),
        (
            "8:00–21:00",
            [("time", "8:00", "480", "minute of day"), ("time", "21:00", "1260", "minute of day")],
        ),
        ("by 9 pm", [("time", "9 pm", "1260", "minute of day")]),
        ("21 or older", [("age", "21", "21", "year")]),
        ("looks under 40", [("age", "40", "40", "year")]),
        ("a 55-inch TV", [("size", "55-inch", "55", "inch")]),
        (
            "12 oz in 25 miles",
            [("size", "12 oz", "12", "ounce"), ("size", "25 miles", "25", "mile")],
        ),
        ("3 items of 42", [("count", "3", "3", ""), ("count", "42", "42", "")]),
        ("two people count", [("count", "two", "2", "")]),
        ("LM-104233", [("sku", "LM-104233", None, "")]),
        ("4006381333931", [("ean", "4006381333931", None, "")]),
        ("in aisle 14 or A14-B3", [("aisle", "aisle 14", None, ""), ("aisle", "A14-B3", None, "")]),
        ("ORD-12345678", [("order", "ORD-12345678", None, "")]),
        ("30 días hábiles", [("duration", "30 días hábiles", "30", "day")]),
        (
            "2 horas y tres semanas",
            [("duration", "2 horas", "2", "hour"), ("duration", "tres semanas", "3", "week")],
        ),
        ("15 por ciento", [("percent", "15 por ciento", "15", "percent")]),
        ("WH-1000XM5, 2nd floor, LC123456789, 1-800-555-0100", []),
    ],
)
def test_a_value_is_typed_before_it_is_a_number(text, expected):
    found = [(v.kind, v.text, v.amount, v.unit) for v in find_values(text)]
    want = [(ValueKind(k), t, a and Decimal(a), u) for k, t, a, u in expected]
    assert found == want


def test_a_duration_is_never_money():
    week, price = find_values("a 52-week plan for $52")
    assert not same_value(week, price)


def test_values_never_overlap_and_stand_where_they_say():
    text = "ORD-12345678: 3 items, $10 or 10 % (the greater), 9:00–18:30, Nov 1, aisle 14, 2-year."
    values = find_values(text)
    assert [text[v.start : v.end] for v in values] == [v.text for v in values]
    assert all(a.end <= b.start for a, b in pairwise(values))


def test_slots_round_trip():
    text = "Return within 30 days; the fee is 15% and $49, or 15% again."
    values = named(text)
    hidden = slotted(text, values)
    assert hidden == "Return within ⟦v0⟧; the fee is ⟦v1⟧ and ⟦v2⟧, or ⟦v1⟧ again."
    assert restore(hidden, values) == text
    assert slots_of(hidden) == ("v0", "v1", "v2", "v1")


def test_slots_run_on_over_texts_and_equal_values_share_one():
    fact = Fact("b", "price", "s", "$5, 7 days", find_values("$5, 7 days"), datetime.now(UTC))
    values = assign_slots([a_passage("30 days or $5")], [fact])
    assert [(v.origin, v.slot) for v in values] == [
        ("passage:p1", "v0"),
        ("passage:p1", "v1"),
        ("fact:b", "v1"),
        ("fact:b", "v2"),
    ]


def test_brackets_in_a_text_cannot_forge_a_slot():
    text = "Say ⟦v9⟧ for 3 days"
    assert slotted(text, named(text)) == "Say v9 for ⟦v0⟧"


def test_an_unknown_slot_is_an_error():
    with pytest.raises(EngineError, match="v7"):
        restore("It costs ⟦v7⟧.", named("$5"))


def test_a_value_of_another_text_is_refused():
    with pytest.raises(BadInput):
        slotted("nothing here", named("costs $5"))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("$10", "10 dollars"),
        ("15%", "15 percent"),
        ("Jan 31, 2026", "2026-01-31"),
        ("9 pm", "21:00"),
        ("30 days", "30-day"),
        ("Aisle 14", "aisle 14"),
        ("two weeks", "2 weeks"),
    ],
)
def test_print_does_not_matter_to_equality(a, b):
    assert same_value(find_values(a)[0], find_values(b)[0])


def test_hostile_text_is_read_in_linear_time():
    find_values("1" * 100_000)
    find_values("1," * 50_000)
    find_values("$" * 100_000 + "a" * 1000)


PIECES = sorted(
    word_set(
        '$ 5 12 1,000 3.5 - / : . % days in " to one una tres aisle A B 12:30 pm ORD-12345678 SPF'
        " LM-104233 age 21+ of jan May de 2026 ½ é ſ K _ ' months “ ⟦v1⟧ 4006381333931 percent"
    )
)


def test_a_text_read_where_words_begin_is_read_as_if_searched_everywhere():
    dice = random.Random(3)
    for _ in range(5_000):
        text = "".join(dice.choice(PIECES) + dice.choice(["", " "]) for _ in range(8))
        everywhere = [(m.start(), m.lastgroup) for m in reading._ALL.finditer(text)]
        found = [(v.start, v.kind.value) for v in find_values(text)]
        assert found == (everywhere if reading._HINT.search(text) else []), text

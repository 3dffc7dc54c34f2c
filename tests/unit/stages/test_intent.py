"""What kind of question an ask is: words it was taught, identifiers by kind, the rest one thing."""

from typing import Any

import numpy as np
import pytest

from appliance.stages.intent import (
    EXTRAS,
    KINDS,
    THING,
    WORD_BUCKETS,
    WORD_SCALE,
    IntentModel,
    question_words,
    word_row,
)

KNOWN = frozenset({"how", "much", "is", "the", "price", "of", "stock", "order"})
DIM = 4


def extras(text: str, *, product: float = 0.0) -> dict[str, float]:
    row = word_row(text, known=KNOWN, product=product)
    return dict(zip(EXTRAS, map(float, row[WORD_BUCKETS:]), strict=True))


def a_model(**fields: Any) -> IntentModel:
    width = DIM + WORD_BUCKETS + len(EXTRAS)
    weights = np.zeros((2, width), dtype=np.float32)
    weights[0, -len(EXTRAS) :] = 2.0  # "price" goes by what is named
    known = {
        "intents": ("price", "out_of_scope"),
        "weights": weights,
        "bias": np.zeros(2, dtype=np.float32),
        "known": KNOWN,
    }
    return IntentModel(**{**known, **fields})


# ── words ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("order ORD-00000007", "#order"),
        ("ord 00000007", "#order"),
        ("LM-104233", "#sku"),
        ("lm104233", "#sku"),
        ("104233", "#sku"),
        ("4006381333931", "#ean"),
        ("036000291452", "#ean"),
        ("badge A1234", "#badge"),
    ],
)
def test_an_identifier_is_named_by_its_kind_and_never_by_its_digits(text: str, kind: str) -> None:
    found = question_words(f"price of {text}", known=KNOWN)
    assert [t for t in found if t in KINDS] == [kind]
    assert not any(c.isdigit() for t in found for c in t)


@pytest.mark.parametrize("text", ["$104233", "1,104233", "104233.50", "10423", "1042334"])
def test_an_amount_or_another_length_of_digits_is_no_sku(text: str) -> None:
    assert "#sku" not in question_words(text, known=KNOWN)


def test_words_that_were_not_taught_count_as_one_thing_however_many() -> None:
    found = question_words("how much is the fernway rain kettle", known=KNOWN)
    assert found == ["how", "much", "is", "the", THING]


def test_things_on_both_sides_of_an_identifier_are_two() -> None:
    assert question_words("kettle LM-104233 toaster", known=KNOWN) == [THING, "#sku", THING]


@pytest.mark.parametrize("text", ["", "?!", " \n"])
def test_a_text_without_words_has_none(text: str) -> None:
    assert question_words(text, known=KNOWN) == []


# ── the row ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["", "price", "how much is the fernway kettle LM-104233"])
def test_the_row_has_one_shape_and_a_bounded_length(text: str) -> None:
    row = word_row(text, known=KNOWN, product=0.5)
    assert row.shape == (WORD_BUCKETS + len(EXTRAS),)
    assert row.dtype == np.float32
    assert np.linalg.norm(row[:WORD_BUCKETS]) == pytest.approx(WORD_SCALE)


def test_two_products_asked_for_in_the_same_words_give_the_same_row() -> None:
    one, other = (
        word_row(f"how much is the {name}", known=KNOWN, product=0.7)
        for name in ("fernway kettle", "larkmoor four slice toaster")
    )
    assert np.array_equal(one, other)


def test_the_order_of_words_counts() -> None:
    one, other = (word_row(t, known=KNOWN, product=0.0) for t in ("price order", "order price"))
    assert not np.array_equal(one, other)


def test_extras_tell_the_identifiers_the_product_and_the_share_of_unknown_words() -> None:
    told = extras("price of LM-104233 kettle", product=0.7)
    assert told["#sku"] == 1.0
    assert (told["#order"], told["#ean"], told["#badge"]) == (0.0, 0.0, 0.0)
    assert told["product"] == pytest.approx(0.7)
    assert told["things"] == pytest.approx(1 / 4)
    assert extras("") == dict.fromkeys(EXTRAS, 0.0)


# ── the model ─────────────────────────────────────────────────────────────────────────────────


def test_odds_are_named_and_add_up() -> None:
    odds = a_model().odds("price", np.ones(DIM, np.float32), product=0.0)
    assert list(odds) == ["price", "out_of_scope"]
    assert sum(odds.values()) == pytest.approx(1.0)


def test_a_named_product_raises_the_odds_of_what_goes_by_it() -> None:
    vector = np.zeros(DIM, np.float32)
    without, named = (a_model().odds("price", vector, product=p)["price"] for p in (0.0, 1.0))
    assert without == pytest.approx(0.5)
    assert named == pytest.approx(1 / (1 + np.exp(-2.0)))


def test_the_embedding_stands_first_in_the_row() -> None:
    model = a_model()
    model.weights[1, 0] = 3.0
    odds = model.odds("price", np.eye(DIM, dtype=np.float32)[0], product=0.0)
    assert odds["out_of_scope"] == pytest.approx(1 / (1 + np.exp(-3.0)))


def test_huge_scores_are_still_odds() -> None:
    odds = a_model(bias=np.array([1e4, -1e4], np.float32)).odds("x", np.zeros(DIM), product=0.0)
    assert odds == {"price": 1.0, "out_of_scope": 0.0}

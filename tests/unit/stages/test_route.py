"""The ladder: in order of odds, the quote under every draft, the hand-over under all."""

from collections.abc import Sequence
from typing import Any

import pytest

from appliance.ports import KnownAnswer
from appliance.records import Admitted, Entity, LaneName, Routed
from appliance.stages.intent import OUT_OF_SCOPE
from appliance.stages.route import Route
from tests.builders.records import TEXT, a_grant, a_query, a_refusal, an_ask
from tests.builders.stores import CARD, KETTLE, a_router, some_card_vectors
from tests.fakes.ports import HashEmbedder, MemoryKnown, WordIndex

PRICE = "price of the fernway kettle"
OTHER = "LM-200001"


def route(
    text: str = TEXT,
    *,
    is_line: bool = True,
    grant: Any = None,
    index: WordIndex | None = None,
    known: Sequence[KnownAnswer] = (),
    **query: Any,
) -> Routed:
    stage = Route(
        model=a_router(),
        embedder=HashEmbedder(),
        index=index or WordIndex([], {KETTLE: "Fernway kettle", OTHER: "Larkmoor toaster"}),
        cards=some_card_vectors(CARD),
        known=MemoryKnown(known),
        line_is_configured=is_line,
    )
    return stage(Admitted(an_ask(text), a_query(text, **query), text, grant or a_grant()))


def lanes(routed: Routed) -> list[str]:
    return [odds.lane.value for odds in routed.lanes]


def test_lanes_are_tried_by_their_odds_then_the_quote_then_the_hand_over() -> None:
    routed = route()
    assert routed.intent == "policy"
    assert lanes(routed) == ["specialist", "generalist", "quote", "handoff"]
    assert routed.lanes[0].p > routed.lanes[1].p
    assert routed.lanes[-1].p == 1.0


def test_a_lane_under_its_threshold_is_not_tried() -> None:
    assert "lookup" not in lanes(route())
    assert "lookup" in lanes(route(PRICE))


def test_without_a_line_the_generalist_is_left_out_and_the_reasons_say_so() -> None:
    routed = route(is_line=False)
    assert "generalist" not in lanes(routed)
    assert "generalist: no line is configured" in routed.reasons


def test_a_refused_ask_gets_the_hand_over_alone_and_the_rule_as_its_reason() -> None:
    routed = route(grant=a_refusal("no-cash"))
    assert lanes(routed) == ["handoff"]
    assert "refused by no-cash" in routed.reasons


def test_what_is_out_of_scope_gets_the_hand_over_alone() -> None:
    routed = route("a poem about the weather")
    assert routed.intent == OUT_OF_SCOPE
    assert routed.in_scope < 0.5
    assert lanes(routed) == ["handoff"]


def test_the_nearest_known_question_is_a_feature() -> None:
    near = [KnownAnswer("a#0", 0, 5, 0.4), KnownAnswer("b#0", 0, 5, 0.7)]
    assert dict(route(known=near).features)["known"] == 0.7
    assert dict(route().features)["known"] == 0.0


def test_an_ask_in_a_cards_own_words_finds_that_card_first() -> None:
    routed = route("what is the wifi password for customers")
    assert routed.card == "wifi"
    assert lanes(routed)[0] == "card"


def test_a_card_for_others_is_not_found() -> None:
    text = "what is the wifi password for customers"
    assert route(text, grant=a_grant(audiences=())).card == ""
    assert route(text, language="es").card == ""


def test_an_identifier_names_its_product_before_any_word_does() -> None:
    entity = Entity("sku", KETTLE, 0, len(KETTLE))
    assert route(f"{KETTLE} or a larkmoor toaster", entities=(entity,)).subject == (KETTLE,)


@pytest.mark.parametrize("kind", ["sku", "ean"])
@pytest.mark.parametrize("carried", [(), (KETTLE,)])
def test_an_identifier_that_is_not_ours_names_no_product_at_all(kind: str, carried: Any) -> None:
    entity = Entity(kind, "LM-999999", 0, 9)
    routed = route("LM-999999 larkmoor toaster", entities=(entity,), subject=carried)
    assert routed.subject == ()
    assert dict(routed.features)["no_product"] == 0.0  # one is named: the lookup says it is unknown


def test_an_unknown_model_code_may_still_be_named_by_its_words() -> None:
    entity = Entity("model", "KX-100", 0, 6)
    assert route("KX-100 larkmoor toaster", entities=(entity,)).subject == (OTHER,)


def test_a_follow_up_keeps_its_threads_product_unless_a_number_names_another() -> None:
    carried: dict[str, Any] = {"subject": (KETTLE,), "is_follow_up": True}
    assert route("do we have it in stock", **carried).subject == (KETTLE,)
    assert route("is it like the larkmoor toaster", **carried).subject == (KETTLE,)
    number = Entity("sku", OTHER, 4, 13)
    assert route(f"and {OTHER}", entities=(number,), **carried).subject == (OTHER,)


def named(text: str, *found: tuple[str, float]) -> tuple[tuple[str, ...], float]:
    """Return subject and score of an ask when the index finds these products."""
    index = WordIndex([], {KETTLE: "Fernway rain kettle", OTHER: "Fernway rain jacket"})
    index.find_products = lambda text, *, k: list(found[:k])  # type: ignore[method-assign]
    routed = route(text, index=index)
    return routed.subject, dict(routed.features)["product"]


def test_a_word_alone_names_a_product_half_as_surely_as_two() -> None:
    assert named("will it rain today", (OTHER, 0.5)) == ((), 0.25)
    assert named("will it rain today", (OTHER, 0.8)) == ((OTHER,), 0.4)
    assert named("where are rain jackets", (OTHER, 0.5)) == ((OTHER,), 0.5)
    assert named("lm104", (OTHER, 0.97)) == ((OTHER,), 0.97)  # an identifier needs no name


def test_a_product_must_score_three_tenths_to_be_named() -> None:
    assert named("rain jacket", (OTHER, 0.29)) == ((), 0.29)
    assert named("rain jacket", (OTHER, 0.3)) == ((OTHER,), 0.3)


def test_only_products_nearly_as_likely_are_meant_as_well() -> None:
    assert named("rain jacket", (OTHER, 0.8), (KETTLE, 0.73))[0] == (OTHER, KETTLE)
    assert named("rain jacket", (OTHER, 0.8), (KETTLE, 0.71))[0] == (OTHER,)


def test_the_intent_of_a_follow_up_is_read_from_its_own_words() -> None:
    standalone = "is it in stock (price of the fernway kettle)"
    assert route("is it in stock", standalone=standalone, is_follow_up=True).intent == "stock"
    assert route(standalone).intent == "price"  # no follow-up: brackets are its own words


def test_features_tell_the_best_live_intent_and_a_missing_product() -> None:
    price, none = dict(route(PRICE).features), dict(route("closing time").features)
    assert (price["top_live"], price["no_product"]) == (0.91, 0.0)
    assert (none["top_live"], none["no_product"]) == (0.03, 1.0)


def test_an_ask_about_nothing_we_sell_has_no_subject() -> None:
    assert route("closing time").subject == ()


@pytest.mark.parametrize("text", ["", "!!!", "¿?", "\u3042"])
def test_text_without_known_words_still_gets_a_ladder(text: str) -> None:
    assert lanes(route(text))[-1] == LaneName.HANDOFF


def test_odds_add_up_and_the_reasons_name_the_intent_first() -> None:
    routed = route(PRICE)
    assert 0.0 <= routed.in_scope <= 1.0
    assert routed.reasons[0].startswith("price ")
    assert dict(routed.features)["live_product"] > 0.5

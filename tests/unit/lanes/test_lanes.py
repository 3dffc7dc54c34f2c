"""Each lane alone: what it says, what it cites, and when it has nothing to say."""

from __future__ import annotations

import math
from typing import Any

import pytest

from appliance.errors import LineDown
from appliance.lanes.card import CardLane
from appliance.lanes.generalist import GeneralistLane, NoLine, read_answer
from appliance.lanes.handoff import HandoffLane
from appliance.lanes.lookup import MOST_FACTS, LookupLane
from appliance.lanes.quote import LEADS, QuoteLane, quote_signals
from appliance.logistic import Logistic
from appliance.policy.notices import Notices
from appliance.records import Draft, LaneName, Outcome, Passage
from appliance.stages.govern import Govern
from appliance.stages.grounding import flipped, support
from appliance.store.cards import Cards
from tests.builders.records import (
    a_fact,
    a_ladder,
    a_passage,
    a_query,
    a_refusal,
    a_stitched,
    an_evidence,
    excerpts_of,
)
from tests.builders.stores import CARD, HEADPHONES, LAPTOPS
from tests.fakes.ports import FakeLine, RolePolicy

THREE = a_passage("Keep the box. Come back in 30 days. Bring the receipt.")


def texts(draft: Draft) -> list[str]:
    return [s.text for s in draft.sentences]


def draft(lane: Any, **stitched: Any) -> Draft:
    found: Draft = lane.draft(a_stitched(**stitched), remaining_s=5.0)
    return found


# ── card ──────────────────────────────────────────────────────────────────────────────────────


def test_a_card_is_said_sentence_by_sentence_each_citing_its_own_words() -> None:
    said = draft(CardLane(Cards([CARD])), card="wifi", lanes=a_ladder(LaneName.CARD))
    assert " ".join(texts(said)) == CARD.text
    assert said.p == 0.9
    for sentence in said.sentences:
        (source,) = sentence.sources
        assert source.id == "card:wifi"
        assert CARD.text[source.start : source.end] == sentence.text


@pytest.mark.parametrize("card", ["", "unknown"])
def test_without_a_near_card_the_card_lane_has_nothing(card: str) -> None:
    assert draft(CardLane(Cards([CARD])), card=card).is_none


# ── lookup ────────────────────────────────────────────────────────────────────────────────────


def test_facts_are_said_in_the_words_of_their_family_and_cited() -> None:
    fact = a_fact()
    said = draft(LookupLane(), evidence=an_evidence(facts=[fact]))
    assert texts(said) == [fact.text]
    assert said.sentences[0].sources[0].id == fact.id


def test_a_stale_fact_is_never_said() -> None:
    evidence = an_evidence(facts=[a_fact(is_stale=True)])
    assert draft(LookupLane(), evidence=evidence).is_none


def test_what_is_missing_is_said_as_a_sentence() -> None:
    evidence = an_evidence(missing=("stock: not known since 14:02",))
    said = draft(LookupLane(), evidence=evidence)
    assert texts(said) == ["Stock: not known since 14:02."]
    assert not said.is_none


def test_no_more_facts_are_said_than_one_can_hear() -> None:
    facts = [a_fact(id=f"price:{n}") for n in range(9)]
    assert len(draft(LookupLane(), evidence=an_evidence(facts=facts)).sentences) == MOST_FACTS


def test_without_facts_the_lookup_lane_has_nothing() -> None:
    assert draft(LookupLane(), evidence=an_evidence()).is_none


# ── quote ─────────────────────────────────────────────────────────────────────────────────────


def quoted(*odds: float) -> Draft:
    evidence = an_evidence([THREE], excerpts=excerpts_of(THREE, *odds))
    return draft(QuoteLane(), evidence=evidence)


def test_the_likeliest_sentence_is_quoted_with_its_odds() -> None:
    said = quoted(0.1, 0.8, 0.2)
    assert texts(said) == ["The handbook says: “Come back in 30 days.”"]
    assert said.p == 0.8


def test_a_sentence_nearly_as_likely_is_quoted_along_in_reading_order() -> None:
    first, second = "The handbook says: “Keep the box.”", "“Come back in 30 days.”"
    assert texts(quoted(0.33, 0.8, 0.31)) == [first, second]


def test_never_more_than_three_sentences_are_quoted() -> None:
    four = a_passage(f"{THREE.text} Ask your lead.")
    evidence = an_evidence([four], excerpts=excerpts_of(four, 0.8, 0.8, 0.8, 0.8))
    assert len(draft(QuoteLane(), evidence=evidence).sentences) == 3


@pytest.mark.parametrize("odds", [(0.1, 0.8, 0.1), (0.8, 0.7, 0.1), (0.8, 0.7, 0.7)])
def test_a_quote_is_verbatim_between_its_marks_and_says_where_it_stands(odds: Any) -> None:
    said = quoted(*odds)
    printed = [THREE.text[s.start : s.end] for sentence in said.sentences for s in sentence.sources]
    marked = " ".join(f"“{text}”" for text in printed)
    assert " ".join(texts(said)) == f"The handbook says: {marked}"
    assert {(s.id, s.title) for x in said.sentences for s in x.sources} == {(THREE.id, THREE.title)}


@pytest.mark.parametrize("odds", [(0.8, 0.7, 0.7), (0.8, 0.1, 0.7), (0.3, 0.2, 0.1)])
def test_each_sentence_of_a_quote_can_be_heard_alone(odds: Any) -> None:
    for text in texts(quoted(*odds)):
        assert text.count("“") == text.count("”") == 1
        assert text.endswith("”")


def test_a_spanish_ask_is_told_in_spanish_that_it_is_a_quote() -> None:
    evidence = an_evidence([THREE], excerpts=excerpts_of(THREE, 0.1, 0.8, 0.2))
    said = draft(QuoteLane(), evidence=evidence, query=a_query(language="es"))
    assert texts(said) == ["El manual dice: “Come back in 30 days.”"]


@pytest.mark.parametrize("language", list(LEADS))
@pytest.mark.parametrize("rule", ["Keep the box.", "Never refund gift cards.", "Call 911."])
def test_governance_passes_a_quote_however_short_its_rule(language: str, rule: str) -> None:
    passage = a_passage(rule)
    evidence = an_evidence([passage], excerpts=excerpts_of(passage, 0.8))
    stitched = a_stitched(evidence=evidence, query=a_query(language=language))
    said = QuoteLane().draft(stitched, remaining_s=5.0)
    judge = Govern(RolePolicy(), Notices(), lambda _: ())
    sentence, checks = judge(said.sentences[0], draft=said, stitched=stitched)
    assert [c.why for c in checks if c.outcome is not Outcome.PASS] == []
    assert sentence.text == f"{LEADS[language]}“{rule}”"


def test_a_lead_excuses_no_word_after_it() -> None:
    assert support("The handbook says: “Paint the ceiling.”", [THREE.text])[0] == 0.0
    assert flipped("The handbook says: “Do not keep the box.”", [THREE.text])


def test_a_quote_stays_in_one_passage() -> None:
    excerpts = (*excerpts_of(HEADPHONES, 0.9), *excerpts_of(LAPTOPS, 0.89))
    evidence = an_evidence([LAPTOPS, HEADPHONES], excerpts=excerpts)
    assert texts(draft(QuoteLane(), evidence=evidence)) == [
        f"The handbook says: “{HEADPHONES.text}”"
    ]


def test_a_quote_is_as_sure_as_quotes_like_it_were_right() -> None:
    evidence = an_evidence([THREE], excerpts=excerpts_of(THREE, 0.1, 0.3, 0.2))
    surer = QuoteLane(Logistic({"best_logit": 1.0}, 1.0))
    said = draft(surer, evidence=evidence)
    assert texts(said) == texts(quoted(0.1, 0.3, 0.2))
    assert said.p == pytest.approx(1 / (1 + (0.7 / 0.3) / math.e))
    assert dict(said.signals) == quote_signals(0.3)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_a_sentence_that_is_certain_still_has_a_logit(p: float) -> None:
    assert math.isfinite(quote_signals(p)["best_logit"])


def test_without_a_passage_there_is_nothing_to_quote() -> None:
    assert draft(QuoteLane(), evidence=an_evidence()).is_none


# ── hand-over ─────────────────────────────────────────────────────────────────────────────────

HANDOFF = HandoffLane()


def test_a_refusal_is_said_in_the_rules_own_words() -> None:
    said = draft(HANDOFF, grant=a_refusal("no-cash", "Cash stays in the till."))
    assert texts(said) == ["Cash stays in the till."]
    assert said.why == "refused by no-cash"


@pytest.mark.parametrize("intent", ["policy", "price", "stock", "pickup", "out_of_scope", "new"])
@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_the_hand_over_always_answers_and_names_whom_to_ask(intent: str, language: str) -> None:
    said = draft(HANDOFF, intent=intent, query=a_query(language=language), evidence=an_evidence())
    assert not said.is_none
    assert said.p == 1.0
    assert any(word in " ".join(texts(said)) for word in ("ask", "pregunte"))


def test_a_hand_over_says_what_could_not_be_read() -> None:
    evidence = an_evidence(missing=("stock: not known since 14:02",))
    said = draft(HANDOFF, intent="stock", evidence=evidence)
    assert texts(said)[0] == "Stock: not known since 14:02."
    assert "receiving lead" in texts(said)[1]


def test_a_spanish_hand_over_says_what_could_not_be_read_and_whom_to_ask() -> None:
    evidence = an_evidence(missing=("existencias: no se sabe desde las 14:02",))
    said = draft(HANDOFF, intent="stock", evidence=evidence, query=a_query(language="es"))
    assert texts(said)[0] == "Existencias: no se sabe desde las 14:02."
    assert "líder de recepción" in texts(said)[1]


def test_a_spanish_ask_out_of_scope_is_told_so_in_spanish() -> None:
    said = draft(HANDOFF, intent="out_of_scope", query=a_query(language="es"))
    assert "fuera de lo que cubren" in texts(said)[0]


# ── generalist ────────────────────────────────────────────────────────────────────────────────

TWO = (HEADPHONES, LAPTOPS)


def ids(answer: str, passages: tuple[Passage, ...] = TWO) -> list[tuple[str, list[str]]]:
    return [(s.text, [c.document for c in _cited(s, passages)]) for s in read_answer(answer, TWO)]


def _cited(sentence: Any, passages: tuple[Passage, ...]) -> list[Passage]:
    return [p for source in sentence.sources for p in passages if p.id == source.id]


def test_the_line_hears_the_masked_ask_never_the_given_one() -> None:
    line = FakeLine("Thirty days [1].")
    evidence = an_evidence([HEADPHONES])
    draft(
        GeneralistLane(line, "Cite."),
        text="call 555-0100 about headphones",
        masked="call [PHONE] about headphones",
        evidence=evidence,
    )
    sent = str(line.heard)
    assert "call [PHONE_1] about headphones" in sent
    assert "555-0100" not in sent
    assert HEADPHONES.text in sent


@pytest.mark.parametrize(
    "answer",
    [
        "Headphones have 30 days [1]. Laptops have 15 days [2].",
        "Headphones have 30 days. [1] Laptops have 15 days. [2]",
        "Headphones have 30 days.[1] Laptops have 15 days.[2]",
    ],
)
def test_a_citation_goes_to_its_own_sentence_wherever_the_stop_is(answer: str) -> None:
    assert ids(answer) == [
        ("Headphones have 30 days.", ["returns-headphones"]),
        ("Laptops have 15 days.", ["returns-laptops"]),
    ]


def test_a_citation_of_a_passage_that_was_not_sent_is_no_source() -> None:
    assert ids("Yes [7]. No [0].") == [("Yes.", []), ("No.", [])]


def test_two_citations_are_two_sources() -> None:
    assert ids("Both come back. [1][2]") == [
        ("Both come back.", ["returns-headphones", "returns-laptops"])
    ]


@pytest.mark.parametrize("answer", ["", "  \n ", "[1]"])
def test_an_empty_answer_is_none(answer: str) -> None:
    said = draft(GeneralistLane(FakeLine(answer), ""), evidence=an_evidence(TWO))
    assert said.is_none
    assert said.why


def test_without_passages_the_line_is_not_troubled() -> None:
    line = FakeLine("Anything.")
    assert draft(GeneralistLane(line, ""), evidence=an_evidence()).is_none
    assert line.heard == []


def test_a_store_without_a_line_says_so() -> None:
    with pytest.raises(LineDown, match="No line") as caught:
        draft(GeneralistLane(NoLine(), ""), evidence=an_evidence(TWO))
    assert "keeps the ask" in caught.value.hint
    assert not NoLine().is_configured

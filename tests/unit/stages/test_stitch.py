"""Evidence: what the grant lets one read, each saying once, values named in order."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from appliance.logistic import Logistic
from appliance.records import Entity, Evidence, Passage
from appliance.stages.excerpt import RankExcerpts
from appliance.stages.lexicon import Lexicon
from appliance.stages.stitch import KEPT, SUBJECTS, Stitch, distinct
from tests.builders.records import NOW, a_fact, a_grant, a_passage, a_query, a_refusal, a_routed
from tests.builders.stores import HEADPHONES, KETTLE, LAPTOPS, SAFE
from tests.fakes.ports import HashEmbedder, MemoryFacts, WordIndex


def stage(*passages: Passage, facts: MemoryFacts | None = None) -> Stitch:
    index = WordIndex(passages or (HEADPHONES, LAPTOPS, SAFE))
    rank = RankExcerpts(Logistic({"coverage": 6.0}, -2.0), index.idf)
    lexicon = Lexicon({}, {"headphones": ("earbuds",)})
    return Stitch(index, facts or MemoryFacts(), lexicon, HashEmbedder(), rank)


def stitch(*passages: Passage, facts: MemoryFacts | None = None, **routed: Any) -> Evidence:
    return stage(*passages, facts=facts)(a_routed(**routed)).evidence


def test_a_passage_brings_its_sentences_and_its_values() -> None:
    evidence = stitch()
    assert evidence.passages[0].id == HEADPHONES.id
    assert evidence.excerpts[0].passage == HEADPHONES.id
    assert (evidence.values[0].slot, evidence.values[0].text) == ("v0", "30 days")
    assert evidence.values[0].origin == f"passage:{HEADPHONES.id}"


def test_a_refused_ask_reads_nothing() -> None:
    facts = MemoryFacts({KETTLE: [a_fact()]})
    made = stage(facts=facts)
    stitched = made(a_routed(grant=a_refusal(), intent="price", subject=(KETTLE,)))
    assert stitched.evidence == Evidence((), (), ())
    assert facts.asked == []
    assert made.index.searched == []  # type: ignore[attr-defined]


def test_only_what_this_reader_may_read_now_is_searched() -> None:
    text = "how often does the code of the safe change"
    known: dict[str, Any] = {"text": text, "query": a_query(text)}
    assert SAFE.id not in {p.id for p in stitch(**known).passages}
    manager = a_grant(audiences=("associate", "manager"))
    assert SAFE.id in {p.id for p in stitch(**known, grant=manager).passages}


@pytest.mark.parametrize(
    "fields",
    [
        {"effective_to": date(2026, 11, 21)},
        {"effective_from": date(2026, 11, 23)},
        {"language": "es"},
        {"kind": "product"},
    ],
)
def test_a_passage_out_of_force_or_of_another_kind_is_not_evidence(fields: Any) -> None:
    assert stitch(replace(HEADPHONES, **fields)).passages == ()


def test_a_synonym_finds_what_its_head_word_names() -> None:
    text = "earbuds back"
    assert stitch(text=text, query=a_query(text)).passages[0].id == HEADPHONES.id


def test_facts_are_read_for_the_intent_and_the_subject_as_granted() -> None:
    facts = MemoryFacts({KETTLE: [a_fact()]})
    known: dict[str, Any] = {"intent": "price", "subject": (KETTLE,)}
    evidence = stitch(facts=facts, **known)
    assert [f.id for f in evidence.facts] == [f"price:{KETTLE}"]
    assert (evidence.values[-1].text, evidence.values[-1].origin) == (
        "$24.99",
        f"fact:price:{KETTLE}",
    )
    assert stitch(facts=facts, **known, grant=a_grant(families=())).facts == ()


def test_what_several_products_lack_is_said_once() -> None:
    facts = MemoryFacts(missing={"price": "price: not known since 14:02"})
    evidence = stitch(facts=facts, intent="price", subject=(KETTLE, "LM-200001"))
    assert evidence.missing == ("price: not known since 14:02",)


def test_at_most_three_subjects_are_read_however_many_an_ask_names() -> None:
    facts = MemoryFacts()
    stitch(facts=facts, intent="price", subject=tuple(f"LM-{n:06}" for n in range(9)))
    assert len(facts.asked) == SUBJECTS
    orders = tuple(Entity("order", f"ORD-{n:08}", 0, 0) for n in range(50))
    facts.asked.clear()
    stitch(facts=facts, intent="price", query=a_query(entities=orders))
    assert [subject for _, subject in facts.asked] == [e.value for e in orders[:SUBJECTS]]


def test_an_order_that_is_named_is_read_instead_of_a_product() -> None:
    facts = MemoryFacts()
    order = Entity("order", "ORD-00000007", 0, 12)
    query = a_query(entities=(order, order))
    stitch(facts=facts, intent="price", subject=(KETTLE,), query=query)
    assert facts.asked == [(("price",), "ORD-00000007")]


def test_a_passage_that_repeats_a_better_one_is_left_out() -> None:
    repeated = replace(HEADPHONES, id="copy#1", text=HEADPHONES.text.replace("Opened", "opened"))
    assert [p.id for p in distinct([HEADPHONES, repeated, LAPTOPS])] == [HEADPHONES.id, LAPTOPS.id]
    assert distinct([]) == []
    assert distinct([replace(SAFE, text=""), replace(SAFE, text="")])


def test_no_more_passages_are_kept_than_a_prompt_holds() -> None:
    words = ("alpha", "bravo", "cedar", "delta", "eagle", "fjord", "grape", "hotel", "igloo")
    many = [a_passage(f"return {w} {w}s {w}x {w}y {w}z", id=f"{w}#1") for w in words]
    assert len(stitch(*many).passages) == KEPT


def test_earlier_records_travel_on_by_value() -> None:
    routed = a_routed(card="wifi", subject=(KETTLE,), reasons=("policy 0.90",))
    stitched = stage()(routed)
    for name in ("ask", "query", "grant", "intent", "lanes", "reasons", "subject", "card"):
        assert getattr(stitched, name) == getattr(routed, name)
    assert stitched.ask.asked_at == NOW

"""Evidence: what the grant lets one read, each saying once, values named in order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from appliance.logistic import Logistic
from appliance.ports import KnownAnswer
from appliance.records import Entity, Evidence, Excerpt, Fact, Passage
from appliance.stages.excerpt import RankExcerpts
from appliance.stages.lexicon import Lexicon
from appliance.stages.stitch import (
    KEPT,
    KNOWN_AT,
    KNOWN_PASSAGES,
    SUBJECTS,
    Stitch,
    distinct,
    likeliest_first,
    told,
)
from tests.builders.records import NOW, a_fact, a_grant, a_passage, a_query, a_refusal, a_routed
from tests.builders.stores import HEADPHONES, KETTLE, LAPTOPS, SAFE
from tests.fakes.ports import HashEmbedder, MemoryFacts, MemoryKnown, WordIndex


def stage(
    *passages: Passage, facts: MemoryFacts | None = None, known: Sequence[KnownAnswer] = ()
) -> Stitch:
    index = WordIndex(passages or (HEADPHONES, LAPTOPS, SAFE), {KETTLE: "Fernway kettle"})
    rank = RankExcerpts(Logistic({"coverage": 6.0}, -2.0), index.idf)
    lexicon = Lexicon({}, {"headphones": ("earbuds",)})
    remembered = MemoryKnown(known)
    return Stitch(index, facts or MemoryFacts(), lexicon, HashEmbedder(), rank, remembered)


def stitch(
    *passages: Passage,
    facts: MemoryFacts | None = None,
    known: Sequence[KnownAnswer] = (),
    **routed: Any,
) -> Evidence:
    return stage(*passages, facts=facts, known=known)(a_routed(**routed)).evidence


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


UNKNOWN = Entity("sku", "LM-999999", 0, 9)
NO_SUCH = "LM-999999: no such product in the catalogue"


@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_facts_are_read_in_the_language_of_the_ask(language: str) -> None:
    facts = MemoryFacts({KETTLE: [a_fact()]})
    stitch(facts=facts, intent="price", subject=(KETTLE,), query=a_query(language=language))
    assert facts.languages == [language]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "price: su puesto no puede consultarlo"),
        ("fr", "price: not for your role to look up"),
    ],
)
def test_what_may_not_be_read_is_told_in_the_language_of_the_ask(language: str, said: str) -> None:
    query = a_query(language=language)
    grant = a_grant(families=())
    assert stitch(intent="price", query=query, grant=grant).missing == (said,)


def test_a_number_that_is_not_ours_is_said_to_be_missing_when_a_live_fact_is_asked() -> None:
    numbers = (UNKNOWN, Entity("sku", KETTLE, 13, 22))
    known: dict[str, Any] = {"query": a_query(entities=numbers), "subject": (KETTLE,)}
    evidence = stitch(facts=MemoryFacts({KETTLE: [a_fact()]}), intent="price", **known)
    assert evidence.missing == (NO_SUCH,)
    assert [f.subject for f in evidence.facts] == [KETTLE]
    assert stitch(intent="policy", **known).missing == ()


def a_spec(attribute: str) -> Fact:
    return a_fact(id=f"spec:{attribute}", columns=(("attribute", attribute), ("value", "7")))


def test_of_many_facts_those_whose_attribute_is_named_are_told() -> None:
    colour, size, heights = (a_spec(name) for name in ("colour", "size", "seat height"))
    every = [colour, size, heights]
    assert told(every, "what colours does it come in") == [colour]
    assert told(every, "size and height of the chair") == [size, heights]
    assert told(every, "how heavy is it") == every
    assert told([], "what size is it") == []


def test_only_the_facts_an_ask_names_become_evidence() -> None:
    facts = MemoryFacts({KETTLE: [a_spec("colour"), a_spec("size")]})
    evidence = stitch(
        facts=facts, intent="price", subject=(KETTLE,), query=a_query("what size is the kettle")
    )
    assert [f.id for f in evidence.facts] == ["spec:size"]


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


def answered(passage: Passage, cosine: float = 0.9) -> KnownAnswer:
    return KnownAnswer(passage.id, 0, len(passage.text), cosine)


def test_a_like_question_finds_a_passage_that_no_word_of_this_one_does() -> None:
    unlike = a_passage("Zinc, quartz, onyx.", id="unlike#1", document="unlike", title="Stones")
    assert "unlike#1" not in {p.id for p in stitch(HEADPHONES, unlike).passages}
    evidence = stitch(HEADPHONES, unlike, known=[answered(unlike)])
    assert "unlike#1" in {p.id for p in evidence.passages}


def test_a_question_less_like_this_one_than_the_limit_brings_nothing() -> None:
    unlike = a_passage("Zinc, quartz, onyx.", id="unlike#1", document="unlike", title="Stones")
    evidence = stitch(HEADPHONES, unlike, known=[answered(unlike, KNOWN_AT - 0.01)])
    assert [p.id for p in evidence.passages] == [HEADPHONES.id]


@pytest.mark.parametrize(
    "change",
    [{"audience": "manager"}, {"effective_to": date(2026, 11, 21)}, {"language": "es"}],
)
def test_a_like_question_opens_no_passage_that_one_may_not_read(change: Any) -> None:
    hidden = replace(HEADPHONES, id="hidden#1", **change)
    assert stitch(hidden, known=[answered(hidden)]).passages == ()


def test_like_questions_alone_bring_at_most_three_passages() -> None:
    stones = [
        a_passage(f"{word} {word}ite {word}ine", id=f"{word}#1", document=word, title=word)
        for word in ("zinc", "quartz", "onyx", "opal", "jade")
    ]
    evidence = stitch(*stones, known=[answered(p) for p in stones])
    assert len(evidence.passages) == KNOWN_PASSAGES


def test_earlier_records_travel_on_by_value() -> None:
    routed = a_routed(card="wifi", subject=(KETTLE,), reasons=("policy 0.90",))
    stitched = stage()(routed)
    for name in ("ask", "query", "grant", "intent", "lanes", "reasons", "subject", "card"):
        assert getattr(stitched, name) == getattr(routed, name)
    assert stitched.ask.asked_at == NOW


def test_passages_come_by_their_likeliest_sentence() -> None:
    found = [a_passage("One. Two.", id=name) for name in ("a#0", "b#0", "c#0")]
    excerpts = [Excerpt("c#0", 0, 4, 0.6), Excerpt("a#0", 0, 4, 0.3), Excerpt("c#0", 5, 9, 0.1)]
    assert [p.id for p in likeliest_first(found, excerpts)] == ["c#0", "a#0", "b#0"]
    assert likeliest_first(found, ()) == found


def test_the_chance_that_anything_answers_is_no_more_than_certain() -> None:
    sure = tuple(Excerpt("a#0", n, n + 1, 0.7) for n in (0, 1))
    assert Evidence((), (), (), excerpts=sure).answered == 1.0
    assert Evidence((), (), (), excerpts=sure[:1]).answered == 0.7
    assert Evidence((), (), ()).answered == 0.0

"""The generalist's lane: what leaves is masked, what returns is whole again."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import EngineError, LineDown, LineResting
from appliance.lanes.generalist import GeneralistLane
from appliance.records import Draft, Stitched
from tests.builders.records import a_fact, a_passage, a_query, a_stitched, an_ask, an_evidence
from tests.builders.stores import HEADPHONES, LAPTOPS
from tests.fakes.ports import FakeLine

ASK = "customer Maria Lopez, phone 503-555-0142, returns opened headphones"
TWO = an_evidence([HEADPHONES, LAPTOPS])


def stitched(text: str = ASK, **fields: object) -> Stitched:
    known = {"ask": an_ask(text), "query": a_query(text), "evidence": TWO}
    return a_stitched(**{**known, **fields})  # type: ignore[arg-type]


def drafts(line: FakeLine, **fields: object) -> list[Draft]:
    return list(GeneralistLane(line, "Cite.").drafts(stitched(**fields), remaining_s=1.0))  # type: ignore[arg-type]


def said(draft: Draft) -> list[str]:
    return [s.text for s in draft.sentences]


def test_names_go_out_as_tokens_and_come_back_as_names() -> None:
    line = FakeLine("Call [NAME_1] back at [PHONE_1] [1].")

    (draft,) = drafts(line)

    assert "Maria" not in str(line.heard)
    assert "555-0142" not in str(line.heard)
    assert "customer [NAME_1], phone [PHONE_1]" in line.heard[0][1]["content"]
    assert said(draft) == ["Call Maria Lopez back at 503-555-0142."]


def test_each_sentence_is_yielded_when_the_next_has_begun() -> None:
    line = FakeLine("Within 30 days. [1] Laptops have 15 [2]. That is all [1].")
    found = drafts(line)
    assert [(len(d.sentences), d.is_partial) for d in found] == [(1, True), (2, True), (3, False)]
    assert [s.sources[0].id for s in found[0].sentences] == [HEADPHONES.id]


@given(st.data())
def test_however_a_stream_is_cut_its_sentences_are_those_of_the_whole(
    data: st.DataObject,
) -> None:
    answer = 'Give [NAME_1] $49.99 back. [1] The box reads "open." Call [PHONE_1] by 8 p.m. [2][1]'
    cuts = sorted(data.draw(st.sets(st.integers(1, len(answer) - 1), max_size=12)))
    ends = [0, *cuts, len(answer)]
    line = CutLine([answer[a:b] for a, b in itertools.pairwise(ends)])

    found = list(GeneralistLane(line, "Cite.").drafts(stitched(), remaining_s=1.0))

    whole = found[-1]
    assert "Maria Lopez" in said(whole)[0]
    assert all(draft.sentences == whole.sentences[: len(draft.sentences)] for draft in found)


class CutLine(FakeLine):
    def __init__(self, pieces: list[str]) -> None:
        super().__init__()
        self.pieces = pieces

    def stream(self, messages, *, deadline_s):  # type: ignore[no-untyped-def]
        yield from self.pieces


def test_a_person_the_generalist_made_up_is_not_spoken_of() -> None:
    with pytest.raises(EngineError, match="NAME_2"):
        drafts(FakeLine("Ask [NAME_2] [1]."))


@pytest.mark.parametrize("answer", ["NO ANSWER", "No answer.", "**NO ANSWER**", ""])
def test_an_honest_no_is_none(answer: str) -> None:
    (draft,) = drafts(FakeLine(answer))
    assert draft.is_none


def test_a_line_that_rests_is_told_before_anything_is_made_ready_for_it() -> None:
    line = FakeLine("One [1].", rests="its breaker is open")
    with pytest.raises(LineResting, match="breaker is open"):
        drafts(line)
    assert line.heard == []


def test_who_stops_listening_hangs_up() -> None:
    line = FakeLine("One here [1]. Two here [1]. Three here [2].")
    pieces = GeneralistLane(line, "Cite.").drafts(stitched(), remaining_s=1.0)
    next(pieces)
    pieces.close()
    assert line.hung_up == 1


def test_a_line_that_breaks_off_raises_after_what_it_said() -> None:
    pieces = GeneralistLane(FakeLine("One [1]. Two [1].", breaks_after=3), "").drafts(
        stitched(), remaining_s=1.0
    )
    assert said(next(pieces)) == ["One."]
    with pytest.raises(LineDown):
        next(pieces)


def test_a_products_facts_are_shown_and_an_orders_stay() -> None:
    order = a_fact("Order ORD-40012345 is for Dana Whitlock.", id="o", subject="ORD-40012345")
    evidence = an_evidence([HEADPHONES], [a_fact(), order])
    line = FakeLine("It is $24.99 [2].")

    (draft,) = drafts(line, evidence=evidence, subject=("LM-104233",))

    assert "LM-104233 is $24.99 today." in str(line.heard)
    assert "ORD-40012345" not in str(line.heard)
    assert "Dana" not in str(line.heard)
    assert draft.sentences[0].sources[0].id == "price:LM-104233"


def test_what_a_passage_prints_of_people_is_masked_too() -> None:
    passage = a_passage("Call Dana Whitlock at 503-555-0199 about recalls.")
    line = FakeLine("Call [NAME_2] [1].")
    (draft,) = drafts(line, evidence=an_evidence([passage]))
    assert "Whitlock" not in str(line.heard)
    assert said(draft) == ["Call Dana Whitlock."]

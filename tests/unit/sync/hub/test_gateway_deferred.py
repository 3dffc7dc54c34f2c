"""Asks that stores kept: only what their passages hold is said, the rest is an expert's."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from sync.hub import tables
from sync.hub.gateway.deferred import Found, Owed, find_owed, judged, messages, put, read_owed
from sync.hub.parts import Hub
from sync.hub.rollout_tables import gateway_tries
from tests.fakes.clock import FakeClock

PASSAGES = [
    {"id": "p1", "title": "Returns", "text": "Electronics: 30 days with the receipt."},
    {"id": "p2", "title": "Fees", "text": "[NAME_1] pays a restocking fee of $15."},
]
BODY = {"reply": "r1", "masked": "how long for [NAME_1]?", "question": "", "passages": PASSAGES}


def owed(**more: object) -> Owed:
    body = json.dumps({**BODY, **more})
    return read_owed("d1", "i1", "0001", "r1", body, tries=0)


def test_what_is_cited_and_in_its_passage_is_an_answer() -> None:
    found = judged(owed(), "Electronics come back within 30 days with the receipt [1].")

    assert found == Found("Electronics come back within 30 days with the receipt.", ("p1",))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "found no answer"),
        ("NO ANSWER.", "found no answer"),
        ("Electronics come back within 30 days.", "cites no passage"),
        ("Electronics come back within 30 days [9].", "cites no passage"),
        ("Electronics come back within 45 days [1].", "a value is in no passage"),
        ("The fee is $30 [2].", "a value is in no passage"),
        ("Electronics: 30 days [1]. Ask at the desk.", "cites no passage"),
        ("[NAME_2] pays a restocking fee of $15 [2].", "not shown"),
        ("Electronics come back within 30 days [1]. " * 200, "too long"),
    ],
)
def test_what_is_not_is_left_to_an_expert(text: str, why: str) -> None:
    found = judged(owed(), text)

    assert not found.text
    assert found.is_final
    assert why in found.why


def test_tokens_that_it_was_shown_may_be_said() -> None:
    said = "[NAME_1] pays a restocking fee of $15"

    assert judged(owed(), f"{said} [2].").text == f"{said}."


@pytest.mark.parametrize(
    "listed", [None, "x", [1], [{}], [{"text": ""}], [{"text": 3}], [{"id": "p1"}]]
)
def test_passages_that_are_none_are_left_out(listed: object) -> None:
    assert owed(passages=listed).passages == ()


def test_the_question_as_understood_goes_along() -> None:
    told = messages(owed(masked="and tvs?", question="return window of tvs"))

    assert told[1]["content"].endswith("Question: and tvs? (return window of tvs)")


def waiting(hub: Hub, item: str = "i1", **body: object) -> None:
    row = {"device": "d1", "id": item, "store": "0001", "kind": "deferred_ask", "priority": 5}
    row |= {"put_at": hub.clock.now(), "received_at": hub.clock.now(), "reply": f"r-{item}"}
    row |= {"batch": "b", "body": json.dumps({**BODY, **body})}
    hub.ledger.write(lambda c: c.execute(insert(tables.items), row))


def look(hub: Hub) -> list[Owed]:
    return hub.ledger.read(lambda c: find_owed(c, now=hub.clock.now()))


def store_known(hub: Hub) -> None:
    row = {"number": "0001", "ring": "lab", "made_at": hub.clock.now()}
    hub.ledger.write(lambda c: c.execute(insert(tables.stores), row))


def test_an_answer_is_put_once_and_the_ask_waits_no_more(hub: Hub) -> None:
    store_known(hub)
    waiting(hub)
    ask = look(hub)[0]
    answer = Found("Thirty days.", ("p1",))

    for _ in range(2):
        hub.ledger.write(lambda c: put(c, ask, answer, now=hub.clock.now()))

    rows = hub.ledger.read(lambda c: c.execute(select(tables.answers)).all())
    assert [(row.reply, row.text, row.by) for row in rows] == [
        ("r-i1", "Thirty days.", "generalist")
    ]
    assert look(hub) == []


def test_a_try_that_failed_is_made_again_later_and_three_times_at_most(
    hub: Hub, clock: FakeClock
) -> None:
    waiting(hub)
    gone = Found(why="its breaker is open", is_final=False)
    pauses = []
    for _ in range(3):
        ask = look(hub)[0]
        hub.ledger.write(lambda c, a=ask: put(c, a, gone, now=clock.now()))  # type: ignore[misc]
        row = hub.ledger.read(lambda c: c.execute(select(gateway_tries)).one())
        pauses.append(row.next_at and row.next_at - clock.now())
        assert look(hub) == []
        clock.advance(1_800)

    assert pauses == [timedelta(minutes=5), timedelta(minutes=30), None]
    assert row.tries == 3


def test_a_store_without_budget_today_keeps_its_tries(hub: Hub, clock: FakeClock) -> None:
    waiting(hub)
    broke = Found(why="insufficient_quota", is_final=False, is_asked=False)
    for _ in range(5):
        ask = look(hub)[0]
        hub.ledger.write(lambda c, a=ask: put(c, a, broke, now=clock.now()))  # type: ignore[misc]
        clock.advance(3_600)

    assert look(hub)[0].tries == 0


def test_what_is_left_to_an_expert_is_not_asked_again(hub: Hub, clock: FakeClock) -> None:
    waiting(hub)
    ask = look(hub)[0]
    hub.ledger.write(lambda c: put(c, ask, Found(why="no answer"), now=clock.now()))
    clock.advance(86_400)

    assert look(hub) == []

from __future__ import annotations

from typing import Any

import pytest
from litestar.testing import TestClient

from appliance.errors import BadInput
from sync.hub.late import owed_asks, put_answer
from sync.hub.parts import Hub
from sync.wire import ANSWERS, LateAnswer
from tests.builders.hub.homes import store_at
from tests.builders.hub.store_end import StoreEnd, item
from tests.fakes.clock import FakeClock

Client = TestClient[Any]


def ask(store: StoreEnd, clock: FakeClock, number: int, reply: str) -> None:
    store.sent(store.batch([item(number, clock, kind="deferred_ask", reply=reply)]))


def answer(hub: Hub, clock: FakeClock, reply: str, text: str = "Yes.", **more: Any) -> LateAnswer:
    return hub.ledger.write(
        lambda c: put_answer(c, reply=reply, text=text, by="expert", now=clock.now(), **more)
    )


def test_asks_wait_until_somebody_answers_them(hub: Hub, client: Client, clock: FakeClock) -> None:
    store = store_at(hub, client)
    store.sent(store.batch([item(9, clock)]))  # an edge case is not an ask
    ask(store, clock, 1, "r1")
    ask(store, clock, 2, "r2")

    answer(hub, clock, "r1")

    assert [(owed.store, owed.reply) for owed in hub.ledger.read(owed_asks)] == [("0001", "r2")]


def test_a_store_fetches_its_answers_from_where_it_stopped(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    for number in (1, 2, 3):
        ask(store, clock, number, f"r{number}")
        answer(hub, clock, f"r{number}", f"Answer {number}", sources=["returns.md"])

    all_of_them, rest, none = store.answers(), store.answers(after=2), store.answers(after=3)

    assert [(a.cursor, a.reply, a.text) for a in all_of_them.items] == [
        (n, f"r{n}", f"Answer {n}") for n in (1, 2, 3)
    ]
    assert (all_of_them.items[0].by, all_of_them.items[0].sources) == ("expert", ("returns.md",))
    assert ([a.reply for a in rest.items], rest.cursor) == (["r3"], 3)
    assert (none.items, none.cursor) == ((), 3)


def test_a_store_sees_only_its_own_answers_and_counts_only_them(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store, other = store_at(hub, client), store_at(hub, client, "0002")
    for one in (store, other):
        ask(one, clock, 1, f"of-{one.enrolled.store}" if one.enrolled else "")
    answer(hub, clock, "of-0001")
    answer(hub, clock, "of-0002")

    assert [(a.cursor, a.reply) for a in store.answers().items] == [(1, "of-0001")]
    assert [(a.cursor, a.reply) for a in other.answers().items] == [(1, "of-0002")]


def test_a_reply_of_two_stores_needs_the_store_to_be_named(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    for number in ("0001", "0002"):
        ask(store_at(hub, client, number), clock, 1, "same")

    with pytest.raises(BadInput, match="2 stores"):
        answer(hub, clock, "same")

    answer(hub, clock, "same", store="0002")
    assert [owed.store for owed in hub.ledger.read(owed_asks)] == ["0001"]


def test_an_ask_that_does_not_wait_takes_no_answer(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    ask(store, clock, 1, "r1")
    answer(hub, clock, "r1")

    for reply in ("r1", "never-heard-of"):
        with pytest.raises(BadInput, match="no ask"):
            answer(hub, clock, reply)
    assert len(store.answers().items) == 1


@pytest.mark.parametrize("text", ["", "   ", "x" * 4_001])
def test_an_answer_has_words_and_not_too_many(
    hub: Hub, client: Client, clock: FakeClock, text: str
) -> None:
    ask(store_at(hub, client), clock, 1, "r1")

    with pytest.raises(BadInput):
        answer(hub, clock, "r1", text)


def test_many_answers_come_a_hundred_at_a_time(hub: Hub, client: Client, clock: FakeClock) -> None:
    store = store_at(hub, client)
    store.sent(
        store.batch([item(n, clock, kind="deferred_ask", reply=f"r{n}") for n in range(120)])
    )
    for number in range(120):
        answer(hub, clock, f"r{number}")

    first = store.answers()
    second = store.answers(after=first.cursor)

    assert (len(first.items), len(second.items), second.cursor) == (100, 20, 120)


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 30, "٣"])
def test_a_cursor_that_is_none_is_refused(
    hub: Hub, client: Client, clock: FakeClock, after: str
) -> None:
    store = store_at(hub, client)

    found = client.get(ANSWERS, params={"after": after}, headers=store.headers)

    assert (found.status_code, found.json()["code"]) == (400, "bad_cursor")

"""Conversations read again: by whom they belong to, and by nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from appliance.backroom import Store
from appliance.web.app import create_app
from tests.builders.people import ANA, BEN, People
from tests.builders.records import NOW
from tests.builders.stores import KETTLE, Parts
from tests.fakes.clock import FakeClock


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Parts.at(tmp_path, FakeClock(NOW)).store(tmp_path)


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    app = create_app(store)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def ask(client: Any, text: str, **options: Any) -> dict[str, Any]:
    reply: dict[str, Any] = client.post("/v1/ask", json={"text": text, **options}).json()
    return reply


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def test_a_conversation_is_told_as_it_was_said_with_its_thumbs(client: Any) -> None:
    first = ask(client, "hp return wndw?  ")
    second = ask(client, f"price of {KETTLE}", thread=first["thread"])
    client.post(f"/v1/replies/{second['id']}/feedback", json={"verdict": "up"})

    response = client.get(f"/v1/threads/{first['thread']}")

    assert response.status_code == 200
    told = response.json()
    assert told["id"] == first["thread"]
    assert [turn["text"] for turn in told["turns"]] == ["hp return wndw?  ", f"price of {KETTLE}"]
    assert [turn["answer"] for turn in told["turns"]] == [first["text"], second["text"]]
    assert [turn["lane"] for turn in told["turns"]] == [first["lane"], "lookup"]
    assert [turn["reply"] for turn in told["turns"]] == [first["id"], second["id"]]
    assert [turn["verdict"] for turn in told["turns"]] == ["", "up"]
    assert [s["id"] for s in told["turns"][0]["sources"]] == [s["id"] for s in first["sources"]]
    assert first["sources"]
    assert told["turns"][1]["sources"] == []  # a live fact is not true any more
    assert told["turns"][0]["asked_at"].startswith(f"{NOW:%Y-%m-%dT%H:%M}")


def test_a_long_conversation_is_told_from_its_end(store: Store) -> None:
    for n in range(5):
        store.ask(f"return window {n}", thread="t1")

    told = store.threads.exchanges("t1", owner=("local", ""), limit=2)

    assert [exchange.text for exchange in told] == ["return window 3", "return window 4"]


def test_a_conversation_of_another_device_or_associate_is_as_good_as_none(
    client: Any, store: Store
) -> None:
    people = People(store.devices, store.associates, store.sessions)
    people.move_in()
    device, _ = people.paired()
    mine = bearer(store.sessions.begin(device, ANA))
    asked = client.post("/v1/ask", json={"text": "hours?"}, headers=mine).json()["thread"]
    elsewhere, ben = people.signed_in(ANA), store.sessions.begin(device, BEN)

    answers = [
        client.get(f"/v1/threads/{thread}", headers=bearer(token))
        for thread, token in ((asked, ben), (asked, elsewhere), (asked, ""), ("none", ben))
    ]

    assert {a.status_code for a in answers} == {404}
    assert len({a.text for a in answers}) == 1
    mine = bearer(store.sessions.begin(device, ANA))
    assert client.get(f"/v1/threads/{asked}", headers=mine).status_code == 200


@pytest.mark.parametrize("thread", ["%00", "..%2f", "'%20OR%201=1", "x" * 5_000, "%ff"])
def test_an_odd_name_is_a_conversation_that_is_not_there(client: Any, thread: str) -> None:
    assert client.get(f"/v1/threads/{thread}").status_code == 404

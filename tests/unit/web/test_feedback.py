"""Thumbs: what is kept of them, for whom, and what leaves the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from appliance.backroom import Store
from appliance.errors import StoreError
from appliance.web.app import create_app
from tests.builders.people import ANA, BEN, People
from tests.builders.records import NOW
from tests.builders.stores import Parts
from tests.fakes.clock import FakeClock

HEADPHONES = {"text": "how long to return opened headphones"}
WRONG = {"verdict": "down", "text": "Earbuds too. Call Ana at 212-555-0148"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Parts.at(tmp_path, FakeClock(NOW)).store(tmp_path)


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    app = create_app(store)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def asked(client: Any, **options: Any) -> str:
    return str(client.post("/v1/ask", json=HEADPHONES, **options).json()["id"])


def rate(client: Any, reply: str, body: Any = WRONG, **options: Any) -> Any:
    return client.post(f"/v1/replies/{reply}/feedback", json=body, **options)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def edge_cases(store: Store) -> list[dict[str, Any]]:
    rows = store.database.rows("SELECT body FROM spool WHERE kind = 'edge_case' ORDER BY id")
    return [json.loads(body) for (body,) in rows]


def journaled(store: Store) -> list[dict[str, Any]]:
    rows = store.database.rows("SELECT body FROM journal WHERE kind = 'feedback' ORDER BY sequence")
    return [json.loads(body) for (body,) in rows]


def test_a_thumb_down_is_journaled_and_owed_to_headquarters_masked(
    client: Any, store: Store
) -> None:
    reply = asked(client)

    response = rate(client, reply)

    assert response.status_code == 200
    assert response.json() == {"reply": reply, "verdict": "down"}
    (row,) = journaled(store)
    assert (row["id"], row["verdict"], row["device"]) == (reply, "down", "local")
    assert row["text"] == "Earbuds too. Call [NAME] at [PHONE]"
    (case,) = edge_cases(store)
    assert (case["reply"], case["why"], case["verdict"]) == (reply, "called_wrong", "down")
    assert (case["masked"], case["text"]) == (HEADPHONES["text"], row["text"])
    assert (case["lane"], case["release"]) == ("quote", "demo-7")
    assert case["answer"]
    assert case["sources"]
    assert store.journal.verify() == 2


def test_a_thumb_up_is_journaled_and_owes_nothing(client: Any, store: Store) -> None:
    response = rate(client, asked(client), {"verdict": "up"})

    assert response.json()["verdict"] == "up"
    assert [row["verdict"] for row in journaled(store)] == ["up"]
    assert edge_cases(store) == []


def test_a_thumb_that_turns_replaces_the_one_before(client: Any, store: Store) -> None:
    reply = asked(client)
    rate(client, reply)

    rate(client, reply, {"verdict": "up"})

    assert [row["verdict"] for row in journaled(store)] == ["down", "up"]
    assert store.database.rows("SELECT verdict, text FROM feedback") == [("up", "")]
    assert edge_cases(store) == []


def test_the_same_thumb_twice_is_one(client: Any, store: Store) -> None:
    reply = asked(client)

    statuses = {rate(client, reply).status_code for _ in range(3)}

    assert statuses == {200}
    assert len(journaled(store)) == len(edge_cases(store)) == 1


def test_words_added_to_a_thumb_go_with_it(client: Any, store: Store) -> None:
    reply = asked(client)
    rate(client, reply, {"verdict": "down"})

    rate(client, reply, {"verdict": "down", "text": "It is 14 days."})

    assert [case["text"] for case in edge_cases(store)] == ["It is 14 days."]


def test_a_reply_of_another_device_or_associate_is_as_good_as_none(
    client: Any, store: Store
) -> None:
    people = People(store.devices, store.associates, store.sessions)
    people.move_in()
    device, _ = people.paired()
    reply = asked(client, headers=bearer(store.sessions.begin(device, ANA)))
    elsewhere, ben = people.signed_in(ANA), store.sessions.begin(device, BEN)

    answers = [
        rate(client, name, headers=bearer(token))
        for name, token in ((reply, ben), (reply, elsewhere), (reply, ""), ("none", ben))
    ]

    assert {a.status_code for a in answers} == {404}
    assert len({a.text for a in answers}) == 1
    assert journaled(store) == []
    own = rate(client, reply, headers=bearer(store.sessions.begin(device, ANA)))
    assert own.status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not_json"),
        (b"{}", 400, "not_a_feedback"),
        (b'{"verdict": "meh"}', 400, "not_a_feedback"),
        (b'{"verdict": "up", "stars": 5}', 400, "not_a_feedback"),
        (b'{"verdict": "down", "text": "a\\u0000b"}', 400, "nul_in_text"),
        (b'{"verdict": "down", "text": "caf\xc3"}', 400, "not_utf8"),
        (b'{"verdict": "down", "text": "%s"}' % (b"x" * 1_001), 413, "text_too_long"),
        (b'{"verdict": "down", "text": "%s"}' % (b"x" * 100_000), 413, "request_entity_too_large"),
    ],
)
def test_a_body_that_is_no_feedback_is_a_problem_with_a_code(
    client: Any, store: Store, body: bytes, status: int, code: str
) -> None:
    response = client.post(f"/v1/replies/{asked(client)}/feedback", content=body)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert journaled(store) == []


def test_a_thumb_the_disk_does_not_take_whole_is_whole_when_sent_again(
    client: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("The disk is full.", hint="Free some space: df -h")

    reply = asked(client)
    with monkeypatch.context() as broken:
        broken.setattr(type(store.spool), "put", full)
        assert rate(client, reply).status_code == 503

    assert rate(client, reply).status_code == 200
    assert len(edge_cases(store)) == 1
    assert store.database.rows("SELECT count(*) FROM feedback") == [(1,)]


def test_a_reply_from_before_devices_were_known_is_nobodys_to_rate(
    client: Any, store: Store
) -> None:
    store.journal.append("reply", {"id": "old", "ask": {"text": "hours?"}, "reply": {"id": "old"}})

    assert rate(client, "old").status_code == 404

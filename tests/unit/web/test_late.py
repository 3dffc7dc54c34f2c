"""Late answers over HTTP: to whoever asked, on the device they asked from, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from appliance.backroom import Store
from appliance.config import Settings
from appliance.records import Arrived
from appliance.store.late_answers import SqliteLateAnswers
from appliance.web.app import create_app
from tests.builders.people import ANA, BEN, People
from tests.builders.records import NOW
from tests.builders.stores import Parts
from tests.fakes.clock import FakeClock

UNKNOWN = "zzz qqq for customer Maria Lopez"
PATH = "/v1/late-answers"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Parts.at(tmp_path, FakeClock(NOW)).store(tmp_path)
    return replace(store, settings=Settings(home=tmp_path, sign_in="required"))


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    app = create_app(store)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def test_an_answer_is_told_to_whoever_asked_and_to_nobody_else(store: Store, client: Any) -> None:
    people = People(store.devices, store.associates, store.sessions)
    people.move_in()
    ana, ben = bearer(people.signed_in(ANA)), bearer(people.signed_in(BEN))
    reply = client.post("/v1/ask", json={"text": UNKNOWN}, headers=ana).json()
    assert reply["is_kept"]
    came = Arrived(reply["id"], "Tell [NAME_1]: 45 days.", "expert", NOW + timedelta(hours=1))
    SqliteLateAnswers(store.database, store.clock).arrive([came])

    assert client.get(PATH, headers=ben).json() == {"answers": []}
    (told,) = client.get(PATH, headers=ana).json()["answers"]

    assert told["text"] == "Tell Maria Lopez: 45 days."
    assert (told["asked"], told["thread"]) == (UNKNOWN, reply["thread"])
    (turn,) = client.get(f"/v1/threads/{reply['thread']}", headers=ana).json()["turns"]
    assert turn["late"]["text"] == told["text"]


def test_who_is_not_signed_in_is_told_nothing(client: Any) -> None:
    assert client.get(PATH).status_code == 401

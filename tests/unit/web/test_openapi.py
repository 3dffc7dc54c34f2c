"""The OpenAPI document: what it promises is what the server does, on any input it can think of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
from litestar.testing import TestClient

from appliance.config import Settings
from appliance.records import Role
from appliance.web.app import create_app
from appliance.web.openai_shapes import Chunk
from appliance.web.shapes import ReplyBody, RouteBody, SentenceBody, SourcesBody, StatusBody
from tests.builders.records import NOW
from tests.builders.stores import Parts
from tests.fakes.clock import FakeClock
from tests.fakes.server import running
from tests.fakes.store import FakeStore

OPEN = Settings(home=Path("/nowhere"), asks_per_minute=0)
CONFIG = schemathesis.Config.from_dict(
    {
        "seed": 20_261_122,
        "generation": {"max-examples": 12, "deterministic": True},
        "checks": {
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 405, 413, 415, 429],
            }
        },
    }
)


def document_of(settings: Settings = OPEN) -> dict[str, Any]:
    app = create_app(FakeStore(settings=settings))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        return dict(msgspec.json.decode(client.get("/openapi.json").content))


DOCUMENT = document_of()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
api = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the demo's own door: whoever asks is somebody."""
    home = tmp_path_factory.mktemp("open")
    store = Parts.at(home, FakeClock(NOW)).store(home)
    with running(replace(store, settings=replace(OPEN, home=home))) as url:
        yield url


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Serve a door that asks who is there; yield its address and a manager's key."""
    home = tmp_path_factory.mktemp("closed")
    store = Parts.at(home, FakeClock(NOW)).store(home)
    settings = replace(OPEN, home=home, sign_in="required")
    _, key = store.devices.key("Schemathesis", Role.MANAGER)
    with running(replace(store, settings=settings)) as url:
        yield url, key


@api.parametrize()
def test_every_answer_is_one_the_document_knows(case: Any, address: str) -> None:
    case.call_and_validate(base_url=address)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_who_is_nobody_is_told_so_as_documented(name: str, closed: tuple[str, str]) -> None:
    url, key = closed
    method, path = name.split(" ")
    path = path.format(reply_id="r", thread="t", key="LM-1", model="backroom", passage_id="p")
    body = OPERATIONS[name].get("requestBody", {}).get("content", {})
    content = msgspec.json.encode(body["application/json"]["example"]) if body else None

    answers = {
        token: httpx.request(
            method, url + path, content=content, headers={"Authorization": f"Bearer {token}"}
        )
        for token in (key, "wrong")
    }

    assert {str(a.status_code) for a in answers.values()} <= set(OPERATIONS[name]["responses"])
    if OPERATIONS[name].get("security") == []:
        return
    assert answers["wrong"].status_code == 401
    assert answers["wrong"].headers["www-authenticate"].startswith("Bearer")
    assert answers["wrong"].headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_says_what_it_does_with_examples(name: str) -> None:
    operation = OPERATIONS[name]

    assert operation["description"]
    for status, response in operation["responses"].items():
        for media_type, content in response["content"].items():
            assert "schema" in content
            assert content.get("examples") or content.get("example")
            if media_type == "application/problem+json":
                assert int(status) >= 400
        assert int(status) < 400 or "application/problem+json" in response["content"]
    if operation.get("requestBody"):
        assert operation["requestBody"]["content"]["application/json"]["example"]


def test_the_document_is_openapi_31_and_names_no_other_host() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert "http" not in str(DOCUMENT).replace("'http'", "").replace("'scheme'", "")


def test_the_document_says_whether_a_token_is_needed() -> None:
    needed = document_of(replace(OPEN, sign_in="required"))

    assert {} in DOCUMENT["security"]
    assert {} not in needed["security"]
    assert {"bearer": []} in needed["security"]


def test_the_document_knows_how_long_this_stores_questions_may_be() -> None:
    document = document_of(replace(OPEN, max_ask_chars=300))

    assert document["components"]["schemas"]["AskBody"]["properties"]["text"]["maxLength"] == 300


def test_every_event_of_a_stream_is_of_a_documented_shape(address: str) -> None:
    kinds = {
        "route": RouteBody,
        "sources": SourcesBody,
        "sentence": SentenceBody,
        "done": ReplyBody,
    }
    response = httpx.post(
        f"{address}/v1/ask",
        json={"text": "how long to return opened headphones"},
        headers={"Accept": "text/event-stream"},
    )
    frames = [
        dict(line.split(": ", 1) for line in f.split("\n"))
        for f in response.text.split("\n\n")
        if f
    ]

    read = [msgspec.json.decode(frame["data"], type=kinds[frame["event"]]) for frame in frames]

    assert [type(shape) for shape in read] == list(kinds.values())


def test_every_chunk_of_a_chat_is_of_the_documented_shape(address: str) -> None:
    body = {
        "model": "backroom",
        "messages": [{"role": "user", "content": "hours?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    response = httpx.post(f"{address}/v1/chat/completions", json=body)
    datas = [frame.removeprefix("data: ") for frame in response.text.split("\n\n") if frame]

    chunks = [msgspec.json.decode(data, type=Chunk) for data in datas[:-1]]

    assert datas[-1] == "[DONE]"
    assert chunks[-1].usage


def test_the_status_is_of_the_documented_shape(address: str) -> None:
    status = httpx.get(f"{address}/v1/status").content

    assert msgspec.json.decode(status, type=StatusBody).level


def test_a_wrong_method_is_told_which_are_right(address: str) -> None:
    response = httpx.put(f"{address}/v1/threads/t1")

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in response.headers["allow"]

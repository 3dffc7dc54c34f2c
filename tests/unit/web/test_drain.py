"""A body nobody wants is read away, so that the answer that says so arrives; up to a bound."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from appliance.config import Settings
from appliance.web.drain import MOST_BYTES, Drain
from appliance.web.problems import Refused
from tests.fakes.server import running
from tests.fakes.store import FakeStore

MIB = 1024 * 1024
CHUNK = b"x" * 65_536
BODY = {"content-length": str(4 * len(CHUNK))}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(FakeStore(settings=Settings(home=Path("/nowhere"), asks_per_minute=0))) as url:
        yield url


def chunks(count: int) -> Iterator[bytes]:
    yield from (CHUNK for _ in range(count))


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/chat/completions", "/v1/replies/r1/feedback"])
@pytest.mark.parametrize("body", [b"x" * MIB, lambda: chunks(64)], ids=["sized", "chunked"])
def test_a_client_that_sends_it_all_first_still_hears_that_it_is_too_much(
    url: str, path: str, body: Any
) -> None:
    content = body() if callable(body) else body

    response = httpx.post(f"{url}{path}", content=content)

    assert response.status_code == 413
    assert response.headers["content-type"].startswith("application/problem+json")
    assert response.json()["code"] == "request_entity_too_large"
    assert response.json()["hint"]


def test_the_connection_is_good_for_the_next_ask(url: str) -> None:
    with httpx.Client() as client:
        assert client.post(f"{url}/v1/ask", content=b"x" * MIB).status_code == 413
        assert client.post(f"{url}/v1/ask", json={"text": "hours?"}).status_code == 200


def test_a_client_that_waits_to_be_told_to_send_is_not_told_to(url: str) -> None:
    host, port = urlsplit(url).hostname, urlsplit(url).port
    head = (
        f"POST /v1/ask HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {MIB}\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"request_entity_too_large" in answer


def drained(body: Iterable[Any], *, most_s: float = 60.0, headers: Any = BODY) -> list[Any]:
    """Return what is sent by an application that answers without reading."""
    pieces, sent = iter(body), []
    scope = {
        "type": "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> Any:
        piece = next(pieces, None)
        if piece is None:
            await asyncio.Event().wait()
        return piece

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        await send({"type": "http.response.start", "status": 413})
        await send({"type": "http.response.body", "body": b"too much"})

    asyncio.run(Drain(app, most_s=most_s)(scope, receive, send))
    sent.append(sum(1 for _ in pieces))
    return sent


def piece(*, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": CHUNK, "more_body": more}


def test_the_answer_goes_out_before_the_rest_is_read() -> None:
    start, answer, end, left = drained([*(piece() for _ in range(3)), piece(more=False)])

    assert start["status"] == 413
    assert (answer["body"], answer["more_body"]) == (b"too much", True)
    assert (end["body"], end["more_body"]) == (b"", False)
    assert left == 0


def test_nobody_is_drained_for_ever() -> None:
    most = MOST_BYTES // len(CHUNK)

    *_, left = drained(piece() for _ in range(most + 7))

    assert left == 7


def test_a_client_that_stops_sending_is_not_waited_for() -> None:
    *_, end, _ = drained([piece()], most_s=0.0)

    assert end["more_body"] is False


def test_a_client_that_goes_away_is_let_go() -> None:
    *_, left = drained([piece(), {"type": "http.disconnect"}])

    assert left == 0


def test_an_ask_without_a_body_is_answered_as_it_was() -> None:
    start, answer, _ = drained([], headers={})

    assert "more_body" not in answer
    assert start["status"] == 413


def test_a_body_that_stops_half_way_is_answered_and_holds_no_socket(url: str) -> None:
    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()

    async def nothing_comes() -> Any:
        await asyncio.Event().wait()

    async def send(_message: Any) -> None:
        raise AssertionError("nothing is to be sent")

    scope = {"type": "http", "headers": [(b"content-length", b"500")]}
    with pytest.raises(Refused) as caught:
        asyncio.run(Drain(app, longest_s=0.0)(scope, nothing_comes, send))
    assert caught.value.problem.status == 408


def test_a_body_that_waits_to_be_asked_for_and_then_does_not_come_holds_no_socket() -> None:
    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()

    async def nothing_comes() -> Any:
        await asyncio.Event().wait()

    async def send(_message: Any) -> None:
        raise AssertionError("nothing is to be sent")

    headers = [(b"content-length", b"500"), (b"expect", b"100-Continue")]
    with pytest.raises(Refused) as caught:
        asyncio.run(
            asyncio.wait_for(
                Drain(app, longest_s=0.0)(
                    {"type": "http", "headers": headers}, nothing_comes, send
                ),
                timeout=10,
            )
        )
    assert caught.value.problem.status == 408

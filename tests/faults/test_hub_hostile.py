"""What strangers and mad clients send a hub: it answers each with a problem, and goes on."""

from __future__ import annotations

import logging
import secrets
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient

from sync.hub.app import all_handlers
from sync.hub.parts import Hub
from sync.wire import ANSWERS, BATCHES, BEAT, ENROL, HEALTH, TOKEN, WAKE
from tests.builders.hub.homes import hub_at, line_to, make_home, store_at
from tests.builders.hub.process import running
from tests.builders.hub.store_end import StoreEnd, item
from tests.fakes.clock import FakeClock

OPEN = {ENROL, TOKEN, HEALTH}
PATHS = [ENROL, TOKEN, BEAT, f"{BATCHES}/{'a' * 64}", ANSWERS, "/tuf/metadata/1.root.json", "/x"]
LIMITS = ("enrols_per_address", "enrols_per_minute", "failures_per_address")
SETTINGS = "".join(f"{limit} = 100000\n" for limit in LIMITS)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    home = make_home(tmp_path_factory.mktemp("hostile") / "hub", settings=SETTINGS)
    with hub_at(home, FakeClock()) as hub:
        yield hub


@pytest.fixture(scope="module")
def client(hub: Hub) -> Iterator[TestClient[Any]]:
    with line_to(hub) as client:
        yield client


@pytest.fixture(scope="module")
def store(hub: Hub, client: TestClient[Any]) -> StoreEnd:
    return store_at(hub, client)


def routes(hub: Hub) -> list[tuple[str, str]]:
    handlers: list[HTTPRouteHandler] = all_handlers(hub)
    return [(m, path) for h in handlers for path in sorted(h.paths) for m in sorted(h.http_methods)]


def test_every_endpoint_but_enrolment_token_and_health_asks_who_it_is(
    hub: Hub, client: TestClient[Any]
) -> None:
    strangers, tokens = {}, ["", "Bearer ", "Bearer x", "Bearer brt1.e30.AAAA", "Basic YTpi"]
    for method, path in routes(hub):
        url = path.replace("{sha256:str}", "a" * 64).replace("{path:path}", "metadata/x.json")
        if path in OPEN:
            continue
        url = url.replace("{", "").replace("}", "").replace(":str", "").replace(":int", "")
        for token in tokens:
            answer = client.request(method, url, headers={"authorization": token} if token else {})
            strangers.setdefault((method, path), set()).add(answer.status_code)

    assert len(strangers) >= 7
    assert {found for codes in strangers.values() for found in codes} == {401}, strangers


def test_a_stores_token_is_no_operators_key(client: TestClient[Any], store: StoreEnd) -> None:
    answer = client.get("/metrics", headers=store.headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "bad_key")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]),
    path=st.sampled_from(PATHS),
    body=st.one_of(
        st.binary(max_size=400),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=12,
        ),
    ),
    query=st.dictionaries(st.sampled_from(["offset", "total", "after", "x"]), st.text(max_size=12)),
    is_known=st.booleans(),
)
def test_no_request_is_a_bug(  # noqa: PLR0917 - what hypothesis draws
    client: TestClient[Any],
    store: StoreEnd,
    method: str,
    path: str,
    body: Any,
    query: dict[str, str],
    is_known: bool,
) -> None:
    headers = store.headers if is_known else {}
    content = {"content": body} if isinstance(body, bytes) else {"json": _finite(body)}

    answer = client.request(method, path, headers=headers, params=query, **content)

    assert answer.status_code < 500, answer.text


def _finite(body: Any) -> Any:
    """Return the body without what JSON does not know."""
    match body:
        case float():
            return body if abs(body) < 1e300 else 0.0
        case str():
            return body.encode("utf-8", "replace").decode()
        case list():
            return [_finite(one) for one in body]
        case dict():
            return {_finite(key): _finite(value) for key, value in body.items()}
    return body


def test_what_opens_a_door_is_in_no_log_and_no_answer(
    hub: Hub, client: TestClient[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = store_at(hub, client, "0009")
    code, told = "ABCDE-FGHJK-MNPQR-STVWX", []
    told.append(StoreEnd(client, hub.clock).enrol(code).text)
    for _ in range(3):
        store.renew()
        told.append(store.beat().text)
        told.append(client.get(f"{ANSWERS}?after=x", headers=store.headers).text)
        told.append(client.put(f"{BATCHES}/{store.token}", headers=store.headers).text)
    told.append(client.post(BEAT, content=b"{", headers=store.headers).text)

    ours = [r for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    said = "".join([*(record.getMessage() for record in ours), *told])
    for secret in (code, code.replace("-", ""), store.token, hub.signer.key.hex()):
        assert secret not in said


def test_what_the_hub_keeps_to_itself_nobody_else_can_read(hub: Hub, store: StoreEnd) -> None:
    batch = store.batch([item(77, hub.clock)])
    store.sent(batch, until=10)
    private = ["hub.db", "keys", "keys/token.key", "blobs", "incoming"]

    modes = {name: (hub.settings.home / name).stat().st_mode & 0o077 for name in private}
    parts = [p.stat().st_mode & 0o077 for p in hub.settings.home.glob("incoming/*/*")]

    assert modes == dict.fromkeys(private, 0)
    assert parts
    assert set(parts) == {0}


def test_sockets_that_say_nothing_or_dawdle_are_cut_and_stores_are_heard(tmp_path: Path) -> None:
    with running(tmp_path / "hub") as hub:
        store = hub.store()
        port = int(hub.url.rpartition(":")[2])
        idle = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(60)]
        for number, one in enumerate(idle):
            if number % 2:
                one.sendall(b"POST /v1/beat HTTP/1.1\r\nhost: hub\r\nx: " + b"y" * number)

        assert store.beat().status_code == 200
        # Each is closed by the hub, which waits ten seconds for a head.
        for one in idle:
            with suppress(ConnectionResetError):
                assert one.recv(10_000) == b""
            one.close()
        assert store.beat().status_code == 200


def test_a_body_without_an_end_is_cut_off_and_one_too_long_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "hub") as hub:
        store = hub.store()
        port = int(hub.url.rpartition(":")[2])
        head = (
            f"POST {BEAT} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {store.token}\r\n"
            "transfer-encoding: chunked\r\n\r\n"
        ).encode()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
            line.sendall(head)
            answered, is_cut = b"", False
            for _ in range(600):  # a minute; the hub waits for seconds
                try:
                    line.sendall(b"4000\r\n" + secrets.token_bytes(2**14) + b"\r\n")
                    readable, _, _ = select.select([line], [], [], 0.1)
                    got = line.recv(10_000) if readable else b"-"
                except OSError:
                    got = b""
                answered += got
                if not got:
                    is_cut = True
                    break
            assert b" 413 " in answered
            assert is_cut
        assert store.beat().status_code == 200


def test_a_stream_cannot_be_opened_without_end(tmp_path: Path) -> None:
    settings_text = "streams = 2\n"
    with running(tmp_path / "hub", settings=settings_text) as hub:
        stores = [hub.store(f"{number:04}") for number in range(3)]
        lines = []
        for store in stores:
            port = int(hub.url.rpartition(":")[2])
            line = socket.create_connection(("127.0.0.1", port), timeout=30)
            line.sendall(
                f"GET {WAKE} HTTP/1.1\r\nhost: hub\r\n"
                f"authorization: Bearer {store.token}\r\n\r\n".encode()
            )
            lines.append((line, line.recv(200)))
        assert [b" 200 " in said for _, said in lines] == [True, True, False]
        assert b" 503 " in lines[2][1]
        for line, _ in lines:
            line.close()

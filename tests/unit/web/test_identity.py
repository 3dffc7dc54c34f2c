"""Who a request is from, in which role, and who is nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from appliance.config import Settings
from appliance.records import LOCAL, Role
from appliance.web.app import create_app
from tests.builders.people import ANA, BEN, MIA
from tests.fakes.store import FakeStore

HERE = "http://127.0.0.1:8080"
SETTINGS = Settings(home=Path("/nowhere"), sign_in="required")
ASK = {"text": "opened headphones?"}


@contextmanager
def served(settings: Settings, base_url: str = HERE) -> Iterator[tuple[Any, FakeStore]]:
    store = FakeStore(settings=settings)
    store.people.move_in()
    app: Litestar = create_app(store)
    with TestClient(app, base_url=base_url, raise_server_exceptions=False) as client:
        yield client, store


@pytest.fixture
def required() -> Iterator[tuple[Any, FakeStore]]:
    with served(SETTINGS) as both:
        yield both


@pytest.fixture
def demo() -> Iterator[tuple[Any, FakeStore]]:
    with served(replace(SETTINGS, sign_in="auto")) as both:
        yield both


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


# ── signed in ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("header", [{}, bearer(""), bearer("x"), {"Authorization": "Basic eDp5"}])
def test_nobody_asks_nothing_and_reads_nothing(
    required: tuple[Any, FakeStore], header: dict[str, str]
) -> None:
    client, store = required
    for response in (
        client.post("/v1/ask", json=ASK, headers=header),
        client.get("/v1/passages/returns-headphones%232", headers=header),
    ):
        assert code(response) == (401, "not_paired")
        assert response.headers["www-authenticate"] == 'Bearer realm="backroom"'
    assert store.asked == []


def test_a_paired_handheld_alone_is_not_somebody(required: tuple[Any, FakeStore]) -> None:
    client, store = required
    _, token = store.people.paired()
    assert code(client.post("/v1/ask", json=ASK, headers=bearer(token))) == (401, "not_signed_in")
    client.cookies.set("backroom_device", token)
    assert code(client.post("/v1/ask", json=ASK)) == (401, "not_signed_in")


def test_an_ask_is_its_askers_by_badge_device_and_role(required: tuple[Any, FakeStore]) -> None:
    client, store = required
    device, _ = store.people.paired()
    token = store.sessions.begin(device, BEN)

    assert client.post("/v1/ask", json=ASK, headers=bearer(token)).status_code == 200

    (ask,) = store.asked
    assert (ask.associate, ask.device, ask.role) == (BEN, device, Role.LEAD)


def test_a_key_is_somebody_by_itself(required: tuple[Any, FakeStore]) -> None:
    client, store = required
    key, token = store.devices.key("Label printer", Role.LEAD)

    assert client.post("/v1/ask", json=ASK, headers=bearer(token)).status_code == 200
    me = client.get("/v1/me", headers=bearer(token)).json()

    (ask,) = store.asked
    assert (ask.associate, ask.device, ask.role) == ("", key, Role.LEAD)
    assert (me["signed_in"], me["name"], me["role"]) == (True, "Label printer", "lead")
    store.devices.revoke(key)
    assert code(client.post("/v1/ask", json=ASK, headers=bearer(token))) == (401, "not_paired")


@pytest.mark.parametrize("badge", [ANA, BEN])
def test_a_role_can_be_lowered_and_never_raised(
    required: tuple[Any, FakeStore], badge: str
) -> None:
    client, store = required
    headers = bearer(store.people.signed_in(badge))

    raised = client.post("/v1/ask", json={**ASK, "role": "manager"}, headers=headers)
    opened = client.get("/v1/passages/safe%231?role=manager", headers=headers)
    lowered = client.post("/v1/ask", json={**ASK, "role": "associate"}, headers=headers)

    assert code(raised) == code(opened) == (403, "role_not_yours")
    assert lowered.status_code == 200
    assert [ask.role for ask in store.asked] == [Role.ASSOCIATE]


def test_a_passage_opens_by_the_role_of_who_is_signed_in(required: tuple[Any, FakeStore]) -> None:
    client, store = required
    manager, lead = (bearer(store.people.signed_in(badge)) for badge in (MIA, BEN))
    safe = "/v1/passages/safe%231"
    assert client.get(safe, headers=manager).status_code == 200
    assert code(client.get(f"{safe}?role=lead", headers=manager)) == (403, "not_for_this_role")
    assert code(client.get(safe, headers=lead)) == (403, "not_for_this_role")


def test_a_header_outranks_cookies(required: tuple[Any, FakeStore]) -> None:
    client, store = required
    device, token = store.people.paired()
    client.cookies.set("backroom_device", token)
    client.cookies.set("backroom_session", store.sessions.begin(device, MIA))
    ben = store.people.signed_in(BEN)
    assert client.get("/v1/me", headers=bearer(ben)).json()["name"] == "Ben"
    assert client.get("/v1/me", headers=bearer("x")).json()["needs"] == "pair"
    assert client.get("/v1/me", headers={"Authorization": "Basic eA=="}).json()["name"] == "Mia"


def test_a_session_carried_to_another_device_is_nobodys(required: tuple[Any, FakeStore]) -> None:
    client, store = required
    _, elsewhere = store.people.paired("Toys 1")
    client.cookies.set("backroom_session", store.people.signed_in(MIA))
    client.cookies.set("backroom_device", elsewhere)
    assert code(client.post("/v1/ask", json=ASK)) == (401, "not_signed_in")


def test_a_session_cookie_alone_is_nobodys_and_a_bearers_session_is_somebodys(
    required: tuple[Any, FakeStore],
) -> None:
    client, store = required
    session = store.people.signed_in(MIA)
    assert client.post("/v1/ask", json=ASK, headers=bearer(session)).status_code == 200
    client.cookies.set("backroom_session", session)
    assert code(client.post("/v1/ask", json=ASK)) == (401, "not_paired")
    assert client.get("/v1/me").json()["needs"] == "pair"
    assert code(client.get("/v1/threads/t1")) == (401, "not_paired")


def test_a_public_name_ends_the_demo_for_a_proxy_brings_everybody() -> None:
    shop = replace(SETTINGS, sign_in="auto", public_name="shop.example")
    with served(shop, base_url="https://shop.example") as (client, _):
        assert code(client.post("/v1/ask", json=ASK)) == (401, "not_paired")
        local = client.post("/v1/ask", json=ASK, headers={"Host": "127.0.0.1:8080"})
        assert code(local) == (401, "not_paired")
        assert client.get("/v1/me").json()["needs"] == "pair"
    with served(replace(SETTINGS, sign_in="auto")) as (client, _):
        assert client.post("/v1/ask", json=ASK).status_code == 200


def test_another_askers_thread_is_as_unknown_as_none(required: tuple[Any, FakeStore]) -> None:
    client, store = required
    ana, ben = (bearer(store.people.signed_in(badge)) for badge in (ANA, BEN))
    thread = client.post("/v1/ask", json=ASK, headers=ana).json()["thread"]

    taken = client.post("/v1/ask", json={**ASK, "thread": thread}, headers=ben)

    assert code(taken) == (404, "no_such_thread")
    stream = {**ben, "Accept": "text/event-stream"}
    told = client.post("/v1/ask", json={**ASK, "thread": thread}, headers=stream)
    assert code(told) == (404, "no_such_thread")
    mine = client.post("/v1/ask", json={**ASK, "thread": "my-own"}, headers=ben)
    assert mine.json()["thread"] == "my-own"


# ── the demo ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", list(Role))
def test_on_this_machine_alone_nobody_signs_in_and_any_role_may_be_named(
    demo: tuple[Any, FakeStore], role: Role
) -> None:
    client, store = demo
    assert client.post("/v1/ask", json={**ASK, "role": role.value}).status_code == 200
    (ask,) = store.asked
    assert (ask.device, ask.associate, ask.role) == (LOCAL, "demo", role)
    me = client.get("/v1/me").json()
    assert (me["signed_in"], me["device"], me["needs"]) == (True, LOCAL, "")


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, sign_in="auto", host="0.0.0.0"),
        replace(SETTINGS, sign_in="auto", host="10.0.0.5"),
        replace(SETTINGS, sign_in="auto", host=""),
        replace(SETTINGS, sign_in="required", host="127.0.0.1"),
        replace(SETTINGS, sign_in="anything else", host="127.0.0.1"),
    ],
    ids=lambda s: f"{s.sign_in} on {s.host or 'all'}",
)
def test_anywhere_else_a_request_without_a_token_is_nobodys(settings: Settings) -> None:
    with served(settings) as (client, _):
        assert code(client.post("/v1/ask", json=ASK)) == (401, "not_paired")
        assert client.get("/v1/me").json()["needs"] == "pair"


def test_in_the_demo_too_a_token_must_be_somebodys(demo: tuple[Any, FakeStore]) -> None:
    client, store = demo
    _, token = store.devices.key("Label printer", Role.ASSOCIATE)
    raised = client.post("/v1/ask", json={**ASK, "role": "manager"}, headers=bearer(token))
    assert code(raised) == (403, "role_not_yours")
    assert code(client.post("/v1/ask", json=ASK, headers=bearer("x"))) == (401, "not_paired")
    assert client.get("/v1/me", headers=bearer("x")).json()["needs"] == "pair"


def test_cookies_left_by_another_store_do_not_lock_the_demo(demo: tuple[Any, FakeStore]) -> None:
    client, _ = demo
    # As a browser has them: this port's and another's cookies are the same to it.
    client.cookies.set("backroom_device", "of-another-port", domain="127.0.0.1")
    assert code(client.post("/v1/ask", json=ASK)) == (401, "not_paired")
    assert client.get("/v1/me").json()["signed_in"]
    assert client.post("/v1/ask", json=ASK).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/health", "/v1/me", "/v1/examples", "/page/page.js", "/openapi.json", "/metrics"]
)
@pytest.mark.parametrize("sign_in", ["auto", "required"])
def test_a_name_pointed_at_this_machine_gets_nothing(path: str, sign_in: str) -> None:
    with served(replace(SETTINGS, sign_in=sign_in)) as (client, store):
        for host in ("evil.example", "evil.example:8080", "0.0.0.0:8080"):
            response = client.get(path, headers={"Host": host})
            assert code(response) == (403, "foreign_host")
        rebound = {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}
        assert code(client.post("/v1/ask", json=ASK, headers=rebound)) == (403, "foreign_host")
        assert store.asked == []


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:9000"])
def test_this_machines_own_names_are_the_demos(demo: tuple[Any, FakeStore], host: str) -> None:
    client, _ = demo
    assert client.post("/v1/ask", json=ASK, headers={"Host": host}).status_code == 200

"""The door: a device pairs, a person signs in, and every no says what is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from appliance.config import Settings
from appliance.errors import StoreError
from appliance.records import Role
from appliance.web.app import create_app
from appliance.web.sign_in import TRIES_AT_ONCE, PairBody, SignInBody
from tests.builders.people import ANA, BEN, PIN
from tests.fakes.store import FakeStore

HERE = "http://127.0.0.1:8080"
SETTINGS = Settings(home=Path("/nowhere"), sign_in="required")


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore(settings=SETTINGS)
    store.people.move_in()
    return store


@pytest.fixture
def client(store: FakeStore) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(store), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


def pair(client: Any, store: FakeStore, name: str = "Electronics 2") -> dict[str, Any]:
    body = {"code": store.devices.new_code(600), "name": name}
    response = client.post("/v1/devices/pair", json=body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def sign_in(client: Any, badge: str = ANA, pin: str = PIN, **options: Any) -> Any:
    return client.post("/v1/sign-in", json={"badge": badge, "pin": pin}, **options)


def problem(response: Any, *, status: int, code: str) -> dict[str, Any]:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.json()["hint"]
    return dict(response.json())


def cookies_set(response: Any) -> dict[str, str]:
    lines = response.headers.get_list("set-cookie")
    return {line.split("=", 1)[0]: line for line in lines}


def test_who_asks_is_led_through_the_door_step_by_step(client: Any, store: FakeStore) -> None:
    assert client.get("/v1/me").json() == {
        "signed_in": False,
        **dict.fromkeys(("device", "device_name", "name", "role"), ""),
        "needs": "pair",
    }
    device = pair(client, store)["device"]
    at_door = client.get("/v1/me").json()
    signed_in = sign_in(client, BEN).json()
    inside = client.get("/v1/me").json()
    client.post("/v1/sign-out")

    assert (at_door["needs"], at_door["device_name"]) == ("sign_in", "Electronics 2")
    assert {k: signed_in[k] for k in ("name", "role")} == {"name": "Ben", "role": "lead"}
    assert signed_in["expires_at"] == "2026-11-23T07:02:00Z"
    assert inside == {
        "signed_in": True,
        "device": device,
        "device_name": "Electronics 2",
        "name": "Ben",
        "role": "lead",
        "needs": "",
    }
    assert client.get("/v1/me").json()["needs"] == "sign_in"


def test_the_tokens_come_as_cookies_that_no_script_and_no_other_site_gets(
    client: Any, store: FakeStore
) -> None:
    body = {"code": store.devices.new_code(600), "name": "Toys 1"}
    paired = cookies_set(client.post("/v1/devices/pair", json=body))
    signed = cookies_set(sign_in(client))

    for line in (paired["backroom_device"], signed["backroom_session"], signed["backroom_device"]):
        assert "HttpOnly" in line
        assert "samesite=strict" in line.lower()
        assert "Path=/" in line
        assert "Secure" not in line
    assert "Max-Age=43200" in signed["backroom_session"]


def test_over_https_the_cookies_are_for_https_only(store: FakeStore) -> None:
    with TestClient(create_app(store), base_url="https://127.0.0.1:8443") as client:
        body = {"code": store.devices.new_code(600), "name": "Toys 1"}
        paired = cookies_set(client.post("/v1/devices/pair", json=body))
    assert "Secure" in paired["backroom_device"]


def test_pairing_again_leaves_the_old_sign_in_behind(client: Any, store: FakeStore) -> None:
    pair(client, store)
    sign_in(client)
    pair(client, store, "Toys 1")
    assert client.get("/v1/me").json()["needs"] == "sign_in"


def test_a_used_code_is_refused(client: Any, store: FakeStore) -> None:
    body = {"code": store.devices.new_code(600), "name": "Toys 1"}
    assert client.post("/v1/devices/pair", json=body).status_code == 200
    problem(client.post("/v1/devices/pair", json=body), status=403, code="wrong_code")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/devices/pair", b"{", "not_json"),
        ("/v1/devices/pair", b'{"code": "x"}', "not_a_pairing"),
        ("/v1/devices/pair", b'{"code": "x", "name": 5}', "not_a_pairing"),
        ("/v1/devices/pair", b'{"code": "x", "name": "\\u0000"}', "bad_input"),
        ("/v1/devices/pair", b'{"code": "caf\xc3"}', "not_utf8"),
        ("/v1/sign-in", b"[]", "not_a_sign_in"),
        ("/v1/sign-in", b'{"badge": 1001, "pin": 2580}', "not_a_sign_in"),
        ("/v1/sign-in", b'{"badge": "1", "pin": "\\ud800"}', "not_json"),
        ("/v1/sign-in", b"[" * 20_000, "not_a_sign_in"),
    ],
)
def test_a_body_that_is_neither_is_a_problem(
    client: Any, store: FakeStore, path: str, body: bytes, code: str
) -> None:
    if path == "/v1/sign-in":
        pair(client, store)
    problem(client.post(path, content=body), status=400, code=code)


def test_what_was_typed_is_in_no_problem_and_in_no_repr(client: Any, store: FakeStore) -> None:
    pair(client, store)
    for body in ({"badge": ANA, "pin": 97_531}, {"badge": ANA, "pin": "97531", "x": 1}):
        assert "97531" not in client.post("/v1/sign-in", json=body).text
    assert "97531" not in sign_in(client, pin="97531").text
    assert "97531" not in repr(SignInBody(ANA, "97531"))
    assert "K7WM" not in repr(PairBody("K7WM3RXQ", "x"))


def test_a_handheld_that_is_not_paired_cannot_even_try_a_pin(client: Any, store: FakeStore) -> None:
    for _ in range(6):
        found = sign_in(client, pin="9999")
        problem(found, status=401, code="not_paired")
        assert found.headers["www-authenticate"].startswith("Bearer")
    assert store.associates.check(ANA, PIN)  # and locks nobody by it


def test_a_wrong_pin_is_told_and_the_fifth_locks(client: Any, store: FakeStore) -> None:
    pair(client, store)
    for _ in range(4):
        problem(sign_in(client, pin="9999"), status=403, code="wrong_pin")

    locked = sign_in(client, pin="9999")

    problem(locked, status=429, code="locked_out")
    assert locked.headers["retry-after"] == "300"
    problem(sign_in(client), status=429, code="locked_out")
    store.clock.advance(300)
    assert sign_in(client).status_code == 200


def test_a_session_ends_after_the_hours_the_settings_say(store: FakeStore) -> None:
    short = FakeStore(settings=replace(SETTINGS, session_hours=1.0))
    short.people.move_in()
    with TestClient(create_app(short), base_url=HERE) as client:
        pair(client, short)
        assert "Max-Age=3600" in cookies_set(sign_in(client))["backroom_session"]
        short.clock.advance(3_600)
        assert client.get("/v1/me").json()["needs"] == "sign_in"


def test_a_key_signs_nobody_in(client: Any, store: FakeStore) -> None:
    _, token = store.devices.key("Label printer", Role.LEAD)
    found = sign_in(client, headers={"Authorization": f"Bearer {token}"})
    problem(found, status=403, code="not_a_handheld")


def test_a_program_signs_in_with_bearers_alone(client: Any, store: FakeStore) -> None:
    device = pair(client, store)["token"]
    client.cookies.clear()
    session = sign_in(client, BEN, headers={"Authorization": f"Bearer {device}"}).json()["token"]
    client.cookies.clear()
    bearer = {"Authorization": f"bearer {session}"}

    assert client.get("/v1/me", headers=bearer).json()["name"] == "Ben"
    assert client.post("/v1/sign-out", headers=bearer).status_code == 200
    assert client.get("/v1/me", headers=bearer).json()["needs"] == "pair"


def test_tries_from_one_address_are_counted_whatever_they_try(
    client: Any, store: FakeStore
) -> None:
    for _ in range(TRIES_AT_ONCE):
        client.post("/v1/devices/pair", json={"code": "AAAAAAAA", "name": "Toys 1"})
    body = {"code": store.devices.new_code(600), "name": "Toys 1"}

    for found in (client.post("/v1/devices/pair", json=body), sign_in(client)):
        assert problem(found, status=429, code="too_many_tries")["retry_after_s"] >= 1
        assert int(found.headers["retry-after"]) >= 1
    assert client.get("/v1/me").status_code == 200


@pytest.mark.parametrize("path", ["/v1/devices/pair", "/v1/sign-in", "/v1/sign-out"])
def test_another_sites_page_cannot_use_the_door(client: Any, path: str) -> None:
    found = client.post(path, json={}, headers={"Origin": "http://evil.example"})
    problem(found, status=403, code="foreign_origin")


def test_a_disk_that_takes_no_write_is_told_and_stops_no_start(
    client: Any, store: FakeStore
) -> None:
    pair(client, store)

    def refuse(_: object) -> None:
        raise StoreError("The disk is full.", hint="Free some space: df -h")

    store.sessions.database.write = refuse  # type: ignore[method-assign,assignment]

    problem(sign_in(client), status=503, code="store_error")
    with TestClient(create_app(store), base_url=HERE) as again:
        assert again.get("/v1/me").status_code == 200


def test_a_start_in_1970_signs_everyone_out_and_lets_them_in_again(store: FakeStore) -> None:
    store.clock.at = datetime(1970, 1, 1, tzinfo=UTC)
    app = create_app(store)
    with TestClient(app, base_url=HERE) as client:
        pair(client, store)
        sign_in(client)
        kept = dict(client.cookies)
    with TestClient(create_app(store), base_url=HERE, cookies=kept) as client:
        assert client.get("/v1/me").json()["needs"] == "sign_in"
        assert sign_in(client).status_code == 200
        assert client.get("/v1/me").json()["signed_in"]


# ── the same handheld, paired again ───────────────────────────────────────────────────────────


def test_a_handheld_that_pairs_again_shuts_out_the_device_it_was(
    client: Any, store: FakeStore
) -> None:
    old = pair(client, store)
    sign_in(client)
    session = client.cookies["backroom_session"]

    new = pair(client, store, "Electronics 3")

    assert store.devices.of_token(old["token"]) is None
    assert store.sessions.of_token(session) is None
    assert store.devices.of_token(new["token"]) is not None
    assert sign_in(client).status_code == 200


def test_a_code_that_pairs_nothing_leaves_the_handheld_as_it_was(
    client: Any, store: FakeStore
) -> None:
    old = pair(client, store)
    body = {"code": "AAAA-AAAA", "name": "Electronics 3"}
    problem(client.post("/v1/devices/pair", json=body), status=403, code="wrong_code")
    assert store.devices.of_token(old["token"]) is not None


def test_pairing_shuts_no_key_and_no_other_handheld_out(client: Any, store: FakeStore) -> None:
    other = pair(client, store)
    client.cookies.clear()
    _, key = store.devices.key("Label printer", Role.LEAD)
    client.cookies.set("backroom_device", key)
    pair(client, store, "Toys 1")
    assert store.devices.of_token(key) is not None
    assert store.devices.of_token(other["token"]) is not None


@pytest.mark.parametrize(("origin", "is_secure"), [("https://shop.example", True), (HERE, False)])
def test_cookies_given_over_tls_travel_over_tls_alone(origin: str, is_secure: bool) -> None:
    store = FakeStore(settings=replace(SETTINGS, public_name="shop.example"))
    body = {"code": store.devices.new_code(600), "name": "Electronics 2"}
    with TestClient(create_app(store), base_url=HERE) as client:
        given = client.post("/v1/devices/pair", json=body, headers={"Origin": origin})
    assert ("Secure" in cookies_set(given)["backroom_device"]) is is_secure

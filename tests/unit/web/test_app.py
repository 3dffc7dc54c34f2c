"""The API: asks, passages, health, and every no with its reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from appliance.config import Settings
from appliance.errors import EngineBusy, StoreError
from appliance.web.app import create_app
from tests.fakes.store import FakeStore

HERE = "http://127.0.0.1:8080"
SETTINGS = Settings(home=Path("/nowhere"), max_ask_chars=200)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore(settings=SETTINGS)


@pytest.fixture
def client(store: FakeStore) -> Iterator[TestClient[Litestar]]:
    app = create_app(store)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        yield client


def problem(response: Any, *, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    found: dict[str, Any] = response.json()
    assert (found["status"], found["code"]) == (status, code)
    assert found["detail"]
    return found


def test_an_ask_is_answered_with_a_reply_and_its_receipt(client: Any) -> None:
    response = client.post("/v1/ask", json={"text": "opened headphones?", "role": "lead"})

    assert response.status_code == 200
    assert response.json()["lane"] == "quote"
    assert response.json()["entry"]


def test_an_ask_without_a_thread_starts_one_and_the_next_can_follow_it(
    client: Any, store: FakeStore
) -> None:
    first = client.post("/v1/ask", json={"text": "opened headphones?"}).json()

    client.post("/v1/ask", json={"text": "and earbuds?", "thread": first["thread"]})

    assert first["thread"]
    assert [ask.thread for ask in store.asked] == [first["thread"]] * 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not_json"),
        (b"{", 400, "not_json"),
        (b"[]", 400, "not_an_ask"),
        (b'{"text": 5}', 400, "not_an_ask"),
        (b'{"txet": "hours?"}', 400, "not_an_ask"),
        (b'{"text": "hours?", "role": "owner"}', 400, "not_an_ask"),
        (b'{"text": "hours?", "thread": "../x"}', 400, "bad_thread"),
        (b'{"text": "caf\xc3', 400, "not_utf8"),
        (b'{"text": "caf\xc3"}', 400, "not_utf8"),
        (b'{"text": "\\ud83d"}', 400, "not_json"),
        (b'{"text": "a\\u0000b"}', 400, "nul_in_text"),
        (b'{"text": "  "}', 400, "empty_ask"),
        (b'{"text": "%s"}' % (b"x" * 201), 413, "ask_too_long"),
        (b'{"text": "%s"}' % (b"x" * 100_000), 413, "request_entity_too_large"),
    ],
)
def test_a_body_that_is_no_ask_is_a_problem_with_a_code(
    client: Any, store: FakeStore, body: bytes, status: int, code: str
) -> None:
    response = client.post("/v1/ask", content=body, headers={"Content-Type": "application/json"})

    assert problem(response, status=status, code=code)["hint"]
    assert store.asked == []


def test_the_longest_ask_fits_however_its_characters_are_escaped(client: Any) -> None:
    body = b'{"text": "%s"}' % (b"\\ud83d\\ude00" * 200)

    assert client.post("/v1/ask", content=body).status_code == 200


@pytest.mark.parametrize("text", ['" OR 1=1; --', "NEAR(a b) AND *", "\u202edrawkcab", "LM-104233"])
def test_an_odd_text_is_an_ask_like_any_other(client: Any, store: FakeStore, text: str) -> None:
    assert client.post("/v1/ask", json={"text": text}).status_code == 200
    assert store.asked[0].text == text


def test_a_journal_that_cannot_be_written_is_a_503_and_says_so(
    client: Any, store: FakeStore
) -> None:
    store.journal.is_full = True

    found = problem(client.post("/v1/ask", json={"text": "hours?"}), status=503, code="store_error")

    assert "disk full" in found["detail"]


def test_a_full_queue_says_when_to_come_back(client: Any, store: FakeStore) -> None:
    store.fails_with = EngineBusy("40 asks are in hand.", retry_after_s=1.2)

    response = client.post("/v1/ask", json={"text": "hours?"})

    assert problem(response, status=503, code="engine_busy")["retry_after_s"] == 2
    assert response.headers["retry-after"] == "2"


def test_a_bug_is_a_500_that_tells_nothing_of_the_customers_words(
    client: Any, store: FakeStore
) -> None:
    store.fails_with = KeyError("jane@example.com")

    response = client.post("/v1/ask", json={"text": "order of jane@example.com"})

    problem(response, status=500, code="bug")
    assert "jane" not in response.text


def test_an_ask_from_another_sites_page_is_refused(client: Any, store: FakeStore) -> None:
    ours, foreign = {"Origin": HERE}, {"Origin": "http://evil.example"}

    refused = client.post("/v1/ask", json={"text": "hours?"}, headers=foreign)

    problem(refused, status=403, code="foreign_origin")
    assert client.post("/v1/ask", json={"text": "hours?"}, headers=ours).status_code == 200
    assert len(store.asked) == 1


@pytest.mark.parametrize("accept", ["a/b;q=1e999", "*/*;q=x", "text/event-stream;q=nan", "\xff"])
def test_an_accept_header_that_is_none_is_no_bug(client: Any, accept: str) -> None:
    headers = {"Accept": accept.encode("latin-1")}
    assert client.post("/v1/ask", json={"text": "hours?"}, headers=headers).status_code == 200


def test_a_passage_opens_by_its_id(client: Any) -> None:
    response = client.get("/v1/passages/returns-headphones%232")

    assert response.status_code == 200
    assert response.json()["title"] == "Returning headphones 🎧 › Opened"


def test_a_passage_for_a_higher_role_stays_closed(client: Any) -> None:
    problem(client.get("/v1/passages/safe%231"), status=403, code="not_for_this_role")
    problem(client.get("/v1/passages/safe%231?role=lead"), status=403, code="not_for_this_role")
    problem(client.get("/v1/passages/safe%231?role=owner"), status=400, code="bad_role")

    assert client.get("/v1/passages/safe%231?role=manager").status_code == 200


@pytest.mark.parametrize("passage", ["nothing", "a/b", "..%2f..%2fetc%2fpasswd", "%00"])
def test_an_unknown_passage_is_not_found(client: Any, passage: str) -> None:
    problem(client.get(f"/v1/passages/{passage}"), status=404, code="no_such_passage")


def test_examples_are_those_of_the_release(client: Any, store: FakeStore) -> None:
    assert client.get("/v1/examples").json() == {"examples": list(store.examples())}


def test_health_is_503_until_the_store_is_ready(client: Any, store: FakeStore) -> None:
    ready = client.get("/health")
    store.is_ready = False
    starting = client.get("/health")

    assert (ready.status_code, starting.status_code) == (200, 503)
    assert ready.json()["store"] == "0001"
    assert starting.json()["line"] == "not configured"


def test_a_store_that_cannot_tell_its_health_is_a_503(client: Any, store: FakeStore) -> None:
    def fail(*, is_counted: bool = True) -> dict[str, Any]:
        raise StoreError("The database is locked.")

    store.health = fail  # type: ignore[method-assign]

    problem(client.get("/health"), status=503, code="store_error")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v2", 404), ("GET", "/v1/ask", 405)]
)
def test_a_wrong_address_is_a_problem_too(client: Any, method: str, path: str, status: int) -> None:
    response = client.request(method, path)

    assert response.status_code == status
    assert response.json()["hint"]


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/v1/ask", "/nowhere"])
def test_every_answer_forbids_other_hosts(client: Any, path: str) -> None:
    headers = client.get(path).headers

    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"


def test_the_page_names_no_other_host(client: Any) -> None:
    for name in (
        "index.html",
        "page.css",
        "page.js",
        "ask.js",
        "turn.js",
        "sheet.js",
        "signin.js",
        "icon.svg",
    ):
        text = client.get(f"/page/{name}").text.replace("http://www.w3.org/2000/svg", "")
        assert text
        assert "http://" not in text
        assert "https://" not in text


@pytest.mark.parametrize("name", ["%00", "a" * 5000, "..%2fapp.py", "index.html.bak"])
def test_a_part_the_page_has_not_is_not_looked_for(client: Any, name: str) -> None:
    assert client.get(f"/page/{name}").status_code == 404


@pytest.mark.parametrize("name", ["page.css", "page.js", "icon.svg"])
def test_the_pages_own_parts_are_served_as_what_they_are(client: Any, name: str) -> None:
    kinds = {"css": "text/css", "js": "javascript", "svg": "image/svg+xml"}
    response = client.get(f"/page/{name}")
    assert response.status_code == 200
    assert kinds[name.rsplit(".", maxsplit=1)[-1]] in response.headers["content-type"]

"""Server-sent events, over a real socket: nothing is said before it is written down."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.config import Settings
from appliance.errors import StoreError
from tests.fakes.server import running
from tests.fakes.store import HEADPHONES_SAID, FakeStore

STREAM = {"Accept": "text/event-stream"}
HEADPHONES = {"text": "opened headphones?"}
WAIT_S = 5.0


def events(text: str) -> list[tuple[str, Any]]:
    """Return (name, data) of each frame."""
    frames = [dict(line.split(": ", 1) for line in f.split("\n")) for f in text.split("\n\n") if f]
    return [(frame["event"], json.loads(frame["data"])) for frame in frames]


def test_a_stream_tells_route_sources_sentences_and_the_reply_in_order() -> None:
    store = FakeStore()
    with running(store) as url:
        response = httpx.post(f"{url}/v1/ask", json=HEADPHONES, headers=STREAM)

    heard = events(response.text)

    assert response.headers["content-type"].startswith("text/event-stream")
    assert [name for name, _ in heard] == ["route", "sources", "sentence", "sentence", "done"]
    assert heard[0][1]["lanes"][0]["lane"] == "quote"
    assert heard[1][1]["passages"][0]["id"] == "returns-headphones#2"
    assert [data["text"] for name, data in heard if name == "sentence"] == list(HEADPHONES_SAID)
    assert heard[0][1]["id"] == heard[-1][1]["id"]
    assert heard[-1][1]["entry"]


def test_a_sentence_is_in_the_journal_before_it_is_sent() -> None:
    store = FakeStore(pause_s=0.2)
    with (
        running(store) as url,
        httpx.stream("POST", f"{url}/v1/ask", json=HEADPHONES, headers=STREAM) as response,
    ):
        heard = 0
        for line in response.iter_lines():
            if line == "event: sentence":
                heard += 1
                rows = [e for e in store.journal.entries if e.kind == "sentence"]
                assert len(rows) >= heard

    assert heard == 2
    assert store.journal.bodies[0]["text"] == HEADPHONES_SAID[0]
    assert store.journal.bodies[0]["id"] == store.journal.bodies[-1]["id"]
    assert [body.get("n") for body in store.journal.bodies] == [0, 1, None]


def test_sources_name_what_was_found_and_say_nothing_of_it() -> None:
    with running(FakeStore()) as url:
        response = httpx.post(f"{url}/v1/ask", json={"text": "kettle price"}, headers=STREAM)

    sources = dict(events(response.text)[:2])["sources"]

    assert sources == {"passages": [], "facts": [{"id": "price:LM-104233", "title": "price"}]}


def test_a_sentence_the_journal_cannot_take_is_never_sent() -> None:
    store = FakeStore()
    store.journal.full_after = 1
    with running(store) as url:
        response = httpx.post(f"{url}/v1/ask", json=HEADPHONES, headers=STREAM)

    heard = events(response.text)

    assert [name for name, _ in heard] == ["route", "sources", "sentence", "error"]
    assert heard[-1][1]["code"] == "store_error"
    assert HEADPHONES_SAID[1] not in response.text


def test_a_failure_before_the_first_event_keeps_its_own_status() -> None:
    store = FakeStore()
    store.fails_with = StoreError("The journal is on a read-only disk.")
    with running(store) as url:
        response = httpx.post(f"{url}/v1/ask", json=HEADPHONES, headers=STREAM)

    assert response.status_code == 503
    assert response.json()["code"] == "store_error"


def test_a_handheld_that_goes_away_leaves_its_ask_to_be_finished() -> None:
    store = FakeStore(pause_s=0.1)
    with (
        running(store) as url,
        httpx.stream("POST", f"{url}/v1/ask", json=HEADPHONES, headers=STREAM) as response,
    ):
        next(response.iter_lines())

    assert [entry.kind for entry in store.journal.entries] == ["sentence", "sentence", "reply"]


@pytest.mark.parametrize("headers", [STREAM, {}], ids=["stream", "json"])
def test_a_waiting_ask_survives_its_handheld_too(headers: dict[str, str]) -> None:
    settings = Settings(home=Path("/nowhere"), asks_at_once=1, queue_asks=4)
    store = FakeStore(settings=settings)
    store.gate.clear()
    hasty = httpx.Timeout(WAIT_S, read=0.3)
    with running(store) as url:
        for _ in range(2):  # the second still waits when its handheld gives up
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{url}/v1/ask", json=HEADPHONES, headers=headers, timeout=hasty)
        assert len(store.asked) == 1
        store.gate.set()

    assert [entry.kind for entry in store.journal.entries].count("reply") == 2


def test_more_asks_than_the_store_takes_are_told_to_come_back() -> None:
    settings = Settings(home=Path("/nowhere"), asks_at_once=1, queue_asks=1)
    store = FakeStore(settings=settings)
    store.gate.clear()
    statuses: list[int] = []
    with running(store) as url:

        def ask() -> None:
            response = httpx.post(f"{url}/v1/ask", json=HEADPHONES)
            statuses.append(response.status_code)
            assert (response.status_code == 503) == ("retry-after" in response.headers)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + WAIT_S
        while len(statuses) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert statuses == [503, 503]
        store.gate.set()
        for thread in threads:
            thread.join(WAIT_S)

    assert sorted(statuses) == [200, 200, 503, 503]

"""A real hub in processes of its own: a push in seconds, several workers, an orderly end."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec
import psutil
import pytest
from typer.testing import CliRunner

from appliance.clock import SystemClock
from sync.hub.commands import app
from sync.trust.ring import RingPointer
from sync.wire import WAKE, Wish, WishKind
from tests.builders.hub.databases import postgres_server
from tests.builders.hub.process import RunningHub, running, stop
from tests.builders.hub.store_end import StoreEnd, item
from tests.builders.repositories import published, release, repository

LONGEST_S = 30.0  # a test that waits longer for an event has failed


@contextmanager
def listening(store: StoreEnd) -> Iterator[queue.Queue[Wish | None]]:
    """Give what a store hears on its wake stream; None when the stream ends."""
    heard: queue.Queue[Wish | None] = queue.Queue()
    opened = threading.Event()
    url = store.client.base_url
    line = socket.create_connection((url.host, url.port or 80), timeout=LONGEST_S)
    line.sendall(
        f"GET {WAKE} HTTP/1.1\r\nhost: {url.host}\r\n"
        f"authorization: Bearer {store.token}\r\nconnection: close\r\n\r\n".encode()
    )

    def listen() -> None:
        with suppress(OSError), line.makefile("rb") as lines:
            for said in lines:
                if said.startswith(b": hello"):
                    opened.set()
                if said.startswith(b"data: "):
                    heard.put(msgspec.json.decode(said[6:], type=Wish))
        heard.put(None)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        assert opened.wait(LONGEST_S)
        yield heard
    finally:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        thread.join(LONGEST_S)
        line.close()


def hub_command(hub: RunningHub, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--home", str(hub.home)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running(tmp_path / "hub") as hub:
        yield hub


def test_an_experts_answer_wakes_the_store_it_is_for_and_no_other(hub: RunningHub) -> None:
    store, other = hub.store("0001"), hub.store("0002")
    asked = item(1, store.clock, kind="deferred_ask", reply="r1")
    store.sent(store.batch([asked]))
    with listening(store) as heard, listening(other) as quiet:
        hub_command(hub, "answer", "r1", "Yes, within 30 days.")

        assert heard.get(timeout=LONGEST_S) == Wish(WishKind.ANSWERS)
        assert quiet.empty()
    assert [a.text for a in store.answers().items] == ["Yes, within 30 days."]


def test_a_promotion_wakes_the_stores_of_its_ring(tmp_path: Path) -> None:
    source = tmp_path / "source"
    work = tmp_path / "work"
    signed = repository(work, SystemClock())
    published(signed, release(source, "v1", 1))
    signed.promote(RingPointer("pilot", "v1", 1))
    settings = f'repository = "{work / "repo"}"\n'
    with running(tmp_path / "hub", settings=settings) as hub:
        store, other = hub.store("0001", "pilot"), hub.store("0002", "rest")
        with listening(store) as heard, listening(other) as quiet:
            signed.promote(RingPointer("pilot", "v1", 1, percent=50.0))

            assert heard.get(timeout=LONGEST_S) == Wish(WishKind.LOOK, "pilot", "v1")
            assert quiet.empty()


def test_a_revoked_stores_stream_ends_and_it_gets_no_other(hub: RunningHub) -> None:
    store = hub.store()
    with listening(store) as heard:
        hub_command(hub, "revoke", "0001")

        assert heard.get(timeout=LONGEST_S) is None
    assert store.client.get(WAKE, headers=store.headers).status_code == 403


def test_a_store_holds_one_stream_the_newest(hub: RunningHub) -> None:
    store = hub.store()
    with listening(store) as first, listening(store) as second:
        assert first.get(timeout=LONGEST_S) is None
        assert second.empty()


def test_a_hub_told_to_stop_ends_its_streams_and_goes(hub: RunningHub) -> None:
    store = hub.store()
    with listening(store) as heard:
        stop(hub)

        assert heard.get(timeout=LONGEST_S) is None
    assert hub.process.returncode == 0


def test_a_moved_store_is_told_of_its_new_rings_pushes(hub: RunningHub) -> None:
    store = hub.store()
    with listening(store) as heard:
        hub_command(hub, "move", "0001", "--ring", "rest")
        while heard.get(timeout=LONGEST_S) is not None:
            pass
    with listening(store) as heard:
        # What was wished while it was between two streams is told at once.
        assert heard.get(timeout=LONGEST_S) == Wish(WishKind.LOOK, "rest")


def two_workers(tmp_path: Path, database: str) -> None:
    settings = "enrols_per_address = 1000\n"
    settings += f'database = "{database}"\n' if database else ""
    with running(tmp_path / "hub", "--workers", "2", settings=settings) as hub:
        stores = [hub.store(f"{number:04}") for number in range(8)]
        for store in stores:
            at_both_workers(hub, store)
        with ExitStack() as stack:
            heard = [stack.enter_context(listening(store)) for store in stores]
            for store in stores:
                hub_command(hub, "answer", f"r-{store.device}", "Yes.")
            wishes = [one.get(timeout=LONGEST_S) for one in heard]
        assert wishes == [Wish(WishKind.ANSWERS)] * 8
        assert hub_command(hub, "stores").count("pilot") == 8


def at_both_workers(hub: RunningHub, store: StoreEnd) -> None:
    """Speak over many connections: each is one worker's, nobody knows which one's."""
    batch = store.batch([item(1, store.clock, kind="deferred_ask", reply=f"r-{store.device}")])
    for at in range(0, 40, 10):
        store.client = hub.client()
        assert store.beaten(asks=2).ring == "pilot"
        assert store.sent(batch, offset=at, until=at + 10).have == at + 10
    store.client = hub.client()
    assert store.sent(batch, offset=40).state == "kept"
    store.client = hub.client()
    assert store.state(batch).state == "kept"


def test_two_workers_are_one_hub(tmp_path: Path) -> None:
    two_workers(tmp_path, "")


@pytest.mark.postgres
def test_two_workers_are_one_hub_on_postgresql(tmp_path: Path) -> None:
    with postgres_server() as url:
        two_workers(tmp_path, url)


def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    with running(tmp_path / "hub", "--workers", "2") as hub:
        store = hub.store()
        first, _ = psutil.Process(hub.process.pid).children()
        first.kill()
        first.wait(10)

        for _ in range(10):
            store.client = hub.client()
            assert store.beaten().ring == "pilot"
        assert hub.process.poll() is None

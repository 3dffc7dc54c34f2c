"""A hub killed at any moment: what it acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from sync.hub.ledger import Ledger
from sync.hub.settings import load_settings
from sync.hub.standing import standings
from sync.hub.tables import items
from sync.wire import PIECE_BYTES
from tests.builders.hub.process import RunningHub, free_port, start, stop
from tests.builders.hub.store_end import StoreEnd, item

STORES = 4
KILLS = 4


@dataclass
class Talk:
    """What one store said and what was acknowledged of it, until it is told to stop."""

    store: StoreEnd
    kept: set[str] = field(default_factory=set)
    beats: int = 0  # the newest sequence that was answered
    is_over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        number = 0
        while not self.is_over.is_set():
            number += 1
            some = [item(number * 10 + n, self.store.clock) for n in range(3)]
            batch = self.store.batch(some)
            while not self.is_over.is_set():
                with suppress(httpx.TransportError, AssertionError):
                    self.store.beaten()
                    self.beats = self.store.sequence
                    have = self.store.state(batch)
                    while have.state == "partial":
                        have = self.store.sent(batch, offset=have.have, until=have.have + 150)
                    assert have.state == "kept"
                    self.kept |= {one.id for one in some}
                    break


def ledger_of(hub: RunningHub) -> Ledger:
    return Ledger(load_settings(hub.home).database_url)


def test_what_was_acknowledged_survives_a_kill_and_nothing_is_kept_twice(tmp_path: Path) -> None:
    port = free_port()
    hub = start(tmp_path / "hub", port=port)
    talks = [Talk(hub.store(f"{number:04}")) for number in range(STORES)]
    threads = [threading.Thread(target=talk.run, daemon=True) for talk in talks]
    for thread in threads:
        thread.start()
    clients = hub.clients
    for _ in range(KILLS):
        before = sum(len(talk.kept) for talk in talks)
        wait_until(lambda before=before: sum(len(t.kept) for t in talks) >= before + 12)
        hub.kill()
        hub = start(tmp_path / "hub", port=port)
    for talk, thread in zip(talks, threads, strict=True):
        talk.is_over.set()
        thread.join(60)
    hub.kill()  # once more, with nobody there: only what is on disk counts

    ledger = ledger_of(hub)
    rows = ledger.read(lambda c: c.execute(items.select()).all())
    newest = {s.device: s.beat for s in ledger.read(standings)}
    ledger.close()
    for client in clients:
        client.close()

    for talk in talks:
        found = {row.id for row in rows if row.device == talk.store.device}
        assert talk.kept <= found
        beat = newest[talk.store.device]
        assert beat is not None
        assert beat.sequence >= talk.beats


def wait_until(is_so: object, *, most_s: float = 60.0) -> None:
    assert callable(is_so)
    waited = threading.Event()
    for _ in range(int(most_s / 0.05)):
        if is_so():
            return
        waited.wait(0.05)
    raise AssertionError("it did not come to that")


@pytest.fixture
def port() -> int:
    return free_port()


def test_a_batch_goes_on_where_it_was_after_a_restart(tmp_path: Path, port: int) -> None:
    hub = start(tmp_path / "hub", port=port)
    store = hub.store()
    batch = store.batch([item(n, store.clock) for n in range(60)])
    third = len(batch) // 3
    store.sent(batch, until=third)
    stop(hub)

    hub = start(tmp_path / "hub", port=port)
    store.client = hub.client()
    resumed = store.state(batch)
    ended = store.sent(batch, offset=resumed.have)
    stop(hub)

    assert (resumed.have, resumed.total) == (third, len(batch))
    assert ended.state == "kept"
    assert third < PIECE_BYTES


def test_a_chain_is_durable_before_its_token_is_given(tmp_path: Path, port: int) -> None:
    hub = start(tmp_path / "hub", port=port)
    store = hub.store()
    for _ in range(3):
        store.renew()
        hub.kill()
        for client in hub.clients:
            client.close()
        hub = start(tmp_path / "hub", port=port)
        store.client = hub.client()
        assert store.beat().status_code == 200
    stop(hub)

"""A hub whose disk is full says so, takes nothing, loses nothing, and goes on with new room."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.builders.disks import small_disk
from tests.builders.hub.homes import hub_at, line_to, make_home, store_at
from tests.builders.hub.store_end import StoreEnd, item
from tests.fakes.clock import FakeClock


def fill(disk: Path) -> Path:
    """Leave no byte free; return what takes the room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (2**16, 2**10, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


def refused(store: StoreEnd, batch: bytes) -> tuple[int, str, str]:
    answer = store.put(batch)
    return answer.status_code, answer.json()["code"], answer.headers["retry-after"]


def test_a_full_disk_is_told_to_the_store_which_keeps_what_it_has(tmp_path: Path) -> None:
    clock = FakeClock()
    with small_disk(tmp_path / "disk", size="4m") as disk:
        home = make_home(disk / "hub")
        with hub_at(home, clock) as hub, line_to(hub) as client:
            store = store_at(hub, client)
            batch = store.batch([item(n, clock) for n in range(20)])
            ballast = fill(disk)

            full = refused(store, batch)
            beat = store.beat(faults=("x" * 20_000,))
            alive = client.get("/health").status_code
            ballast.unlink()
            after = store.sent(batch)
            again = store.beaten()

    assert full == (507, "disk_full", "30")
    assert beat.status_code in {200, 503, 507}  # a page that was there already may hold it
    assert alive == 200
    assert (after.state, again.ring) == ("kept", "pilot")


@pytest.mark.parametrize("room", [0, 4_096, 40_000, 120_000])
def test_whatever_room_is_left_a_batch_is_kept_whole_or_not_at_all(
    tmp_path: Path, room: int
) -> None:
    clock = FakeClock()
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "disk", size="4m"))
        hub = stack.enter_context(hub_at(make_home(disk / "hub"), clock))
        store = store_at(hub, stack.enter_context(line_to(hub)))
        batch = store.batch([item(n, clock, reply="r" * 40 + str(n)) for n in range(400)])
        ballast = fill(disk)
        with ballast.open("r+b") as file:
            file.truncate(max(0, ballast.stat().st_size - room))

        first = store.put(batch)
        ballast.unlink()
        last = store.sent(batch)

        assert first.status_code in {200, 503, 507}
        assert last.state == "kept"
        kept = hub.ledger.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM items").scalar())
        assert kept == 400

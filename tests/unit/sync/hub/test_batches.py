from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from litestar.testing import TestClient

from sync.hub.alarms import open_alarms
from sync.hub.keep import newest_batches
from sync.hub.parts import Hub
from sync.hub.tables import items
from sync.hub.watch import Watch
from sync.wire import BATCH_BYTES, BATCHES, PIECE_BYTES
from tests.builders.hub.homes import store_at
from tests.builders.hub.store_end import StoreEnd, digest, item
from tests.fakes.clock import FakeClock

Client = TestClient[Any]


@pytest.fixture
def store(hub: Hub, client: Client) -> StoreEnd:
    return store_at(hub, client)


def kept_items(hub: Hub) -> list[tuple[str, str, str]]:
    columns = items.c
    query = items.select().with_only_columns(columns.store, columns.id, columns.reply)
    return [tuple(row) for row in hub.ledger.read(lambda c: c.execute(query).all())]


def test_a_batch_is_kept_item_by_item(hub: Hub, store: StoreEnd, clock: FakeClock) -> None:
    batch = store.batch([item(1, clock), item(2, clock)])

    told = store.sent(batch)

    assert (told.state, told.have, told.total) == ("kept", len(batch), len(batch))
    assert sorted(kept_items(hub)) == [
        ("0001", "item-1", "reply-1"),
        ("0001", "item-2", "reply-2"),
    ]


def test_a_kept_batchs_bytes_are_among_the_blobs_and_nothing_is_left_of_its_pieces(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    batch = store.batch([item(1, clock)])
    store.sent(batch)

    assert hub.blobs.get(f"batches/{store.device}/{digest(batch)}.zst") == batch
    assert list(hub.pieces.folder.rglob("*.part")) == []


def test_a_batch_comes_in_pieces_and_goes_on_where_it_stopped(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    batch = store.batch([item(n, clock) for n in range(50)])
    third = len(batch) // 3

    first = store.sent(batch, until=third)
    asked = store.state(batch)
    last = store.sent(batch, offset=asked.have)

    assert (first.state, first.have) == ("partial", third)
    assert (asked.state, asked.have, asked.total) == ("partial", third, len(batch))
    assert last.state == "kept"


def test_a_piece_that_leaves_a_gap_adds_nothing_and_is_told_where_to_go_on(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    batch = store.batch([item(1, clock)])
    store.sent(batch, until=10)

    told = store.sent(batch, offset=20)

    assert (told.state, told.have) == ("partial", 10)


def test_a_piece_that_comes_twice_or_late_is_harmless(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    batch = store.batch([item(1, clock)])
    for until in (40, 40, 20):
        store.sent(batch, until=until)

    assert store.state(batch).have == 40
    assert store.sent(batch, offset=30).state == "kept"


def test_a_batch_that_comes_again_is_kept_once(hub: Hub, store: StoreEnd, clock: FakeClock) -> None:
    batch = store.batch([item(1, clock)])

    assert [store.sent(batch).state for _ in range(3)] == ["kept"] * 3
    assert len(kept_items(hub)) == 1


def test_an_item_that_comes_in_two_batches_is_kept_once(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    store.sent(store.batch([item(1, clock), item(2, clock)]))
    store.sent(store.batch([item(2, clock), item(3, clock)]))

    assert sorted(name for _, name, _ in kept_items(hub)) == ["item-1", "item-2", "item-3"]


def test_two_stores_items_of_one_name_are_two_items(
    hub: Hub, client: Client, store: StoreEnd, clock: FakeClock
) -> None:
    other = store_at(hub, client, "0002")
    for one in (store, other):
        one.sent(one.batch([item(1, clock)]))

    assert sorted(number for number, _, _ in kept_items(hub)) == ["0001", "0002"]


def test_a_batch_all_of_whose_bytes_are_there_is_kept_when_its_state_is_asked(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    """The hub was killed after the last piece was durable and before it had read the batch."""
    batch = store.batch([item(1, clock)])
    hub.pieces.add(store.device, digest(batch), batch, offset=0, total=len(batch))

    assert store.state(batch).state == "kept"


def test_a_batch_changed_on_the_way_starts_again_and_is_put_aside_in_the_end(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    batch = store.batch([item(1, clock)])
    changed = batch[:-1] + bytes([batch[-1] ^ 1])

    told = [store.sent(changed, name=digest(batch)) for _ in range(3)]

    assert [(t.state, t.have) for t in told[:2]] == [("partial", 0)] * 2
    assert told[2].state == "quarantined"
    assert store.sent(batch).state == "quarantined"


def test_a_batch_changed_once_on_the_way_is_kept_when_it_comes_whole(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    batch = store.batch([item(1, clock)])
    store.sent(batch[:-1] + b"x", name=digest(batch))

    assert store.sent(batch).state == "kept"


def damaged(store: StoreEnd, clock: FakeClock) -> Iterator[tuple[str, bytes]]:
    good = store.batch([item(1, clock), item(2, clock)])
    lines = zstd.decompress(good).split(b"\n")
    yield "no zstd", b"not zstd at all"
    yield "cut short", good[:-6]
    yield "something after it", good + b"tail"
    yield "a second frame", good + good
    yield "empty", zstd.compress(b"")
    yield "no head", zstd.compress(b"[]\n")
    yield "not JSON", zstd.compress(b"\x00\xff\n")
    yield "another format", zstd.compress(lines[0].replace(b'"format":1', b'"format":2'))
    yield "fewer items", store.batch([item(1, clock)], items=2)
    yield "more items", store.batch([item(1, clock), item(2, clock)], items=1)
    yield "another store's", store.batch([item(1, clock)], store="0666")
    yield "another device's", store.batch([item(1, clock)], device="f" * 24)
    yield (
        "item without id",
        zstd.compress(b"\n".join([lines[0], lines[1].replace(b"item-1", b""), lines[2]])),
    )
    yield "a bomb", zstd.compress(lines[0] + b"\n" + b" " * (97 * 2**20))
    yield "a long line", zstd.compress(lines[0] + b"\n" + b" " * (2**20 + 1) + b"\n")
    yield "nested too deep", zstd.compress(lines[0] + b"\n" + b"[" * 200_000 + b"\n")
    yield "blank lines", zstd.compress(lines[0] + b"\n\n\n")


def test_a_damaged_or_foreign_batch_is_put_aside_with_the_reason_and_the_rest_go_on(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    for what, batch in damaged(store, clock):
        told = store.sent(batch)
        assert (told.state, bool(told.why)) == ("quarantined", True), what
        assert hub.blobs.get(f"quarantine/{store.device}/{digest(batch)}.zst") == batch

    assert store.sent(store.batch([item(9, clock)])).state == "kept"
    assert [name for _, name, _ in kept_items(hub)] == ["item-9"]
    assert [alarm.kind for alarm in hub.ledger.read(open_alarms)] == ["quarantine"]
    listed = hub.ledger.read(lambda c: newest_batches(c, most=50, quarantined=True))
    assert len(listed) == len(list(damaged(store, clock)))


def test_why_a_batch_is_put_aside_shows_nothing_of_what_is_in_it(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    head = zstd.decompress(store.batch([], items=1)).split(b"\n")[0]
    secret = b'{"id": 7, "kind": "Ann Miller", "priority": "4111 1111 1111 1111"}'

    told = store.sent(zstd.compress(head + b"\n" + secret + b"\n"))

    assert "Ann" not in told.why
    assert "4111" not in told.why


def test_a_batch_sealed_before_the_store_was_enrolled_again_is_still_its_own(
    hub: Hub, client: Client, store: StoreEnd, clock: FakeClock
) -> None:
    batch = store.batch([item(1, clock)])
    again = store_at(hub, client)

    assert again.sent(batch).state == "kept"
    assert again.sent(again.batch([item(1, clock)], device=store.device)).state == "kept"
    assert len(kept_items(hub)) == 1


def test_a_store_learns_nothing_of_anothers_batch(
    hub: Hub, client: Client, store: StoreEnd, clock: FakeClock
) -> None:
    other, batch = store_at(hub, client, "0002"), store.batch([item(1, clock)])
    store.sent(batch)

    assert (other.state(batch).state, other.state(batch).have) == ("partial", 0)
    assert other.sent(batch).state == "quarantined"
    assert store.state(batch).state == "kept"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?offset=0",
        "?offset=-1&total=10",
        "?offset=0&total=0",
        f"?offset=0&total={BATCH_BYTES + 1}",
        "?offset=5&total=4",
        "?offset=0&total=2",
        "?offset=zero&total=3",
        "?offset=0&total=99999999999999999999",
        "?offset=%D9%A3&total=9",
    ],
)
def test_a_piece_outside_its_batch_is_refused(
    hub: Hub, client: Client, store: StoreEnd, query: str
) -> None:
    answer = client.put(f"{BATCHES}/{'a' * 64}{query}", content=b"abc", headers=store.headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_piece")


@pytest.mark.parametrize("name", ["A" * 64, "a" * 63, "..%2f..%2fetc%2fpasswd", "a" * 64 + ".part"])
def test_a_batch_has_a_sha256_for_a_name(
    hub: Hub, client: Client, store: StoreEnd, name: str
) -> None:
    answer = client.put(f"{BATCHES}/{name}?offset=0&total=3", content=b"abc", headers=store.headers)

    assert answer.status_code == 404
    assert not hub.pieces.folder.exists() or not list(hub.pieces.folder.rglob("*.part"))


def test_a_piece_larger_than_the_line_allows_is_refused(
    hub: Hub, client: Client, store: StoreEnd
) -> None:
    url = f"{BATCHES}/{'a' * 64}?offset=0&total={BATCH_BYTES}"

    answer = client.put(url, content=bytes(PIECE_BYTES + 1), headers=store.headers)

    assert answer.status_code == 413


def test_batches_on_their_way_are_bounded_for_each_device(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    for number in range(9):
        batch = store.batch([item(number, clock)])
        store.sent(batch, until=5)
        for path in hub.pieces.folder.rglob("*.part"):
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))

    assert len(list(hub.pieces.folder.rglob("*.part"))) == 4
    assert store.state(batch).have == 5


def test_a_batch_of_the_largest_size_goes_through(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    noise = [os.urandom(700_000).hex()[: 2 * 500_000] for _ in range(15)]
    many = [replace(item(n, clock), body={"text": text}) for n, text in enumerate(noise)]
    batch = store.batch(many)
    assert PIECE_BYTES * 10 < len(batch) <= BATCH_BYTES

    told = store.state(batch)
    while told.state == "partial":
        told = store.sent(batch, offset=told.have, until=told.have + PIECE_BYTES)

    assert told.state == "kept"
    assert len(kept_items(hub)) == len(noise)


def test_blobs_of_batches_go_after_a_month_and_what_was_in_them_stays(
    hub: Hub, store: StoreEnd, clock: FakeClock
) -> None:
    store.sent(store.batch([item(1, clock)]))
    clock.advance(31 * 86_400)

    Watch(hub, 0.0).tidy()

    assert list(Path(hub.settings.blobs_place).rglob("*.zst")) == []
    assert len(kept_items(hub)) == 1

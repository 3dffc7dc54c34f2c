from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from sync.hub.unpack import DamagedBatch, read_batch
from sync.wire import BatchHead, BatchItem

AT = datetime(2026, 11, 27, tzinfo=UTC)


def sealed(count: int) -> bytes:
    head = BatchHead(1, "d" * 24, "0001", AT, count)
    items = [BatchItem(f"i{n}", "edge_case", 2, AT, {"masked": "x" * n}) for n in range(count)]
    return zstd.compress(b"\n".join(msgspec.json.encode(line) for line in (head, *items)))


def all_of(packed: list[bytes]) -> list[BatchItem]:
    _, items = read_batch(packed)
    return list(items)


@given(cuts=st.lists(st.integers(0, 2_000), max_size=8))
def test_a_batch_reads_the_same_however_it_is_cut_into_pieces(cuts: list[int]) -> None:
    whole = sealed(40)
    places = sorted({0, len(whole), *(cut % len(whole) for cut in cuts)})
    pieces = [whole[a:b] for a, b in pairwise(places)]

    assert [item.id for item in all_of(pieces)] == [f"i{n}" for n in range(40)]


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7), length=st.integers(0, 10_000))
def test_a_batch_with_a_changed_bit_or_a_cut_tail_is_whole_or_damaged_and_nothing_else(
    at: int, bit: int, length: int
) -> None:
    whole = bytearray(sealed(12))
    whole[at % len(whole)] ^= 1 << bit
    data = bytes(whole[: length % (len(whole) + 1)])

    try:
        found = all_of([data])
    except DamagedBatch:
        return
    assert len(found) == 12


@given(st.binary(max_size=3_000))
def test_bytes_of_any_kind_are_damaged_and_never_a_bug(data: bytes) -> None:
    with pytest.raises(DamagedBatch):
        all_of([data, zstd.compress(data)])


def test_a_bomb_is_found_out_without_being_held() -> None:
    bomb = zstd.compress(b"\n" * 2**29)  # 512 MiB in some kilobytes
    line = zstd.compress(b" " * 2**29)
    tracemalloc.start()

    for packed in (bomb, line):
        with pytest.raises(DamagedBatch):
            all_of([packed])

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


def test_a_frame_that_wants_a_window_of_gigabytes_is_refused() -> None:
    options = {zstd.CompressionParameter.window_log: 30}
    packed = zstd.ZstdCompressor(options=options)
    data = packed.compress(b"x" * 100) + packed.flush()

    with pytest.raises(DamagedBatch):
        all_of([data])


@pytest.mark.parametrize(("deep", "is_taken"), [(30, True), (33, False), (900, False)])
def test_an_item_nested_so_deep_that_its_next_reader_would_fail_is_damaged(
    deep: int, is_taken: bool
) -> None:
    head = msgspec.json.encode(BatchHead(1, "d" * 24, "0001", AT, 1))
    item = msgspec.json.encode(BatchItem("i", "deferred_ask", 2, AT, {"a": 0}))
    nested = item.replace(b'"a":0', b'"a":' + b"[" * deep + b"]" * deep)
    packed = zstd.compress(head + b"\n" + nested)

    if is_taken:
        assert [one.id for one in all_of([packed])] == ["i"]
        return
    with pytest.raises(DamagedBatch, match="nested"):
        all_of([packed])

"""Sealed batches read: zstd of JSON lines, bounded in every direction; opens no file itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec
from backports import zstd

from appliance.errors import BadInput
from sync.wire import BATCH_ITEMS as MOST_ITEMS
from sync.wire import BATCH_LINE_BYTES as MOST_LINE_BYTES
from sync.wire import BATCH_UNPACKED_BYTES as MOST_BYTES
from sync.wire import BatchHead, BatchItem

FORMAT = 1
WINDOW_LOG = 25  # 32 MiB: what a frame may make its reader remember
PIECE_BYTES = 256 * 2**10  # unpacked at a time
LONGEST_ID = 64
# Lists and tables in one another. Readers of JSON give up near a thousand, each at another number:
# what this one took must not stop whoever reads the item later, for all stores.
MOST_DEPTH = 32
T = TypeVar("T")


class DamagedBatch(BadInput):
    """A batch that is cut short, changed, foreign, or no batch at all."""

    code = "damaged_batch"


def read_batch(packed: Iterable[bytes]) -> tuple[BatchHead, Iterator[BatchItem]]:
    """Return a batch's head, and its items as they are read.

    Args:
        packed: The batch's bytes, in pieces.

    Raises:
        DamagedBatch: Also while the items are read: one may come before the damage is found.
    """
    lines = _lines(_unpacked(packed))
    first = next(lines, None)
    if first is None:
        raise DamagedBatch("It is empty.")
    head = _record(first, BatchHead, what="Its head")
    if head.format != FORMAT:
        raise DamagedBatch(f"It has format {head.format}; this hub reads format {FORMAT}.")
    if not 0 <= head.items <= MOST_ITEMS:
        raise DamagedBatch(f"It says it has {head.items:,} items; at most {MOST_ITEMS:,} may be.")
    return head, _items(lines, head.items)


def _items(lines: Iterator[bytes], stated: int) -> Iterator[BatchItem]:
    found = 0
    for line in lines:
        found += 1
        if found > stated:
            raise DamagedBatch(f"It has more than the {stated:,} items it says it has.")
        item = _record(line, BatchItem, what=f"Item {found:,}")
        if not 1 <= len(item.id) <= LONGEST_ID or item.put_at.tzinfo is None:
            raise DamagedBatch(f"Item {found:,} has no id, a long one, or no zone in `put_at`.")
        if line.count(b"[") + line.count(b"{") > MOST_DEPTH and _is_deeper(item.body, MOST_DEPTH):
            raise DamagedBatch(f"Item {found:,} is nested more than {MOST_DEPTH} deep.")
        yield item
    if found != stated:
        raise DamagedBatch(f"It has {found:,} items and says it has {stated:,}.")


def _is_deeper(value: object, most: int) -> bool:
    if not isinstance(value, Mapping | list):
        return False
    inner = value.values() if isinstance(value, Mapping) else value
    return most == 0 or any(_is_deeper(one, most - 1) for one in inner)


def _record(line: bytes, kind: type[T], *, what: str) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        # The type's name alone: a message can hold what was in the item.
        raise DamagedBatch(f"{what} is no {kind.__name__} ({type(exc).__name__}).") from exc


def _unpacked(packed: Iterable[bytes]) -> Iterator[bytes]:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG}
    reader = zstd.ZstdDecompressor(options=options)
    total = 0
    for piece in packed:
        for got in _unpacked_piece(reader, piece):
            total += len(got)
            if total > MOST_BYTES:
                raise DamagedBatch(f"It unpacks to more than {MOST_BYTES:,} bytes.")
            yield got
    if not reader.eof:
        raise DamagedBatch("It is cut short.")


def _unpacked_piece(reader: zstd.ZstdDecompressor, data: bytes) -> Iterator[bytes]:
    """Yield what comes of some packed bytes, so much at a time: a bomb is never held whole."""
    is_done = False
    while not is_done:
        if reader.eof and data:
            raise DamagedBatch("Something follows its end.")
        try:
            yield reader.decompress(data, max_length=PIECE_BYTES)
        except zstd.ZstdError as exc:
            raise DamagedBatch("It does not unpack.") from exc
        data = b""
        is_done = reader.eof or reader.needs_input
    if reader.unused_data:
        raise DamagedBatch("Something follows its end.")


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if len(line) > MOST_LINE_BYTES:
                raise DamagedBatch(f"A line is over {MOST_LINE_BYTES:,} bytes.")
            yield line
        if len(rest) > MOST_LINE_BYTES:
            raise DamagedBatch(f"A line is over {MOST_LINE_BYTES:,} bytes.")
    if rest:
        yield rest

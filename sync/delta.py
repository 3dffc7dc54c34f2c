"""Deltas: a new file told as what an old one lacks, zstd with the old file as prefix.

A delta is a head (lengths and digests of both files) and a frame for each segment of the new file.
A segment's prefix is the old file around the same relative place, so that memory is bounded
whatever the files' size, and a file that grew or shrank still finds itself. Nothing here is
trusted: a delta is a target of the repository, and what comes of it must have the digest that the
release's manifest names.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from backports.zstd import (
    CompressionParameter,
    DecompressionParameter,
    ZstdCompressor,
    ZstdDecompressor,
    ZstdDict,
    ZstdError,
)

from appliance.errors import DamagedRelease
from appliance.files import replaced_file
from appliance.release import file_sha256

MAGIC = b"BACKROOM-DELTA-1"
SEGMENT_BYTES = 16 * 2**20  # of the new file, a frame each
PREFIX_BYTES = 48 * 2**20  # of the old file, at most, that a segment is told from
LEAST_PREFIX_BYTES = 8  # zstd takes none shorter
WINDOW_LOG = 26  # 64 MiB: a segment and its prefix
# A hash table of as many places as the window has: with fewer, all but the last of a prefix is
# forgotten. Without long-distance matching, which takes whole stretches early and misses what lies
# between them: twice the bytes on a rebuilt index.
LEVEL, HASH_LOG = 12, 26
COPY_BYTES = 2**20
AGAIN = "Fetch the part whole."
_HEAD = struct.Struct("<16sQQ32s32s")  # magic, lengths and digests of the old and the new file
_FRAME = struct.Struct("<I")  # bytes of the frame that follows


@dataclass(frozen=True, slots=True)
class DeltaHead:
    """What a delta says it leads from and to; digests are hex sha256, lengths bytes."""

    old_bytes: int
    new_bytes: int
    old_sha256: str
    new_sha256: str


def make_delta(old: Path, new: Path, out: Path) -> int:
    """Write what `new` has that `old` lacks to `out`; return its length in bytes.

    Memory: up to 450 MiB, whatever the files' size; `apply_delta` takes 180.

    Raises:
        BadInput: `out` cannot be written.
        OSError: A file cannot be read.
    """
    head = DeltaHead(old.stat().st_size, new.stat().st_size, file_sha256(old), file_sha256(new))
    with replaced_file(out) as beside, beside.open("wb") as delta:
        delta.write(_packed(head))
        with old.open("rb") as known, new.open("rb") as file:
            for at in range(0, head.new_bytes, SEGMENT_BYTES):
                frame = _told(file.read(SEGMENT_BYTES), _prefix(known, at=at, head=head))
                delta.write(_FRAME.pack(len(frame)))
                delta.write(frame)
    return out.stat().st_size


def read_head(delta: Path) -> DeltaHead:
    """Return a delta's head.

    Raises:
        DamagedRelease: It is no delta.
    """
    with delta.open("rb") as file:
        return _unpacked(file, name=delta.name)


def apply_delta(old: Path, delta: Path, out: Path, *, sha256: str, most_bytes: int) -> int:
    """Write the file a delta leads to; it takes the name `out` once its digest is right.

    Args:
        old: The file that is there.
        delta: What the new one has that it lacks.
        out: The new file; replaced whole, or as it was.
        sha256: Hex digest the new file must have, from a signed manifest.
        most_bytes: Length it may have at most; a delta that says more is not begun.

    Returns:
        The new file's length in bytes.

    Raises:
        DamagedRelease: The delta is cut, altered, of another old file or to another new one.
        BadInput: `out` cannot be written: the disk is full.
        OSError: A file cannot be read.
    """
    with delta.open("rb") as file:
        head = _unpacked(file, name=delta.name)
        _check(head, old, delta.name, sha256=sha256, most_bytes=most_bytes)
        with replaced_file(out) as beside:
            digest = hashlib.sha256()
            with beside.open("wb") as new, old.open("rb") as known:
                for segment in _segments(file, known, head=head, name=delta.name):
                    digest.update(segment)
                    new.write(segment)
            if digest.hexdigest() != sha256:
                raise DamagedRelease(
                    f"{delta.name} led to sha256 {digest.hexdigest()[:12]}…, expected"
                    f" {sha256[:12]}….",
                    hint=AGAIN,
                )
    return head.new_bytes


def _told(segment: bytes, prefix: bytes) -> bytes:
    options: dict[int, int] = {
        CompressionParameter.compression_level: LEVEL,
        CompressionParameter.window_log: WINDOW_LOG,
        CompressionParameter.hash_log: HASH_LOG,
    }
    zstd = ZstdCompressor(options=options, zstd_dict=_as_prefix(prefix))
    return zstd.compress(segment, mode=ZstdCompressor.FLUSH_FRAME)


def _as_prefix(known: bytes) -> tuple[ZstdDict, int] | None:
    return ZstdDict(known, is_raw=True).as_prefix if len(known) >= LEAST_PREFIX_BYTES else None


def _segments(file: BinaryIO, known: BinaryIO, *, head: DeltaHead, name: str) -> Iterator[bytes]:
    """Yield the new file, a segment at a time; each has the length it must have."""
    for at in range(0, head.new_bytes, SEGMENT_BYTES):
        expected = min(SEGMENT_BYTES, head.new_bytes - at)
        yield _segment(_frame(file, name), _prefix(known, at=at, head=head), expected, name)
    if file.read(1):
        raise DamagedRelease(f"{name} goes on after its last segment.", hint=AGAIN)


def _segment(frame: bytes, prefix: bytes, expected: int, name: str) -> bytes:
    zstd = ZstdDecompressor(
        zstd_dict=_as_prefix(prefix),
        options={DecompressionParameter.window_log_max: WINDOW_LOG},
    )
    try:
        # One byte more is asked for than may come: a frame that holds more is seen, not unpacked.
        segment = zstd.decompress(frame, max_length=expected + 1)
    except (ZstdError, MemoryError) as exc:
        raise DamagedRelease(f"{name} does not unpack: {exc}.", hint=AGAIN) from exc
    if len(segment) != expected or not zstd.eof:
        raise DamagedRelease(
            f"{name}: a segment has {len(segment):,} bytes, expected {expected:,}.", hint=AGAIN
        )
    return segment


def _frame(file: BinaryIO, name: str) -> bytes:
    packed = file.read(_FRAME.size)
    # A segment that is like nothing known takes a little more than itself.
    most = SEGMENT_BYTES + 2**17
    length = _FRAME.unpack(packed)[0] if len(packed) == _FRAME.size else 0
    frame = file.read(length) if 0 < length <= most else b""
    if not frame or len(frame) != length:
        raise DamagedRelease(f"{name} is cut short.", hint=AGAIN)
    return frame


def _prefix(known: BinaryIO, *, at: int, head: DeltaHead) -> bytes:
    """Return the part of the old file a segment is told from: around the same relative place."""
    middle = (at + SEGMENT_BYTES / 2) / max(1, head.new_bytes) * head.old_bytes
    start = min(int(middle) - PREFIX_BYTES // 2, head.old_bytes - PREFIX_BYTES)
    known.seek(max(0, start))
    return known.read(PREFIX_BYTES)


def _check(head: DeltaHead, old: Path, name: str, *, sha256: str, most_bytes: int) -> None:
    if head.new_sha256 != sha256:
        raise DamagedRelease(
            f"{name} leads to sha256 {head.new_sha256[:12]}…, wanted {sha256[:12]}….", hint=AGAIN
        )
    if head.new_bytes > most_bytes:
        raise DamagedRelease(
            f"{name} leads to {head.new_bytes:,} bytes, {most_bytes:,} at most are allowed.",
            hint=AGAIN,
        )
    if head.old_bytes != old.stat().st_size or head.old_sha256 != file_sha256(old):
        raise DamagedRelease(f"{name} leads from another {old.name} than this one.", hint=AGAIN)


def _packed(head: DeltaHead) -> bytes:
    digests = (bytes.fromhex(head.old_sha256), bytes.fromhex(head.new_sha256))
    return _HEAD.pack(MAGIC, head.old_bytes, head.new_bytes, *digests)


def _unpacked(file: BinaryIO, *, name: str) -> DeltaHead:
    packed = file.read(_HEAD.size)
    if len(packed) != _HEAD.size or not packed.startswith(MAGIC):
        raise DamagedRelease(f"{name} is no delta: its head is another's.", hint=AGAIN)
    _, old_bytes, new_bytes, old_sha256, new_sha256 = _HEAD.unpack(packed)
    return DeltaHead(old_bytes, new_bytes, old_sha256.hex(), new_sha256.hex())

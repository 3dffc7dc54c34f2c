"""`GET /tuf/…`: the signed repository as static files, for devices only; a path cannot leave it."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler, get
from litestar.params import FromPath
from litestar.response import Stream

from sync.hub.parts import Hub
from sync.hub.problems import refused
from sync.wire import REPOSITORY

CHUNK_BYTES = 256 * 1024
LONGEST_PATH = 512
MOST_ROOT_BYTES = 512_000  # python-tuf's own limit of a root
# What the signed repository holds and nothing else: no dot files, no spaces, no backslash.
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@=-]{0,254}", re.ASCII)
FOLDERS = ("metadata", "targets")
RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)
ROOT = re.compile(r"(\d{1,9})\.root\.json", re.ASCII)


CONDITIONS = ("range", "if-range", "if-none-match")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file: from `first` up to but not including `end`."""

    first: int
    end: int


class Handle:
    """An open file, closed at the latest when nobody holds it: a body may never be begun."""

    def __init__(self, number: int) -> None:
        """Own an open file's number."""
        self.number = number

    def close(self) -> None:
        """Close it; idempotent."""
        if self.number >= 0:
            number, self.number = self.number, -1
            os.close(number)

    __del__ = close


# Status, headers, and the body: its bytes, or an open file and which of its bytes.
Found = tuple[int, dict[str, str], bytes | tuple[Handle, Span]]


def repository_handlers(hub: Hub) -> list[HTTPRouteHandler]:
    """Return the handlers of the repository."""
    folder = hub.settings.repository_folder

    @get(f"{REPOSITORY}/{{path:path}}")
    async def fetch(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[Any] | Stream:
        """Return a file of the repository, or a range of it."""
        await hub.door.device(request)
        return await _answer(folder, path, request)

    return [fetch]


def newest_root(folder: Path) -> str:
    """Return the JSON text of the repository's newest root, which a store trusts from enrolment.

    Raises:
        Refused: 503, there is no repository yet.
    """
    found = [
        (int(match[1]), path)
        for path in (folder / "metadata").glob("*.root.json")
        if (match := ROOT.fullmatch(path.name))
    ]
    if not found:
        detail = "Headquarters has no signed repository yet; the code still holds."
        raise refused(503, "no_repository", detail, "Make one there: backroom release", wait_s=60)
    with max(found)[1].open("rb") as file:
        return file.read(MOST_ROOT_BYTES).decode("utf-8")


def place_of(folder: Path, path: str) -> Path | None:
    """Return the file a path names, or None when it names none that may be served."""
    parts = path.removeprefix("/").split("/")
    if len(path) > LONGEST_PATH or len(parts) < 2 or parts[0] not in FOLDERS:
        return None
    if not all(PART.fullmatch(part) for part in parts):
        return None
    place = folder.joinpath(*parts)
    # A link that leads out of the repository is none of it, whoever made it.
    return place if place.resolve().is_relative_to(folder.resolve()) else None


def span_of(header: str, size: int) -> Span | None:
    """Return the one span that a Range header asks for; None for the whole file.

    Raises:
        Refused: 416, it lies outside the file.
    """
    match = RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None  # several ranges, another unit: RFC 9110 lets a server pass them over
    if match[1] == "":
        first, end = max(0, size - int(match[2])), size
    else:
        first, end = int(match[1]), min(size, int(match[2] or size) + 1)
    if first >= end:
        raise refused(416, "range_not_satisfiable", f"The file has {size:,} bytes.")
    return Span(first, end)


async def _answer(
    folder: Path, path: str, request: Request[Any, Any, Any]
) -> Response[Any] | Stream:
    asked = {name: request.headers[name] for name in CONDITIONS if name in request.headers}
    found = await asyncio.to_thread(_look, folder, path, asked)
    if found is None:
        raise refused(404, "not_found", "There is no such file in the repository.")
    status, headers, body = found
    kind = "application/json" if path.endswith(".json") else "application/octet-stream"
    if isinstance(body, bytes):
        return Response(body, status_code=status, headers=headers, media_type=kind)
    return Stream(_chunks(*body), status_code=status, headers=headers, media_type=kind)


def _look(folder: Path, path: str, asked: Mapping[str, str]) -> Found | None:
    """Return an answer's status, headers, and its bytes or whence they are read; None: no file.

    Raises:
        Refused: 416, the range lies outside the file.
    """
    opened = _open(place_of(folder, path))
    if opened is None:
        return None
    handle, size, changed_ns = opened
    is_kept = False
    try:
        tag = f'"{size:x}-{changed_ns:x}"'
        headers = {"etag": tag, "accept-ranges": "bytes", "cache-control": "no-cache"}
        if tag in asked.get("if-none-match", ""):
            return 304, headers, b""
        # A file that changed since its first half was sent starts again from the beginning.
        is_same = asked.get("if-range", tag) == tag
        span = span_of(asked.get("range", ""), size) if is_same else None
        if span:
            headers["content-range"] = f"bytes {span.first}-{span.end - 1}/{size}"
        status, whole = (206, span) if span else (200, Span(0, size))
        length = whole.end - whole.first
        if length <= CHUNK_BYTES:  # metadata, mostly: read at once, in the thread we are in
            return status, headers, os.pread(handle, length, whole.first)
        is_kept = True
        return status, {**headers, "content-length": str(length)}, (Handle(handle), whole)
    finally:
        if not is_kept:
            os.close(handle)


def _open(place: Path | None) -> tuple[int, int, int] | None:
    """Return a file's handle, length and time of change; None if it is no file."""
    if place is None:
        return None
    try:
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        return None
    return handle, found.st_size, found.st_mtime_ns


async def _chunks(handle: Handle, span: Span) -> AsyncIterator[bytes]:
    """Yield a span's bytes; a file cut short under us ends early, which its reader notices."""
    try:
        at = span.first
        while at < span.end:
            wanted = min(CHUNK_BYTES, span.end - at)
            chunk = await asyncio.to_thread(os.pread, handle.number, wanted, at)
            if not chunk:
                return
            at += len(chunk)
            yield chunk
    finally:
        handle.close()

"""Batches on their way in: a file each, to which pieces are added, each durable before it counts.

How much there is of one is the file's own length, so that a hub that was killed knows it too.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from appliance.files import sync_folder
from sync.hub.errors import LedgerError, LedgerFull

MOST_OF_ONE_DEVICE = 4  # batches on their way; the oldest makes room for another
READ_BYTES = 256 * 2**10
FULL = {28, 122}  # ENOSPC, EDQUOT


@dataclass(frozen=True, slots=True)
class Pieces:
    """Files in one folder, which belongs to this hub alone; the same for all of its workers."""

    folder: Path

    def held(self, device: str, sha256: str) -> tuple[int, int]:
        """Return how many bytes there are of a batch, and of how many; zeros for none."""
        for path in self._files(device, sha256):
            with suppress(FileNotFoundError):  # another worker has just finished it
                return path.stat().st_size, _total(path)
        return 0, 0

    def add(self, device: str, sha256: str, piece: bytes, *, offset: int, total: int) -> int:
        """Add a piece; return how many bytes there are now, all durable.

        A piece that leaves a gap adds nothing, one that is there already is written over: what the
        return value says is where the sender goes on.

        Raises:
            LedgerError: It could not be written.
        """
        with _told():
            path = self._path(device, sha256, total)
            if not path.exists():
                self._make_room(path)
            with _locked(path) as handle:
                size = os.fstat(handle).st_size
                if offset > size:
                    return size
                _write_at(handle, piece, offset)
                os.fsync(handle)
                if not size:
                    sync_folder(path.parent)
                return max(size, offset + len(piece))

    def digest(self, device: str, sha256: str, total: int) -> str:
        """Return the sha256 of what there is of a batch.

        Raises:
            LedgerError: It is gone, or cannot be read.
        """
        with _told(), self._path(device, sha256, total).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    def read(self, device: str, sha256: str, total: int) -> Iterator[bytes]:
        """Yield a batch's bytes.

        Raises:
            LedgerError: It is gone, or cannot be read.
        """
        with _told(), self._path(device, sha256, total).open("rb") as file:
            while chunk := file.read(READ_BYTES):
                yield chunk

    def drop(self, device: str, sha256: str) -> None:
        """Forget a batch; idempotent."""
        for path in (self.folder / device).glob(f"{sha256}.*"):
            with suppress(FileNotFoundError):
                path.unlink()

    def spoil(self, device: str, sha256: str) -> int:
        """Forget a batch that is not what it is named for; return how often it was so."""
        with _told():
            for path in self._files(device, sha256):
                path.unlink(missing_ok=True)
            times = len(list((self.folder / device).glob(f"{sha256}.*.bad"))) + 1
            (self.folder / device / f"{sha256}.{times}.bad").touch(mode=0o600)
        return times

    def forget_old(self, *, before: float) -> int:
        """Forget batches to which nothing was added since an instant (seconds since 1970)."""
        gone = 0
        for path in self.folder.glob("*/*.*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()
                    gone += 1
        return gone

    def _path(self, device: str, sha256: str, total: int) -> Path:
        return self.folder / device / f"{sha256}.{total}.part"

    def _files(self, device: str, sha256: str) -> list[Path]:
        return sorted((self.folder / device).glob(f"{sha256}.*.part"))

    def _make_room(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = sorted(path.parent.glob("*.part"), key=lambda p: p.stat().st_mtime)
        for other in others:
            if other.name.startswith(path.name.partition(".")[0]):
                other.unlink(missing_ok=True)  # the same batch, said to have another length
        for other in others[: max(0, len(others) - MOST_OF_ONE_DEVICE + 1)]:
            other.unlink(missing_ok=True)


def _total(path: Path) -> int:
    return int(path.name.split(".")[1])


def _write_at(handle: int, piece: bytes, offset: int) -> None:
    view, done = memoryview(piece), 0
    while done < len(view):
        done += os.pwrite(handle, view[done:], offset + done)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Give a file that no other worker adds to meanwhile."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in FULL:
            raise LedgerFull(
                "The disk under the hub's batches is full.", hint="Free some: df -h"
            ) from exc
        raise LedgerError(f"A batch's file: {exc.strerror}.", hint="Is the home yours?") from exc

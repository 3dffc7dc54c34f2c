"""One target into one file: resumed where it stopped, never longer than signed, true or gone."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from appliance.files import sync_folder
from appliance.release import file_sha256
from sync.errors import CannotWrite, FetchFailed, Untrusted
from sync.fetch.wire import BEYOND, Stream, Wire

FINAL = frozenset({400, 403, 404, 405, 410, 451})  # 401: a token may have run out meanwhile


@dataclass(frozen=True, slots=True)
class Wanted:
    """A target as signed metadata names it."""

    url: str
    sha256: str
    length: int


class Download:
    """Brings targets over one wire."""

    def __init__(
        self,
        wire: Wire,
        *,
        sleep: Callable[[float], None],
        came: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Use a wire.

        Args:
            wire: Where from.
            sleep: Between two tries.
            came: Hears the length of each chunk that came.
        """
        self._wire = wire
        self._sleep = sleep
        self._came = came

    def __call__(self, wanted: Wanted, path: Path, *, partial: Path) -> int:
        """Bring a target to `path`; it takes that name, durably, once its digest is right.

        Args:
            wanted: What it must be.
            path: The file.
            partial: Where it grows; what a cut leaves is gone on from, also after a restart.

        Returns:
            Bytes that came over the line.

        Raises:
            Untrusted: The other side sends more than was signed, or other bytes.
            FetchFailed: The line failed `tries` times in a row without a byte; what came is kept.
            CannotWrite: This disk is full or refuses; what came is kept.
        """
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            return self._true(wanted, path, partial)
        except Untrusted:
            partial.unlink(missing_ok=True)  # nothing of it is worth going on from
            raise
        except OSError as exc:
            raise CannotWrite(
                f"{path} cannot be written: {exc.strerror or exc}.",
                hint=f"Make room; it goes on by itself. Check: df -h {path.parent}",
            ) from exc

    def _true(self, wanted: Wanted, path: Path, partial: Path) -> int:
        # Twice: what lay there from before may be what is wrong, and only the second is all new.
        was_resumed = _length(partial) > 0
        total = self._whole(wanted, partial)
        is_true = file_sha256(partial) == wanted.sha256
        if not is_true and was_resumed:
            partial.unlink()
            total += self._whole(wanted, partial)
            is_true = file_sha256(partial) == wanted.sha256
        if not is_true:
            raise Untrusted(
                f"{wanted.url} is not the file that was signed: its sha256 is not"
                f" {wanted.sha256[:12]}….",
                hint="The repository or the line alters files. Nothing was installed.",
            )
        partial.replace(path)
        sync_folder(path.parent)
        return total

    def _whole(self, wanted: Wanted, partial: Path) -> int:
        """Add to `partial` until it has its length; return what came."""
        limits = self._wire.limits
        total, in_vain = 0, 0
        for _ in range(limits.most_tries):
            before = _length(partial)
            if before == wanted.length and partial.exists():
                return total
            try:
                total += self._more(wanted, partial)
            except FetchFailed as exc:
                is_further = _length(partial) > before
                in_vain = 0 if is_further else in_vain + 1
                if is_final(exc) or in_vain >= limits.tries:
                    raise
                self._sleep(min(limits.pause_s * 2 ** max(0, in_vain - 1), limits.most_pause_s))
        raise FetchFailed(f"{wanted.url}: {limits.most_tries:,} tries did not bring the whole.")

    def _more(self, wanted: Wanted, partial: Path) -> int:
        """Ask for what is missing and append it, durably; return what came.

        Raises:
            FetchFailed: It was cut before its end.
            Untrusted: It goes on after its end.
        """
        have = min(_length(partial), wanted.length)
        with partial.open("ab") as file:
            file.truncate(have)
            try:
                with self._wire.open(wanted.url, offset=have) as stream:
                    file.truncate(stream.offset)  # 0 where ranges are not known: all comes again
                    came = self._append(wanted, file, stream)
            except FetchFailed as exc:
                if exc.status == BEYOND:
                    file.truncate(0)
                raise
            finally:
                file.flush()
                os.fsync(file.fileno())
            if stream.offset + came < wanted.length:
                raise FetchFailed(
                    f"{wanted.url} ended after {stream.offset + came:,} of {wanted.length:,} bytes."
                )
        return came

    def _append(self, wanted: Wanted, file: BinaryIO, stream: Stream) -> int:
        came = 0
        for chunk in stream.chunks:
            came += len(chunk)
            if stream.offset + came > wanted.length:
                raise Untrusted(
                    f"{wanted.url} goes on after {wanted.length:,} bytes, its signed length.",
                    hint="The repository or the line alters files. Nothing was installed.",
                )
            file.write(chunk)
            self._came(len(chunk))
        return came


def is_final(exc: FetchFailed) -> bool:
    """Tell whether asking again is of no use: the other side answered, and refused for good."""
    return exc.status in FINAL


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0

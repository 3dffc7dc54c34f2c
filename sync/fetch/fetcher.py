"""python-tuf's client over our wire: bounded, durable, on the clock it is given."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from tuf.api import exceptions
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from appliance.files import sync_folder
from sync.errors import FetchFailed, SlowRetrieval
from sync.fetch.limits import FetchLimits
from sync.fetch.wire import Wire

Sleep = Callable[[float], None]


class LineFetcher(FetcherInterface):
    """Metadata over a wire, each file under its cap, each fault in python-tuf's words."""

    def __init__(self, wire: Wire, sleep: Sleep) -> None:
        """Read over `wire`; `sleep` between two tries."""
        self._wire = wire
        self._sleep = sleep

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Return a file of at most `max_length` bytes.

        Raises:
            DownloadHTTPError: The other side answered and refused.
            DownloadLengthMismatchError: The file goes on after `max_length`.
            DownloadError: The wire failed at every try.
        """
        limits = self._wire.limits
        for attempt in range(limits.tries):
            try:
                content, is_longer = self._wire.read(url, max_length)
            except FetchFailed as exc:
                if exc.status or isinstance(exc, SlowRetrieval) or attempt + 1 == limits.tries:
                    raise _told(exc) from exc
                self._sleep(min(limits.pause_s * 2**attempt, limits.most_pause_s))
                continue
            if is_longer:
                raise exceptions.DownloadLengthMismatchError(
                    f"{url} goes on after {max_length:,} bytes, the most it may have"
                )
            return content
        raise exceptions.DownloadError(f"{url}: no try was allowed")

    def _fetch(self, url: str) -> Iterator[bytes]:
        """Yield a file's bytes; only `download_bytes` is used by this client."""
        try:
            with self._wire.open(url) as stream:
                yield from stream.chunks
        except FetchFailed as exc:
            raise _told(exc) from exc


class DurableUpdater(Updater):
    """python-tuf's client with an fsync before each rename, judging expiry by a given instant.

    Without the fsync a power cut can leave an empty timestamp.json; the next refresh would take
    that for a first one and forget which versions it has seen: rollback protection gone. Both
    overrides reach into python-tuf's private half, which `tuf>=7.0.1,<8` pins; the tests of
    this file fail when they stop being called.
    """

    def __init__(
        self,
        folder: Path,
        *,
        metadata_url: str,
        fetcher: FetcherInterface,
        limits: FetchLimits,
        root: bytes | None,
        now: datetime | None = None,
    ) -> None:
        """Load the first trusted root; later ones come from `folder` and the repository.

        Args:
            folder: Of trusted metadata; made by the caller.
            metadata_url: Of the repository's metadata.
            fetcher: How it is read.
            limits: Of sizes.
            root: File of the first trusted root; None: the one in `folder`.
            now: The instant to judge expiry at; None: this machine's clock.

        Raises:
            RepositoryError: The root does not verify.
            OSError: `folder` cannot be written.
        """
        super().__init__(
            str(folder),
            metadata_url,
            fetcher=fetcher,
            config=UpdaterConfig(
                max_root_rotations=limits.root_rotations,
                max_delegations=limits.delegations,
                root_max_length=limits.root_bytes,
                timestamp_max_length=limits.timestamp_bytes,
                snapshot_max_length=limits.snapshot_bytes,
                targets_max_length=limits.targets_bytes,
            ),
            bootstrap=root,
        )
        if now is not None:
            self._trusted_set.reference_time = now

    def is_hash_prefixed(self) -> bool:
        """Tell whether target files carry their digest before their name."""
        return bool(self._trusted_set.root.consistent_snapshot)

    def _persist_file(self, filename: str, data: bytes) -> None:
        path = Path(filename)
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def _told(exc: FetchFailed) -> exceptions.DownloadError:
    if exc.status:
        return exceptions.DownloadHTTPError(exc.message, exc.status)
    if isinstance(exc, SlowRetrieval):
        return exceptions.SlowRetrievalError(exc.message)
    return exceptions.DownloadError(exc.message)

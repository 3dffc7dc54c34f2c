"""Where kept batches' bytes stay: a folder of the hub's, or an S3-compatible store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from appliance.errors import BadInput
from appliance.files import sync_folder
from sync.hub.errors import LedgerError, LedgerFull

if TYPE_CHECKING:
    from obstore.store import ObjectStore

FULL = {28, 122}  # ENOSPC, EDQUOT


class Blobs(Protocol):
    """Bytes by name. A name is written once; writing it again changes nothing."""

    def put(self, name: str, chunks: Iterable[bytes]) -> None:
        """Keep bytes; they are durable when this returns.

        Raises:
            LedgerError: They could not be written.
        """
        ...

    def get(self, name: str) -> bytes:
        """Return what was kept.

        Raises:
            LedgerError: It is gone, or cannot be read.
        """
        ...

    def drop(self, name: str) -> None:
        """Forget what was kept; idempotent."""
        ...


def open_blobs(place: str) -> Blobs:
    """Return the blobs of a place: a folder, or a URL such as `s3://bucket/prefix`.

    Raises:
        BadInput: The URL cannot be used.
    """
    scheme, separator, _ = place.partition("://")
    if not separator:
        return FolderBlobs(Path(place).expanduser())
    from obstore.exceptions import BaseError  # noqa: PLC0415 - only where it is asked for
    from obstore.store import from_url  # noqa: PLC0415

    try:
        return ObjectBlobs(from_url(place))
    except (BaseError, ValueError) as exc:
        raise BadInput(
            f"blobs: a {scheme} URL that cannot be used: {type(exc).__name__}.",
            hint="s3://bucket/prefix; its keys come from the environment (AWS_…).",
        ) from exc


@dataclass(frozen=True, slots=True)
class FolderBlobs:
    """`Blobs` in a folder."""

    folder: Path

    def put(self, name: str, chunks: Iterable[bytes]) -> None:
        """Keep bytes: a temporary file, fsync, rename, fsync of the folder."""
        path = self.folder / name
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with beside.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            sync_folder(path.parent)
        except OSError as exc:
            raise _told(exc) from exc
        finally:
            with suppress(OSError):
                beside.unlink()

    def get(self, name: str) -> bytes:
        """Return what was kept."""
        try:
            return (self.folder / name).read_bytes()
        except OSError as exc:
            raise _told(exc) from exc

    def drop(self, name: str) -> None:
        """Forget what was kept."""
        with suppress(OSError):
            (self.folder / name).unlink()

    def free_bytes(self) -> int:
        """Return how much room there is."""
        return shutil.disk_usage(self.folder).free


@dataclass(frozen=True, slots=True)
class ObjectBlobs:
    """`Blobs` in an S3-compatible store; what it acknowledges it keeps."""

    store: ObjectStore

    def put(self, name: str, chunks: Iterable[bytes]) -> None:
        """Keep bytes."""
        import obstore  # noqa: PLC0415

        self._try(lambda: obstore.put(self.store, name, b"".join(chunks)))

    def get(self, name: str) -> bytes:
        """Return what was kept."""
        import obstore  # noqa: PLC0415

        found: list[bytes] = []
        self._try(lambda: found.append(bytes(obstore.get(self.store, name).bytes())))
        return found[0]

    def drop(self, name: str) -> None:
        """Forget what was kept."""
        import obstore  # noqa: PLC0415

        with suppress(LedgerError):
            self._try(lambda: obstore.delete(self.store, name))

    def _try(self, work: Callable[[], object]) -> None:
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            work()
        except (BaseError, OSError) as exc:
            # Without its message: a request's URL and headers can stand in it.
            raise LedgerError(
                f"The blobs' store failed: {type(exc).__name__}.", hint="Is it up?"
            ) from exc


def _told(exc: OSError) -> LedgerError:
    if exc.errno in FULL:
        return LedgerFull("The disk under the hub's blobs is full.", hint="Free some: df -h")
    return LedgerError(f"A blob's file: {exc.strerror}.", hint="Is the folder the hub's?")

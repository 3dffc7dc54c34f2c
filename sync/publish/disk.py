"""A repository on disk: read through its timestamp, written so that a kill leaves the old one."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from appliance.errors import BadInput
from appliance.files import replaced_file
from appliance.release import file_sha256
from sync.errors import BadRepository
from sync.trust.paths import stored_name
from sync.trust.roles import ROOT, SNAPSHOT, TIMESTAMP

METADATA = "metadata"
FILES = "targets"
STAGED = "staged"
LOCK = ".lock"
LOCK_WAIT_S = 30.0
LOCK_POLL_S = 0.05
COPY_BYTES = 1 << 20
MOST_METADATA_BYTES = 5_000_000  # of one file; as python-tuf's client takes
AGAIN = "Restore the repository from its last copy, or begin one: backroom release init"


@dataclass(frozen=True, slots=True)
class View:
    """What a client sees: the state that the timestamp names. Metadata in it is not changed."""

    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    roles: Mapping[str, Metadata[Targets]]  # targets and every delegated role

    def versions(self) -> dict[str, int]:
        """Return every role's version."""
        return {
            ROOT: self.root.signed.version,
            TIMESTAMP: self.timestamp.signed.version,
            SNAPSHOT: self.snapshot.signed.version,
            **{name: md.signed.version for name, md in self.roles.items()},
        }


class RepositoryDisk:
    """`metadata/`, `targets/` and `staged/` of one repository."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder."""
        self.folder = folder
        self.metadata = folder / METADATA
        self.files = folder / FILES
        self.staged = folder / STAGED

    @contextmanager
    def locked(self, *, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
        """Let one writer in at a time, whichever process it is.

        Raises:
            BadRepository: Another one is still writing after `wait_s`, or there is no folder.
        """
        try:
            handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as exc:
            raise BadRepository(
                f"No repository in {self.folder}: {exc.strerror or exc}.",
                hint=f"Run: backroom release init {self.folder}",
            ) from exc
        try:
            until = time.monotonic() + wait_s
            while not _took(handle):
                if time.monotonic() >= until:
                    raise BadRepository(
                        f"{self.folder} is being written by another command after {wait_s:.0f} s."
                    )
                time.sleep(LOCK_POLL_S)
            yield
        finally:
            os.close(handle)

    def view(self) -> View:
        """Return the state that the timestamp names.

        Raises:
            BadRepository: A file is missing, does not parse or is not what names it.
        """
        root = self.root()
        with reading(self.folder):
            timestamp = Metadata[Timestamp].from_bytes(self._bytes(f"{TIMESTAMP}.json"))
            version = timestamp.signed.snapshot_meta.version
            snapshot = Metadata[Snapshot].from_bytes(self._bytes(f"{version}.{SNAPSHOT}.json"))
            roles = {
                name.removesuffix(".json"): Metadata[Targets].from_bytes(
                    self._bytes(f"{meta.version}.{name}")
                )
                for name, meta in snapshot.signed.meta.items()
            }
        return View(root, timestamp, snapshot, roles)

    def root(self) -> Metadata[Root]:
        """Return the newest root.

        Raises:
            BadRepository: There is none.
        """
        newest = max(self.root_versions(), default=0)
        if not newest:
            raise BadRepository(
                f"No repository in {self.folder}: {METADATA}/1.root.json is missing.",
                hint=f"Run: backroom release init {self.folder}",
            )
        with reading(self.folder):
            return Metadata[Root].from_bytes(self._bytes(f"{newest}.{ROOT}.json"))

    def root_versions(self) -> tuple[int, ...]:
        """Return the versions of root that are here, without a gap, from 1."""
        version = 0
        while (self.metadata / f"{version + 1}.{ROOT}.json").is_file():
            version += 1
        return tuple(range(1, version + 1))

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write metadata files in the order given, each whole; what the last names is then true."""
        for name, content in files.items():
            write_whole(self.metadata / name, content)

    def staged_roles(self) -> dict[str, bytes]:
        """Return what was signed and not yet published: role -> file."""
        if not self.staged.is_dir():
            return {}
        paths = sorted(self.staged.glob("*.json"))
        return {path.stem: read_whole(path) for path in paths}

    def stage(self, role: str, content: bytes) -> None:
        """Keep a signed role for the next publish."""
        write_whole(self.staged / f"{role}.json", content)

    def unstage(self) -> None:
        """Forget what was staged."""
        for path in sorted(self.staged.glob("*.json")) if self.staged.is_dir() else ():
            path.unlink(missing_ok=True)

    def file(self, target: str, sha256: str) -> Path:
        """Return where a target's file lies."""
        return self.files / stored_name(target, sha256)

    def put_bytes(self, target: str, content: bytes) -> str:
        """Keep a small target; return its sha256."""
        digest = hashlib.sha256(content).hexdigest()
        write_whole(self.file(target, digest), content)
        return digest

    def put_file(self, target: str, source: Path, *, sha256: str, length: int) -> int:
        """Keep a target's file, checked as it is copied; return the bytes that were written.

        Raises:
            BadRepository: The source changed since it was checked, or the disk refuses.
        """
        path = self.file(target, sha256)
        # Hashed, for what a disk or a stranger has altered since is mended by signing again.
        if path.is_file() and path.stat().st_size == length and file_sha256(path) == sha256:
            os.utime(path)  # young again: `sweep` may not take what is about to be named
            return 0
        with _writing(path) as beside:
            if copied_sha256(source, beside) != sha256:
                raise BadRepository(f"{source} changed while it was signed.", hint="Sign it again.")
        return length

    def _bytes(self, name: str) -> bytes:
        return read_whole(self.metadata / name)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Translate what python-tuf says of a damaged repository.

    Raises:
        BadRepository: Instead of it.
    """
    try:
        yield
    except (DeserializationError, RepositoryError) as exc:
        raise BadRepository(f"The repository {folder} is damaged: {exc}.", hint=AGAIN) from exc


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file whole and durably.

    Raises:
        BadRepository: The disk is full or refuses; the path is as it was.
    """
    with _writing(path) as beside:
        beside.write_bytes(content)


def copied_sha256(source: Path, out: Path) -> str:
    """Copy a file; return the sha256 of what was copied.

    Raises:
        OSError: One of the two cannot be read or written.
    """
    digest = hashlib.sha256()
    with source.open("rb") as old, out.open("wb") as new:
        while chunk := old.read(COPY_BYTES):
            digest.update(chunk)
            new.write(chunk)
    return digest.hexdigest()


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    try:
        with replaced_file(path) as beside:
            yield beside
    except BadInput as exc:
        raise BadRepository(
            exc.message, hint=f"The repository is as it was. Check: df -h {path.parent}"
        ) from exc


def read_whole(path: Path) -> bytes:
    """Return a small file's content.

    Raises:
        BadRepository: It is missing, cannot be read, or is too long.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_METADATA_BYTES + 1)
    except OSError as exc:
        raise BadRepository(f"{path} cannot be read: {exc.strerror or exc}.", hint=AGAIN) from exc
    if len(content) > MOST_METADATA_BYTES:
        raise BadRepository(f"{path} is longer than {MOST_METADATA_BYTES:,} bytes.")
    return content


def _took(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""One record of files that were verified, so that nobody hashes gigabytes again to believe them.

It believes a file whose size, time, inode and path are as they were when its digest was right. That
guards against damage, cut copies and mistakes; not against who can write into the folder and set a
file's time back: such a person can replace the program too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from appliance.codec import from_plain, to_plain
from appliance.errors import BadInput
from appliance.files import replaced
from appliance.release import Manifest, check_part, file_sha256, read_manifest
from sync.errors import CannotWrite

RECORD = "verified.json"
MOST_RECORD_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was when its digest was computed."""

    bytes: int
    mtime_ns: int
    inode: int
    sha256: str


class VerifiedFiles:
    """`verified.json` of one release folder: path inside it -> how the file was."""

    def __init__(self, folder: Path) -> None:
        """Read the record; one that is missing or damaged knows nothing."""
        self.folder = folder
        self._seen = _read(folder / RECORD)

    def is_known(self, name: str, sha256: str) -> bool:
        """Tell whether a file is untouched since its digest was found to be `sha256`."""
        seen = self._seen.get(name)
        return seen is not None and seen.sha256 == sha256 and seen == _seen_of(self._at(name), seen)

    def holds(self, name: str, sha256: str, *, length: int) -> bool:
        """Tell whether a file has a digest: by the record, else by hashing it once."""
        if self.is_known(name, sha256):
            return True
        path = self._at(name)
        try:
            if path.stat().st_size != length or file_sha256(path) != sha256:
                return False
        except OSError:
            return False
        self.note(name, sha256)
        return True

    def note(self, name: str, sha256: str) -> None:
        """Remember a file whose digest was just found right; `save` makes it last."""
        stat = self._at(name).stat()
        self._seen[name] = Seen(stat.st_size, stat.st_mtime_ns, stat.st_ino, sha256)

    def save(self) -> None:
        """Write the record, durably.

        Raises:
            CannotWrite: The disk is full or refuses.
        """
        try:
            with replaced(self.folder / RECORD) as file:
                json.dump({"files": to_plain(self._seen)}, file, indent=1, sort_keys=True)
        except BadInput as exc:
            raise CannotWrite(exc.message, hint=exc.hint) from exc

    def _at(self, name: str) -> Path:
        return self.folder / name


def check_release(folder: Path) -> Manifest:
    """Return a release's manifest if it is whole; hash only what the record cannot vouch for.

    Raises:
        DamagedRelease: The manifest or a part is missing, cut short or altered.
    """
    manifest = read_manifest(folder)
    record = VerifiedFiles(folder)
    for name, part in manifest.parts.items():
        if not record.is_known(name, part.sha256):
            check_part(folder / name, part, release=manifest.id)
    return manifest


def _seen_of(path: Path, seen: Seen) -> Seen | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return Seen(stat.st_size, stat.st_mtime_ns, stat.st_ino, seen.sha256)


def _read(path: Path) -> dict[str, Seen]:
    try:
        with path.open("rb") as file:
            plain = json.loads(file.read(MOST_RECORD_BYTES))
        return {str(name): from_plain(one, Seen) for name, one in plain["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, BadInput):
        return {}  # it only saves time: without it everything is hashed

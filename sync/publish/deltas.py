"""Deltas of a release's parts from the releases stores hold, as targets of the repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tuf.api.metadata import TargetFile

from appliance.release import Manifest, check_parts, file_sha256
from sync.delta import make_delta
from sync.publish.disk import RepositoryDisk
from sync.publish.signing import target_of
from sync.trust.paths import collection_of, delta_target

LEAST_BYTES = 64 * 1024  # a smaller part travels whole
MOST_SHARE = 0.6  # of the part; above it the part itself is as quick

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Delta:
    """What turns one part of a release into another's."""

    part: str
    old: str  # sha256
    new: str  # sha256
    target: TargetFile

    def plain(self) -> dict[str, Any]:
        """Return how the release's custom field tells it."""
        return {"from": self.old, "target": self.target.path, "bytes": self.target.length}


def deltas_from(
    disk: RepositoryDisk,
    folder: Path,
    manifest: Manifest,
    *,
    previous: Sequence[Path],
    known: Mapping[str, TargetFile],
    told: Told,
) -> tuple[Delta, ...]:
    """Make, keep and return the deltas worth having from each release in `previous`.

    Args:
        disk: Where they are kept; a file that no role names is harmless.
        folder: Of the new release.
        manifest: Its manifest.
        previous: Folders of older releases; each is checked whole.
        known: Targets that are signed or staged already: their deltas are not made again.
        told: Hears what is made.

    Raises:
        DamagedRelease: One of the older releases is not what its manifest says.
        BadRepository: The repository's disk refuses.
    """
    found = []
    with TemporaryDirectory(prefix="backroom-delta-") as scratch:
        for old in previous:
            older = check_parts(old)
            for part in _changed(manifest, older):
                delta = _delta(
                    disk,
                    Path(scratch),
                    (old / part, folder / part),
                    part=part,
                    digests=(older.parts[part].sha256, manifest.parts[part].sha256),
                    known=known,
                    told=told,
                )
                if delta is not None:
                    found.append(delta)
    return tuple(found)


def by_new(deltas: Sequence[Delta]) -> dict[str, list[dict[str, Any]]]:
    """Return the custom field `deltas` of a release: digest of the new file -> ways to it."""
    told: dict[str, list[dict[str, Any]]] = {}
    for delta in deltas:
        ways = told.setdefault(delta.new, [])
        if delta.plain() not in ways:
            ways.append(delta.plain())
    return told


def _changed(manifest: Manifest, older: Manifest) -> list[str]:
    held = {part.sha256 for part in older.parts.values()}
    return [
        name
        for name, part in manifest.parts.items()
        if name in older.parts and part.sha256 not in held and part.bytes >= LEAST_BYTES
    ]


def _delta(
    disk: RepositoryDisk,
    scratch: Path,
    files: tuple[Path, Path],
    *,
    part: str,
    digests: tuple[str, str],
    known: Mapping[str, TargetFile],
    told: Told,
) -> Delta | None:
    old, new = digests
    path = delta_target(part, new=new, old=old)
    if path in known:
        return Delta(part, old, new, known[path])
    told(f"delta of {part}")
    made = scratch / f"{collection_of(part)}.zst"
    length = make_delta(*files, made)
    if length > MOST_SHARE * files[1].stat().st_size:
        return None
    digest = file_sha256(made)
    disk.put_file(path, made, sha256=digest, length=length)
    return Delta(part, old, new, target_of(path, sha256=digest, length=length))

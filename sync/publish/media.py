"""A copy of the repository for a stick: metadata, and the files of one release."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from appliance.codec import from_plain
from appliance.files import sync_folder
from appliance.release import Manifest, file_sha256
from sync.errors import BadRepository
from sync.publish.disk import FILES, METADATA, RepositoryDisk
from sync.publish.published import PublishedState
from sync.trust.paths import part_target, release_target
from sync.trust.roles import CONTENT, RELEASES, RINGS, ROOT, TIMESTAMP


@dataclass(frozen=True, slots=True)
class Media:
    """What lies on the stick."""

    release: str
    files: int
    bytes: int


def copy_media(state: PublishedState, out: Path, *, release: str) -> Media:
    """Copy the metadata and one release's files to `out`, the timestamp last.

    The copy is a repository like any other: `agent install DIR` verifies it as it would the line,
    the ring's pointer included. Deltas stay behind, for a full copy costs a stick nothing. It
    installs for as long as its timestamp lives (`PublishedState.timestamp(days=…)` before).

    Args:
        state: The repository.
        out: A folder; what is on it and true is not copied again.
        release: Whose files.

    Raises:
        NotPublished: No such release.
        BadRepository: A file is missing here or damaged, or the stick is full.
    """
    view = state.view()
    manifest = from_plain(state.plain(view, RELEASES, release_target(release)), Manifest)
    wanted = {part_target(name, part.sha256) for name, part in manifest.parts.items()}
    targets = [
        target
        for role in (*CONTENT, RELEASES, RINGS)
        for path, target in view.roles[role].signed.targets.items()
        if path in wanted or path == release_target(release) or role == RINGS or "/back/" in path
    ]
    stick = RepositoryDisk(out)
    copied = 0
    for target in targets:
        digest = target.hashes["sha256"]
        source = state.disk.file(target.path, digest)
        there = stick.file(target.path, digest)
        if not _is_there(there, digest, target.length):
            there.unlink(missing_ok=True)
            stick.put_file(target.path, source, sha256=digest, length=target.length)
        copied += target.length
    versions = view.versions()
    names = [f"{v}.{ROOT}.json" for v in state.disk.root_versions()]
    names += [f"{v}.{role}.json" for role, v in versions.items() if role not in {ROOT, TIMESTAMP}]
    state_files = {name: (state.disk.metadata / name).read_bytes() for name in names}
    stick.write({**state_files, f"{TIMESTAMP}.json": view.timestamp.to_bytes()})
    _settle(out)
    return Media(release, len(targets), copied)


def _is_there(path: Path, sha256: str, length: int) -> bool:
    return path.is_file() and path.stat().st_size == length and file_sha256(path) == sha256


def _settle(folder: Path) -> None:
    """Have the stick hold what was written before it is pulled out."""
    try:
        for path in (folder / METADATA, folder / FILES, folder):
            sync_folder(path)
    except OSError as exc:
        raise BadRepository(f"{folder} cannot be written: {exc.strerror or exc}.") from exc
    os.sync()

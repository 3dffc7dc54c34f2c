"""What a repository holds and how a change to it is written; the keys that are here sign it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root, TargetFile

from appliance.codec import from_plain, to_plain
from appliance.ports import Clock
from appliance.release import Manifest
from sync.errors import BadRepository, NotPublished
from sync.publish.disk import RepositoryDisk, View, read_whole
from sync.publish.keys import KeyFolder
from sync.publish.signing import (
    meta_of,
    set_aside,
    signed_bytes,
    snapshot_after,
    timestamp_after,
    with_keys_here,
)
from sync.trust.paths import release_target, ring_target
from sync.trust.pointer import read_pointer
from sync.trust.ring import RingPointer
from sync.trust.roles import RELEASES, RINGS, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Expiry


class PublishedState:
    """One repository folder: reading it, and writing a signed change."""

    def __init__(self, folder: Path, *, keys: KeyFolder, clock: Clock) -> None:
        """Remember the folder, the keys and the clock; nothing is read yet."""
        self.folder = folder
        self.keys = keys
        self.clock = clock
        self.disk = RepositoryDisk(folder)

    def locked(self) -> AbstractContextManager[None]:
        """Let one writer in at a time."""
        return self.disk.locked()

    def view(self) -> View:
        """Return what clients see now."""
        return self.disk.view()

    def root(self) -> bytes:
        """Return the newest root's file: what a store is given when it enrols.

        Raises:
            BadRepository: There is no repository here.
        """
        return self.disk.root().to_bytes()

    def manifest(self, release: str) -> Manifest:
        """Return a published release's manifest.

        Raises:
            NotPublished: No such release.
        """
        plain = self.plain(self.view(), RELEASES, release_target(release))
        return from_plain(plain, Manifest)

    def releases(self) -> tuple[Manifest, ...]:
        """Return the published releases, the lowest counter first."""
        view = self.view()
        found = [
            from_plain(self.plain(view, RELEASES, path), Manifest)
            for path in view.roles[RELEASES].signed.targets
            if path.count("/") == 1
        ]
        return tuple(sorted(found, key=lambda m: m.counter))

    def newest(self) -> str:
        """Return the id of the release with the highest counter.

        Raises:
            NotPublished: There is none yet.
        """
        found = self.releases()
        if not found:
            raise NotPublished(
                f"{self.folder} holds no release yet.",
                hint="Run: backroom release sign FOLDER, then: backroom release publish",
            )
        return found[-1].id

    def ring(self, ring: str) -> RingPointer:
        """Return a ring's pointer.

        Raises:
            NotPublished: No such ring.
        """
        return self.pointer_in(self.view(), ring)

    def rings(self) -> tuple[RingPointer, ...]:
        """Return every ring's pointer, by name."""
        view = self.view()
        paths = sorted(view.roles[RINGS].signed.targets)
        return tuple(
            self.pointer_in(view, path.removeprefix("rings/").removesuffix(".json"))
            for path in paths
        )

    def expiries(self) -> tuple[Expiry, ...]:
        """Return when each role's metadata ends, root's first."""
        view = self.view()
        tops: Mapping[str, Metadata[Any]] = {
            ROOT: view.root,
            TARGETS: view.roles[TARGETS],
            SNAPSHOT: view.snapshot,
            TIMESTAMP: view.timestamp,
        }
        return tuple(
            Expiry(role, md.signed.version, md.signed.expires)
            for role, md in {**tops, **view.roles}.items()
        )

    def commit(
        self,
        view: View,
        changed: Mapping[str, bytes],
        *,
        is_snapshot_new: bool = True,
        timestamp_days: float | None = None,
        delegators: tuple[Root, ...] = (),
    ) -> None:
        """Write signed roles, then the snapshot and the timestamp that name them. Wants the lock.

        Args:
            view: What the changes were made from.
            changed: Role -> signed file, each the next version.
            is_snapshot_new: False when no role changed and only the timestamp is due.
            timestamp_days: Of the timestamp's life; None: its own.
            delegators: Roots whose keys sign, the newest last: its must, an older one's where
                they are here; empty: the newest alone.
        """
        now = self.clock.now()
        roots = delegators or (view.root.signed,)
        files = {f"{meta_of(file).version}.{role}.json": file for role, file in changed.items()}
        snapshot_file = None
        if is_snapshot_new:
            snapshot = snapshot_after(view, changed, now)
            by_roots = with_keys_here(roots, SNAPSHOT, self.keys)
            snapshot_file = signed_bytes(snapshot, SNAPSHOT, delegators=by_roots, keys=self.keys)
            files[f"{snapshot.version}.{SNAPSHOT}.json"] = snapshot_file
        timestamp = timestamp_after(view, snapshot_file, now, days=timestamp_days)
        by_roots = with_keys_here(roots, TIMESTAMP, self.keys)
        files[f"{TIMESTAMP}.json"] = signed_bytes(
            timestamp, TIMESTAMP, delegators=by_roots, keys=self.keys
        )
        self.disk.write(files)
        self._begin_grace(view, changed, is_snapshot_new=is_snapshot_new)

    def _begin_grace(
        self, view: View, changed: Mapping[str, bytes], *, is_snapshot_new: bool
    ) -> None:
        """Count the days of `sweep` from now for what nothing names any more.

        Not from when it was made: a store may be reading the state before at this moment, and a
        cache between gives out its timestamp for a while.
        """
        versions = view.versions()
        past = [f"{versions[role]}.{role}.json" for role in changed if role in versions]
        past += [f"{versions[SNAPSHOT]}.{SNAPSHOT}.json"] if is_snapshot_new else []
        gone = [
            self.disk.file(target.path, target.hashes["sha256"])
            for role, content in changed.items()
            for target in set_aside(view, role, content)
        ]
        at = self.clock.now().timestamp()
        for path in (*(self.disk.metadata / name for name in past), *gone):
            with suppress(OSError):  # then it goes a little early
                os.utime(path, (at, at))

    def pointer_in(self, view: View, ring: str) -> RingPointer:
        """Return a ring's pointer as a view has it.

        Raises:
            NotPublished: No such ring.
        """
        return read_pointer(self.plain(view, RINGS, ring_target(ring)), ring=ring)

    def plain(self, view: View, role: str, path: str) -> Any:
        """Return the JSON of a small target.

        Raises:
            NotPublished: The role names no such target.
            BadRepository: Its file is missing or is not what the role names.
        """
        target = view.roles[role].signed.targets.get(path)
        if target is None:
            raise NotPublished(
                f"{self.folder} names no {path}.", hint="Run: backroom release status"
            )
        return json.loads(self.content(target))

    def content(self, target: TargetFile) -> bytes:
        """Return a small target's file.

        Raises:
            BadRepository: It is missing or is not what its role names.
        """
        path = self.disk.file(target.path, target.hashes["sha256"])
        content = read_whole(path)
        if sha256(content).hexdigest() != target.hashes["sha256"]:
            raise BadRepository(f"{path} is not what was signed.", hint="Restore it from a copy.")
        return content


def json_bytes(record: object) -> bytes:
    """Return a record as a small target's file."""
    return json.dumps(to_plain(record), ensure_ascii=False, sort_keys=True).encode()

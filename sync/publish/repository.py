"""A repository of releases: begun, published to, its rings moved, its online roles kept fresh."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tuf.api.metadata import Metadata, Snapshot, TargetFile, Targets, Timestamp

from appliance.codec import from_plain
from appliance.ports import Clock
from appliance.release import Manifest
from sync.errors import BadRepository, NothingStaged, PointerRefused
from sync.publish.beginning import FIRST_ROOT, first_files
from sync.publish.deltas import Told
from sync.publish.disk import View, reading
from sync.publish.published import PublishedState, json_bytes
from sync.publish.signing import (
    check_signed,
    following,
    signed_bytes,
    target_of,
)
from sync.publish.staging import KEEP, Staged, check_whole, sign_release
from sync.trust.paths import back_target, release_target, ring_target
from sync.trust.pointer import BackWord, check_move, check_pointer, covers, read_back_word
from sync.trust.ring import RingPointer
from sync.trust.roles import (
    CONTENT,
    DELEGATED,
    RELEASES,
    RINGS,
    SNAPSHOT,
    TARGETS,
    TERMS,
    TIMESTAMP,
)

MOST_STICK_DAYS = 90  # of a timestamp's life, where a stick goes by post


class Repository(PublishedState):
    """One repository folder and the keys that are here.

    Whoever holds the keys of rings, snapshot and timestamp can `promote`, `pause`, `refresh` and
    `publish`; `sign` (`sync.publish.staging`) wants the content's and the release manager's keys,
    `allow_back` the latter. Each method is one change: it takes the folder's lock, writes targets,
    then roles, snapshot, and the timestamp last, each durably. A kill before the last leaves the
    repository as clients saw it. What is written is safe for readers at any moment.
    """

    def create(self) -> bytes:
        """Begin the repository with the newest key of each name; return the first root's file.

        Raises:
            BadRepository: There is one already, or the folder cannot be written.
            BadKey: A key is missing.
        """
        if self.disk.root_versions():
            raise BadRepository(
                f"{self.folder} is a repository already.", hint="Choose another folder."
            )
        files = first_files(self.keys, self.clock.now())
        self.disk.write(files)
        return files[FIRST_ROOT]

    def sign(
        self,
        folder: Path,
        *,
        previous: Sequence[Path] = (),
        keep: int = KEEP,
        roles: Iterable[str] = (*CONTENT, RELEASES),
        told: Told = lambda _: None,
    ) -> Staged:
        """Check a release and sign it into `staged/`: see `sync.publish.staging.sign_release`."""
        return sign_release(self, folder, previous=previous, keep=keep, roles=roles, told=told)

    def publish(self) -> tuple[str, ...]:
        """Make what was signed visible; return the roles that changed.

        Raises:
            NothingStaged: Nothing was signed since the last publish.
            BadRepository: What is staged does not fit what is published, or a file is missing.
            BadKey: The keys of snapshot and timestamp are not here.
        """
        with self.locked():
            view = self.view()
            with reading(self.folder):
                staged = self._unpublished(view)
            if not staged:
                self.disk.unstage()
                raise NothingStaged(
                    f"Nothing is staged in {self.folder}.", hint="Run: backroom release sign FOLDER"
                )
            with reading(self.folder):
                roles = {role: check_signed(view, role, file) for role, file in staged.items()}
            check_whole(self, {**view.roles, **roles})
            self.commit(view, staged)
            self.disk.unstage()
            return tuple(staged)

    def promote(self, pointer: RingPointer) -> RingPointer:
        """Point a ring at a release; return the pointer as it was signed.

        An empty salt becomes the release's id, so that raising the percent of one release keeps the
        stores that were in; an unset `made_at` becomes now.

        Raises:
            NotPublished: No such release.
            PointerRefused: A field cannot be meant, the counter is not the release's, or it goes
                back without the release manager's word.
            BadKey: A key of rings, snapshot or timestamp is not here.
        """
        with self.locked():
            return self._promote(self.view(), pointer)

    def pause(self, ring: str) -> RingPointer:
        """Stop a ring where it is: stores that have not begun take nothing new.

        Raises:
            NotPublished: No such ring.
        """
        with self.locked():
            view = self.view()
            stopped = replace(self.pointer_in(view, ring), state="pause", made_at=self.clock.now())
            return self._promote(view, stopped)

    def allow_back(self, ring: str, release: str) -> BackWord:
        """Sign the release manager's word that a ring may go back to an older release.

        Raises:
            NotPublished: No such ring or release.
            PointerRefused: It is no older release than what the ring is at.
            BadKey: The release manager's key is not here.
        """
        with self.locked():
            view = self.view()
            now = self.clock.now()
            known = from_plain(self.plain(view, RELEASES, release_target(release)), Manifest)
            # A word given before the newer release is promoted would be refused when it is needed.
            _check_older(known, self.pointer_in(view, ring))
            word = BackWord(
                ring=ring,
                release=release,
                counter=known.counter,
                from_counter=self._reach(view, ring),
                made_at=now,
            )
            path = back_target(ring, release)
            content = json_bytes(word)
            digest = self.disk.put_bytes(path, content)
            word_file = target_of(path, sha256=digest, length=len(content))
            releases = following(view.roles[RELEASES].signed, RELEASES, now)
            releases.targets[path] = word_file
            targets = view.roles[TARGETS].signed
            file = signed_bytes(releases, RELEASES, delegators=(targets,), keys=self.keys)
            self._rebase_staged(word_file, releases.version + 1, targets)
            self.commit(view, {RELEASES: file})
            return word

    def rollback(self, ring: str, release: str) -> RingPointer:
        """Take a ring back to an older release: the word first, if it is missing, then the ring.

        All of its stores go, at once, in no window: the older release is still on their disks.

        Raises:
            NotPublished: No such ring or release.
            PointerRefused: It is no older release: all stores would get what the ring is at.
            BadKey: The word is missing and the release manager's key is not here.
        """
        view = self.view()
        pointer = self.pointer_in(view, ring)
        known = self.manifest(release)
        _check_older(known, pointer)
        back = replace(
            pointer,
            release=release,
            counter=known.counter,
            state="go",
            percent=100.0,
            salt=release,
            splay_s=0.0,
            window="",
            deadline_at=None,
            made_at=self.clock.now(),
        )
        word = self._back_word(view, back)
        if word is None or not covers(word, back, live_counter=self._reach(view, ring)):
            self.allow_back(ring, release)
        return self.promote(back)

    def refresh(self, *, force: bool = False) -> tuple[str, ...]:
        """Sign the online roles again when half of their life is over; return which.

        Also where it is longer than any that is signed for: a clock was wrong.

        Args:
            force: Whatever is left of it.

        Raises:
            BadKey: A key of rings, snapshot or timestamp is not here.
        """
        with self.locked():
            view = self.view()
            now = self.clock.now()
            targets = view.roles[TARGETS].signed
            is_rings_due = force or _is_half_over(view.roles[RINGS].signed, RINGS, self.clock)
            is_snapshot_due = (
                force or is_rings_due or _is_half_over(view.snapshot.signed, SNAPSHOT, self.clock)
            )
            due = is_snapshot_due or _is_half_over(view.timestamp.signed, TIMESTAMP, self.clock)
            changed: dict[str, bytes] = {}
            if is_rings_due:
                rings = following(view.roles[RINGS].signed, RINGS, now)
                changed[RINGS] = signed_bytes(rings, RINGS, delegators=(targets,), keys=self.keys)
            if due:
                self.commit(view, changed, is_snapshot_new=is_snapshot_due)
            flags = ((RINGS, is_rings_due), (SNAPSHOT, is_snapshot_due), (TIMESTAMP, due))
            return tuple(role for role, is_due in flags if is_due)

    def timestamp(self, *, days: float | None = None) -> None:
        """Sign the timestamp again, now.

        Args:
            days: Of life; None: the role's own. A stick by post needs more than a store on a line.

        Raises:
            BadKey: The key of timestamp is not here.
        """
        with self.locked():
            self.commit(self.view(), {}, is_snapshot_new=False, timestamp_days=days)

    def _unpublished(self, view: View) -> dict[str, bytes]:
        """Return what is staged, less what a publish that was killed at its end left behind."""
        return {
            role: content
            for role, content in self.disk.staged_roles().items()
            if role in DELEGATED
            and view.roles[role].to_bytes() != Metadata[Targets].from_bytes(content).to_bytes()
        }

    def _promote(self, view: View, pointer: RingPointer) -> RingPointer:
        check_pointer(pointer)
        now = self.clock.now()
        pointer = replace(
            pointer, salt=pointer.salt or pointer.release, made_at=pointer.made_at or now
        )
        known = self.plain(view, RELEASES, release_target(pointer.release))
        path = ring_target(pointer.ring)
        check_move(
            pointer,
            release_counter=from_plain(known, Manifest).counter,
            live_counter=self._counter(view, pointer.ring),
            back=self._back_word(view, pointer),
        )
        content = json_bytes(pointer)
        digest = self.disk.put_bytes(path, content)
        rings = following(view.roles[RINGS].signed, RINGS, now)
        rings.targets[path] = target_of(path, sha256=digest, length=len(content))
        targets = view.roles[TARGETS].signed
        self.commit(
            view, {RINGS: signed_bytes(rings, RINGS, delegators=(targets,), keys=self.keys)}
        )
        return pointer

    def _counter(self, view: View, ring: str) -> int:
        if ring_target(ring) not in view.roles[RINGS].signed.targets:
            return 0  # a new ring may begin anywhere
        return self.pointer_in(view, ring).counter

    def _reach(self, view: View, ring: str) -> int:
        """Return the highest counter that a store of a ring may still be at.

        A ring that was taken back has stores that slept through it: a word to go back further must
        hold for them too, or they would keep the very release that was left.
        """
        pointer = self.pointer_in(view, ring)
        word = self._back_word(view, pointer)
        return pointer.counter if word is None else max(pointer.counter, word.from_counter)

    def _back_word(self, view: View, pointer: RingPointer) -> BackWord | None:
        path = back_target(pointer.ring, pointer.release)
        if path not in view.roles[RELEASES].signed.targets:
            return None
        plain = self.plain(view, RELEASES, path)
        return read_back_word(plain, ring=pointer.ring, release=pointer.release)

    def _rebase_staged(self, word: TargetFile, version: int, targets: Targets) -> None:
        """Sign a staged releases role again, above the word that is published before it."""
        content = self.disk.staged_roles().get(RELEASES)
        if content is None:
            return
        staged = Metadata[Targets].from_bytes(content).signed
        staged.version = version
        staged.targets[word.path] = word
        file = signed_bytes(staged, RELEASES, delegators=(targets,), keys=self.keys)
        self.disk.stage(RELEASES, file)


def _check_older(known: Manifest, pointer: RingPointer) -> None:
    if known.counter >= pointer.counter:
        raise PointerRefused(
            f"Ring {pointer.ring} is at {pointer.release} (counter {pointer.counter:,});"
            f" {known.id} (counter {known.counter:,}) is not older.",
            hint="To see what is older: backroom release status",
        )


def _is_half_over(signed: Targets | Snapshot | Timestamp, role: str, clock: Clock) -> bool:
    life_days = TERMS[role].life_days
    left = signed.expires - clock.now()
    # Longer than it is ever signed for: a clock was wrong, and stores could be held on that for
    # years before their alarm rings.
    most_days = max(life_days, MOST_STICK_DAYS if role == TIMESTAMP else 0) + 1
    return left <= timedelta(days=life_days / 2) or left > timedelta(days=most_days)

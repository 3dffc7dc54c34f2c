"""The store's client: a ring's verified pointer, a release's manifest, its parts on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import TargetFile

from appliance.clock import SystemClock
from appliance.codec import from_plain
from appliance.errors import BadInput
from appliance.ports import Clock
from appliance.release import Manifest
from sync.errors import NotPublished, Untrusted
from sync.fetch.download import Wanted
from sync.fetch.fetcher import DurableUpdater, LineFetcher
from sync.fetch.filling import Fetched, Filling
from sync.fetch.limits import FetchLimits
from sync.fetch.offer import Offered, Plan, read_deltas
from sync.fetch.translation import translated
from sync.fetch.trusted import read_expiries
from sync.fetch.wire import Headers, Limiter, Tls, Wire, base_url, is_folder
from sync.trust import paths
from sync.trust.pointer import BackWord, Move, check_move, read_back_word, read_pointer
from sync.trust.ring import RingPointer
from sync.trust.roles import Alarm, alarms

METADATA = "metadata"
FILES = "targets"
Progress = Callable[[int, int], None]  # bytes that came, bytes planned


class ReleaseClient:
    """One store's view of one repository.

    `look` asks the line and verifies; `release`, `move`, `plan` and `fetch` then speak of the same
    consistent state. Every error is of `sync.errors` or `LineDown`; none of them concerns what is
    live. Not for several threads at once.
    """

    def __init__(
        self,
        folder: Path,
        source: str | Path,
        root: bytes,
        *,
        clock: Clock | None = None,
        limits: FetchLimits | None = None,
        limiter: Limiter = lambda _: None,
        headers: Headers = dict,
        tls: Tls = lambda: None,
        proxy: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Remember where trust is kept and where releases come from; nothing is asked yet.

        Args:
            folder: Of trusted metadata (`home/agent/tuf`); made when it is missing.
            source: URL of the repository (`https://hub/tuf`), or its directory (a stick).
            root: The first trusted root's file, from enrolment or the installer.
            clock: Judges expiry, corrected by what the hub said; None: this machine's.
            limits: Of sizes, waits and tries.
            limiter: Told of each chunk's bytes; sleeps as long as the bandwidth bucket wants.
            headers: Sent with each request, asked anew each time: the bearer token.
            tls: Which certificates are trusted, asked at the first connection; None: the public
                ones. Signatures, not TLS, are what a release is believed by.
            proxy: URL of a proxy; '' for none. The environment is not asked.
            sleep: Between two tries.
        """
        self.folder = folder
        self._url = base_url(source)
        self._root = root
        self._clock = clock or SystemClock()
        self._limits = limits or FetchLimits()
        self._sleep = sleep
        self._wire = Wire(
            limits=self._limits,
            monotonic=self._clock.monotonic,
            limiter=limiter,
            headers=headers,
            tls=tls,
            proxy=proxy,
        )
        self._updater: DurableUpdater | None = None

    def close(self) -> None:
        """Let the connections go."""
        self._wire.close()

    def look(self, ring: str) -> RingPointer:
        """Refresh the metadata and return a ring's pointer, verified.

        Raises:
            StaleMetadata: A role is past its date: install nothing new, ring the alarm.
            NotPublished: No such ring.
            PointerRefused: A field of the pointer cannot be meant.
            Untrusted: Anything that does not verify.
            FetchFailed: The line failed; ask again later.
            CannotWrite: The trusted metadata cannot be kept.
        """
        self.refresh()
        content = self.small(paths.ring_target(ring), self._limits.pointer_bytes)
        return read_pointer(_json(content, paths.ring_target(ring)), ring=ring)

    def refresh(self) -> None:
        """Ask the repository for what is newest, and keep what verifies.

        Raises:
            StaleMetadata, Untrusted, FetchFailed, CannotWrite: As `look`.
        """
        self._updater = None
        with translated():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            updater = DurableUpdater(
                self.folder,
                metadata_url=f"{self._url}/{METADATA}/",
                fetcher=LineFetcher(self._wire, self._sleep),
                limits=self._limits,
                root=self._root,
                now=self._clock.now(),
            )
            updater.refresh()
        self._updater = updater

    def release(self, release: str) -> Offered:
        """Return a release whose manifest and every part are signed.

        Raises:
            NotPublished: No such release, or a part of it is not signed.
            Untrusted: The manifest, its counter or a part's path or digest is not what was signed.
            StaleMetadata, FetchFailed, CannotWrite: As `look`.
        """
        path = paths.release_target(release)
        target = self._target(path)
        content = self.small(path, self._limits.manifest_bytes)
        try:
            manifest = from_plain(_json(content, path), Manifest)
        except BadInput as exc:
            raise Untrusted(f"{path} is no manifest. {exc.message}") from exc
        if manifest.id != release:
            raise Untrusted(f"{path} is the manifest of {manifest.id[:80]!r}.")
        paths.check_parts(manifest.parts, release=release)
        for name, part in manifest.parts.items():
            if part.bytes > self._limits.part_bytes:
                raise Untrusted(
                    f"Release {release}: {name} has {part.bytes:,} bytes, at most"
                    f" {self._limits.part_bytes:,} are taken."
                )
            signed = self._target(paths.part_target(name, part.sha256))
            if signed.length != part.bytes or signed.hashes.get("sha256") != part.sha256:
                raise Untrusted(f"Release {release}: {name} is signed as another file.")
        return Offered(manifest, content, read_deltas(target.custom, manifest))

    def move(self, pointer: RingPointer, offered: Offered, *, live_counter: int) -> Move:
        """Return what a pointer asks of this store, if it may ask it.

        Args:
            pointer: From `look`.
            offered: The release it names, from `release`.
            live_counter: Of the release that is live here.

        Raises:
            PointerRefused: It goes back without the release manager's word, or lies about the
                counter.
            StaleMetadata, Untrusted, FetchFailed: As `look`.
        """
        back = None
        if pointer.counter < live_counter:
            back = self.back_word(pointer.ring, pointer.release)
        return check_move(
            pointer,
            release_counter=offered.manifest.counter,
            live_counter=live_counter,
            back=back,
        )

    def back_word(self, ring: str, release: str) -> BackWord | None:
        """Return the release manager's word that a ring may go back to a release, if there is one.

        Raises:
            StaleMetadata, Untrusted, FetchFailed: As `look`.
        """
        path = paths.back_target(ring, release)
        try:
            content = self.small(path, self._limits.pointer_bytes)
        except NotPublished:
            return None
        return read_back_word(_json(content, path), ring=ring, release=release)

    def plan(self, offered: Offered, into: Path, *, have: Sequence[Path] = ()) -> Plan:
        """Return how each part would be come by, and what it costs; nothing is fetched.

        Args:
            offered: The release.
            into: The new release's folder, perhaps begun.
            have: Folders of the releases that are kept here.
        """
        return self._filling(into, have).plan(offered)

    def fetch(
        self,
        offered: Offered,
        into: Path,
        *,
        have: Sequence[Path] = (),
        may_full: bool = True,
        progress: Progress = lambda *_: None,
    ) -> Fetched:
        """Fill a folder with a release, verified part by part; go on where it was left.

        Each part is linked from a kept release, or made from a delta, or fetched whole; the
        manifest comes last, so a folder with a manifest is whole. `verified.json` tells which
        parts are true.

        Args:
            offered: The release.
            into: The new folder (`home/releases/<id>.incoming`), perhaps begun.
            have: Folders of the releases that are kept here.
            may_full: Whether large parts without a delta may be fetched whole, now
                (`sync.trust.ring.may_fetch_full`).
            progress: Hears how much came.

        Raises:
            NeedsFullDownload: Before anything is fetched: a large part has no delta from here.
            Untrusted, FetchFailed, SlowRetrieval, CannotWrite: What came and is true is kept.
        """
        return self._filling(into, have).fill(offered, may_full=may_full, progress=progress)

    def alarms(self, *, now: datetime | None = None) -> tuple[Alarm, ...]:
        """Return an alarm for each trusted role near or past its end; asks no line."""
        return alarms(read_expiries(self.folder), now or self._clock.now())

    def small(self, path: str, most_bytes: int) -> bytes:
        """Return a small target's content, verified.

        Raises:
            NotPublished: No role names it.
            Untrusted: It is longer than `most_bytes`, or not what was signed.
            FetchFailed: The line failed.
        """
        target = self._target(path)
        wanted = self._wanted(target)
        if target.length > most_bytes:
            raise Untrusted(f"{path} has {target.length:,} bytes, at most {most_bytes:,}.")
        with translated():
            # The cap is the signed length: a byte more is already a lie.
            content = LineFetcher(self._wire, self._sleep).download_bytes(wanted.url, target.length)
            target.verify_length_and_hashes(content)
        return content

    def wanted(self, path: str) -> Wanted:
        """Return where a target lies and what it must be.

        Raises:
            NotPublished: No role names it.
            StaleMetadata, Untrusted, FetchFailed: As `look`.
        """
        return self._wanted(self._target(path))

    def _filling(self, into: Path, have: Sequence[Path]) -> Filling:
        return Filling(
            into,
            have=have,
            wanted=self.wanted,
            wire=self._wire,
            sleep=self._sleep,
            uses_deltas=not is_folder(self._url),
        )

    def _target(self, path: str) -> TargetFile:
        if self._updater is None:
            self.refresh()
        assert self._updater is not None
        with translated():
            target = self._updater.get_targetinfo(path)
        if target is None:
            raise NotPublished(f"{self._url} names no {path}.")
        return target

    def _wanted(self, target: TargetFile) -> Wanted:
        sha256 = target.hashes.get("sha256")
        if sha256 is None:
            raise Untrusted(f"{target.path} is signed without a sha256.")
        name = target.path
        if self._updater is not None and self._updater.is_hash_prefixed():
            name = paths.stored_name(target.path, sha256)
        return Wanted(f"{self._url}/{FILES}/{name}", sha256, target.length)


def _json(content: bytes, path: str) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise Untrusted(f"{path} is signed and no JSON.") from exc

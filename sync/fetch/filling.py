"""Filling the folder of a new release, part by part, each verified before it has its name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.errors import BadInput, DamagedRelease
from appliance.files import replaced_file, sync_folder
from appliance.release import MANIFEST, Part, file_sha256, read_manifest
from sync.delta import apply_delta
from sync.errors import CannotWrite, FetchFailed, NotPublished
from sync.fetch.download import Download, Wanted, is_final
from sync.fetch.offer import (
    DELTA,
    FREE_BYTES,
    FULL,
    KEPT,
    Offered,
    Plan,
    Step,
    check_full,
    plan_fetch,
)
from sync.fetch.verified import VerifiedFiles
from sync.fetch.wire import Wire
from sync.trust.paths import part_target

PARTIAL = ".partial"  # of what is on its way, by digest; gone when the folder is whole

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a release came."""

    line_bytes: int
    kept: int  # parts linked from a kept release, or there already
    deltas: int
    full: int


class Filling:
    """One folder being filled."""

    def __init__(
        self,
        into: Path,
        *,
        have: Sequence[Path],
        wanted: Callable[[str], Wanted],
        wire: Wire,
        sleep: Callable[[float], None],
        uses_deltas: bool,
    ) -> None:
        """Look at what is there; nothing is fetched yet.

        Args:
            into: The folder, perhaps begun.
            have: Folders of kept releases.
            wanted: Where a target of the repository lies, and what it must be.
            wire: Over which it comes.
            sleep: Between two tries.
            uses_deltas: False from a stick, where a full copy costs nothing.
        """
        self._into = into
        self._record = VerifiedFiles(into)
        self._held = _held(VerifiedFiles(folder) for folder in have)
        self._wanted = wanted
        self._wire = wire
        self._sleep = sleep
        self._uses_deltas = uses_deltas

    def plan(self, offered: Offered) -> Plan:
        """Return how each part would be come by."""
        here = frozenset(
            name
            for name, part in offered.manifest.parts.items()
            if self._record.is_known(name, part.sha256)
        )
        return plan_fetch(offered, self._held, here=here, uses_deltas=self._uses_deltas)

    def fill(self, offered: Offered, *, may_full: bool, progress: Progress) -> Fetched:
        """Bring every part, the manifest last; see `ReleaseClient.fetch`."""
        plan = self.plan(offered)
        if not may_full:
            check_full(plan, release=offered.manifest.id)
        came = 0

        def told(count: int) -> None:
            nonlocal came
            came += count
            progress(came, plan.line_bytes)

        download = Download(self._wire, sleep=self._sleep, came=told)
        ways = [self._bring(step, download, may_full=may_full) for step in plan.steps]
        self._finish(offered)
        return Fetched(came, ways.count(KEPT), ways.count(DELTA), ways.count(FULL))

    def _bring(self, step: Step, download: Download, *, may_full: bool) -> str:
        name, part = step.name, step.part
        if self._record.holds(name, part.sha256, length=part.bytes):
            return KEPT
        try:
            (self._into / name).parent.mkdir(parents=True, exist_ok=True)
            way = self._way(step, download, may_full=may_full)
            self._record.note(name, part.sha256)
        except OSError as exc:
            raise CannotWrite(
                f"{self._into / name} cannot be written: {exc.strerror or exc}.",
                hint=f"Make room; it goes on by itself. Check: df -h {self._into}",
            ) from exc
        self._record.save()
        return way

    def _way(self, step: Step, download: Download, *, may_full: bool) -> str:
        """Try the planned way; where it fails for a reason of its own, the next dearer one."""
        if step.way == KEPT and self._link(step):
            return KEPT
        if step.way == DELTA and self._by_delta(step, download):
            return DELTA
        if not may_full and step.part.bytes > FREE_BYTES:
            check_full(Plan((replace(step, way=FULL),)), release=self._into.name)
        wanted = self._wanted(part_target(step.name, step.part.sha256))
        download(wanted, self._into / step.name, partial=self._partial(wanted.sha256))
        return FULL

    def _link(self, step: Step) -> bool:
        found = self._intact(step.part.sha256)
        if found is None:
            return False
        path = self._into / step.name
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        beside.unlink(missing_ok=True)
        try:
            try:
                os.link(found.resolve(), beside)
            except OSError:  # another file system, or one without links
                _copy(found, beside)
                if file_sha256(beside) != step.part.sha256:
                    return False
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(path.parent)
        return True

    def _by_delta(self, step: Step, download: Download) -> bool:
        delta = step.delta
        old = None if delta is None else self._intact(delta.old)
        if delta is None or old is None:
            return False
        try:
            wanted = self._wanted(delta.target)
            kept = self._partial(f"{wanted.sha256}.zst")
            download(wanted, kept, partial=self._partial(wanted.sha256))
            apply_delta(
                old,
                kept,
                self._into / step.name,
                sha256=step.part.sha256,
                most_bytes=step.part.bytes,
            )
        except BadInput as exc:
            raise CannotWrite(exc.message, hint=exc.hint) from exc
        except FetchFailed as exc:
            if not is_final(exc):
                raise
            return False  # a stick or a mirror may carry parts and no deltas
        except (DamagedRelease, NotPublished):
            return False  # signed and useless: the part itself is signed too
        kept.unlink(missing_ok=True)
        return True

    def _intact(self, sha256: str) -> Path | None:
        """Return a kept file of a digest, after the record or a hash has vouched for it."""
        for record, name, part in self._held.get(sha256, ()):
            if record.holds(name, sha256, length=part.bytes):
                return record.folder / name
        return None

    def _partial(self, name: str) -> Path:
        return self._into / PARTIAL / name

    def _finish(self, offered: Offered) -> None:
        shutil.rmtree(self._into / PARTIAL, ignore_errors=True)
        try:
            with replaced_file(self._into / MANIFEST) as beside:
                beside.write_bytes(offered.content)
            sync_folder(self._into)
        except BadInput as exc:
            raise CannotWrite(exc.message, hint=exc.hint) from exc


def _held(records: Iterable[VerifiedFiles]) -> dict[str, list[tuple[VerifiedFiles, str, Part]]]:
    held: dict[str, list[tuple[VerifiedFiles, str, Part]]] = {}
    for record in records:
        try:
            manifest = read_manifest(record.folder)
        except DamagedRelease:
            continue  # it has nothing to give
        for name, part in manifest.parts.items():
            held.setdefault(part.sha256, []).append((record, name, part))
    return held


def _copy(source: Path, out: Path) -> None:
    shutil.copyfile(source, out)
    with out.open("rb") as file:
        os.fsync(file.fileno())

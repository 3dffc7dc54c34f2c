"""A candidate's way to going live: fits, comes, is checked, rehearses, waits for its moment.

Each step takes a record and returns the next one, or the same one where it has to wait. Every step
may be cut by a kill and done again: folders are named only when whole, and `switch.json` is written
by the caller after the step.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from appliance.config import Settings
from appliance.errors import BackroomError, DamagedRelease
from appliance.live import OWN, Slot
from appliance.ports import Clock
from sync.errors import CannotWrite, NeedsFullDownload, Untrusted
from sync.fetch.offer import Offered
from sync.switch import machine
from sync.switch.fit import MIB, Machine, misfits
from sync.switch.journal import StoreJournal
from sync.switch.record import SwitchRecord
from sync.switch.rehearsal import Rehearsal
from sync.switch.releases import Releases
from sync.switch.slots import Slots
from sync.switch.windows import read_window
from sync.trust.ring import begins_after_s, is_chosen, may_fetch_full
from sync.wire import SwitchState as S

log = logging.getLogger(__name__)

FLOOR_BYTES = 64 * MIB  # of the disk stay the store's own, whatever is on its way


class Stopped(BackroomError):
    """The agent ends while a release is on its way; what came is gone on from."""

    code = "stopped"


@dataclass(slots=True)
class Way:
    """The steps of one store's candidates."""

    settings: Settings  # as installed: `release` is the settings' own
    slots: Slots
    clock: Clock
    journal: StoreJournal
    read_machine: Callable[[Slots], Machine]
    rehearse: Callable[[Path], Rehearsal]
    quiet_s: float
    most_wait_s: float
    is_paused: Callable[[], bool]
    stopped: threading.Event = field(default_factory=threading.Event)
    _waits_s: float | None = None  # since when quiet is waited for

    def next(self, record: SwitchRecord, releases: Releases) -> SwitchRecord:
        """Return the record after one step; the same one where it has to wait.

        Raises:
            LineDown, Untrusted, CannotWrite, StoreError: The step can be tried again later.
            Stopped: The agent ends.
        """
        steps: Mapping[S, Callable[[SwitchRecord, Releases], SwitchRecord]] = {
            S.OFFERED: self._fit,
            S.FITS: self._begin,
            S.DOWNLOADING: self._fetch,
            S.VERIFIED: self._rehearse,
            S.REHEARSED: self._go_live,
        }
        step = steps.get(record.state)
        return record if step is None or self._is_held(record) else step(record, releases)

    def _is_held(self, record: SwitchRecord) -> bool:
        """Whether the ring or the hub pauses it; one from a stick is paused by nobody."""
        pointer = record.pointer
        return pointer is not None and (
            self.is_paused() or not is_chosen(pointer, self.settings.store)
        )

    def _fit(self, record: SwitchRecord, releases: Releases) -> SwitchRecord:
        candidate = _candidate(record)
        offered = releases.release(candidate.id)
        plan = releases.plan(offered, self.slots.incoming(candidate), have=self._have(record))
        found = misfits(offered.manifest, plan, self.read_machine(self.slots))
        if found:
            why = "; ".join(misfit.why for misfit in found)
            is_passing = all(misfit.is_passing for misfit in found)
            return machine.refused(record, why, at=self.clock.now(), is_passing=is_passing)
        return machine.advanced(record, at=self.clock.now())

    def _begin(self, record: SwitchRecord, _: Releases) -> SwitchRecord:
        """Wait for this store's place in the splay, lest all ask at once."""
        pointer, seen_at = record.pointer, record.seen_at
        if pointer is not None and seen_at is not None:
            waited_s = (self.clock.now() - seen_at).total_seconds()
            # After a clock that was put back it begins at once: to be early once is no harm, to
            # wait for 2040 would be.
            if 0 <= waited_s < begins_after_s(pointer, self.settings.store):
                return record
        return machine.advanced(record, at=self.clock.now())

    def _fetch(self, record: SwitchRecord, releases: Releases) -> SwitchRecord:
        candidate = _candidate(record)
        offered = releases.release(candidate.id)
        if not self._is_whole(candidate, offered):
            try:
                releases.fetch(
                    offered,
                    self.slots.incoming(candidate),
                    have=self._have(record),
                    may_full=self._may_full(record),
                    progress=self._progress,
                )
            except NeedsFullDownload as exc:
                return self._without_delta(record, exc)
            except CannotWrite as exc:
                if self.slots.disk_free() >= FLOOR_BYTES:
                    raise
                # The journal must find room before a release does: what came is given back.
                self.slots.drop(candidate)
                return machine.refused(record, exc.message, at=self.clock.now(), is_passing=True)
            self.slots.promote(candidate)
            if not self._is_whole(candidate, offered):
                raise Untrusted(f"{candidate.id} came whole and is not what was signed.")
        return machine.advanced(record, at=self.clock.now())

    def _without_delta(self, record: SwitchRecord, exc: NeedsFullDownload) -> SwitchRecord:
        if record.pointer is not None and record.pointer.full_fallback == "window":
            return record if record.why == exc.message else replace(record, why=exc.message)
        return machine.refused(record, exc.message, at=self.clock.now())

    def _is_whole(self, candidate: Slot, offered: Offered) -> bool:
        """Whether it is there, whole, under its name; one that is not whole is removed."""
        if not self.slots.has(candidate):
            return False
        try:
            if self.slots.check(candidate) == offered.manifest:
                return True
            log.warning("switch: what lies in %s is another release", candidate.id)
        except DamagedRelease as exc:
            log.warning("switch: %s is fetched again: %s", candidate.id, exc)
        self.slots.drop(candidate)
        return False

    def _rehearse(self, record: SwitchRecord, _: Releases) -> SwitchRecord:
        candidate = _candidate(record)
        try:
            self.slots.check(candidate)
        except DamagedRelease as exc:  # since it came, on this disk: it comes again
            self.slots.drop(candidate)
            return machine.refused(record, exc.message, at=self.clock.now(), is_passing=True)
        told = self.rehearse(self.slots.whole(candidate))
        if told.why:
            return machine.refused(record, told.why, at=self.clock.now())
        why = f"{told.probes} probes answered, the slowest in {told.slowest_s:.2f} s"
        return machine.advanced(record, at=self.clock.now(), why=why)

    def _go_live(self, record: SwitchRecord, _: Releases) -> SwitchRecord:
        if not self._is_in_window(record):
            self._waits_s = None
            return record
        if not self._is_quiet():
            return record
        candidate = _candidate(record)
        row, failed = self.journal.row(), self.journal.failed(candidate.id)
        return machine.live(record, at=self.clock.now(), row=row, failed=failed)

    def _is_quiet(self) -> bool:
        """Whether nobody is being served; after a long wait it is taken as it is."""
        now_s = self.clock.monotonic()
        self._waits_s = now_s if self._waits_s is None else self._waits_s
        is_long = now_s - self._waits_s >= self.most_wait_s
        if is_long or self.journal.quiet_s() >= self.quiet_s:
            self._waits_s = None
            return True
        return False

    def _is_in_window(self, record: SwitchRecord) -> bool:
        if record.pointer is None:
            return True
        local = self.clock.now().astimezone(self.settings.zone)
        return read_window(record.pointer.window).is_open(local)

    def _may_full(self, record: SwitchRecord) -> bool:
        if record.pointer is None:
            return True
        return may_fetch_full(record.pointer, is_in_window=self._is_in_window(record))

    def _have(self, record: SwitchRecord) -> list[Path]:
        slots = (record.live, record.previous or OWN, OWN)
        return [slot.folder(self.settings) for slot in dict.fromkeys(slots)]

    def _progress(self, came: int, planned: int) -> None:
        if self.stopped.is_set() and came < planned:
            raise Stopped("The agent ends; the download goes on at its next start.")
        free = self.slots.disk_free()
        if free < FLOOR_BYTES:
            raise CannotWrite(f"The disk filled up under the download: {free // MIB:,} MiB left.")


def _candidate(record: SwitchRecord) -> Slot:
    assert record.candidate is not None  # a record on its way names one: sync.switch.machine
    return record.candidate

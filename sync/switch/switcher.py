"""The switch at work: takes a store from one release to the next, one durable state at a time.

`step` may be called whenever there is time; it goes as far as it can and returns. It may be killed
anywhere: what is done twice after that ends the same. It never touches what answers: it writes
`switch.json`, and the running store follows that by itself.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from appliance.config import Settings
from appliance.errors import BackroomError, LineDown
from appliance.live import SWITCH, Slot, clear_parts
from appliance.ports import Clock
from sync.errors import CannotWrite
from sync.switch import machine
from sync.switch.fit import Machine, read_machine
from sync.switch.journal import StoreJournal
from sync.switch.record import SwitchRecord, read_record, write_record
from sync.switch.rehearsal import Rehearsal, Rehearse
from sync.switch.releases import Releases
from sync.switch.slots import Slots, named
from sync.switch.trial import TrialLimits
from sync.switch.trials import Trials
from sync.switch.way import Stopped, Way
from sync.switch.windows import read_window
from sync.trust.ring import RingPointer, is_chosen
from sync.wire import SwitchReport
from sync.wire import SwitchState as S

log = logging.getLogger(__name__)

LOCK = "switch.lock"
MOST_STEPS = 8  # of one call: each state of a way once, and some to spare
LINELESS = frozenset({S.VERIFIED, S.REHEARSED})  # what they wait for is on this machine


@dataclass(frozen=True, slots=True)
class SwitchLimits:
    """Waits of a switch."""

    quiet_s: float = 20.0  # nobody was answered for so long: no customer is being served
    most_wait_s: float = 30 * 60.0  # for quiet, once the window is open: no ask is lost by going on
    again_s: float = 30.0  # after a step that failed; doubled each time it fails again
    most_again_s: float = 30 * 60.0
    trial: TrialLimits = field(default_factory=TrialLimits)


class Switcher:
    """One store's switch; one step at a time, over all processes of the home."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        ring: str,
        limits: SwitchLimits | None = None,
        is_paused: Callable[[], bool] = lambda: False,
        rehearse: Callable[[Path], Rehearsal] | None = None,
        machine_of: Callable[[Slots], Machine] = read_machine,
    ) -> None:
        """Look at nothing yet.

        Args:
            settings: The store's, as installed: `release` is what it came with.
            clock: As the hub corrected it; its monotonic half times waits and the probation.
            ring: The store's.
            limits: Waits, and what a release on trial may do worse.
            is_paused: The hub asked to take nothing new: unsigned, for it can only stop.
            rehearse: Of a release's folder; in a process of its own by default.
            machine_of: What there is of disk and memory.
        """
        self.limits = limits or SwitchLimits()
        self.ring = ring
        self._settings = settings
        self._clock = clock
        self._slots = Slots(settings.home)
        self._journal = StoreJournal(settings.home, clock.monotonic)
        self._way = Way(
            settings=settings,
            slots=self._slots,
            clock=clock,
            journal=self._journal,
            read_machine=machine_of,
            rehearse=rehearse or Rehearse(settings),
            quiet_s=self.limits.quiet_s,
            most_wait_s=self.limits.most_wait_s,
            is_paused=is_paused,
        )
        self._trials = Trials(
            settings=settings,
            slots=self._slots,
            clock=clock,
            journal=self._journal,
            limits=self.limits.trial,
            write=self._write,
        )
        self._lock = threading.Lock()
        self._is_begun = False
        self._failures, self._again_s = 0, 0.0

    def stop(self) -> None:
        """Have a download under way end soon, for good; any thread may call it."""
        self._way.stopped.set()

    def report(self) -> SwitchReport:
        """Return where the store stands, from its disk alone."""
        return self._told(read_record(self._settings.home))

    def step(self, releases: Releases, *, is_looking: bool = True) -> SwitchReport:
        """Go as far as is possible now, and return where that is.

        Args:
            releases: Where they come from.
            is_looking: Also ask what the ring says; False where that was just asked.

        Raises:
            LineDown, Untrusted, CannotWrite, StoreError: It went as far as `report` tells; to call
                it again later goes on.
        """
        with self._alone() as is_mine:
            record = read_record(self._settings.home)
            if not is_mine:  # another process switches: it goes on, and this one reads where it is
                return self._told(record)
            record = self._trials.heard(record)
            self._trials.clear(record)
            record, fault = self._looked(record, releases) if is_looking else (record, None)
            record = self._gone_on(record, releases, is_lineless=fault is not None)
            if fault is not None:
                raise fault
            return self._told(record)

    def offer(self, releases: Releases, release: str) -> SwitchReport:
        """Offer a release that a person names, as from a stick: the same way, but no ring's hours.

        Raises:
            PointerRefused: It is older than what is live.
            LineDown, Untrusted, CannotWrite: Nothing was offered.
        """
        with self._alone() as is_mine:
            record = read_record(self._settings.home)
            live = named(self._settings, record.live)
            if not is_mine or record.state in machine.ON_TRIAL or live.id == release:
                return self._told(record)
            offered = releases.release(release)
            word = RingPointer(self.ring, release, offered.manifest.counter)
            releases.move(word, offered, live_counter=live.counter)
            candidate = Slot(offered.manifest.id, offered.manifest.counter)
            self._slots.whole(candidate)
            return self._told(self._write(machine.offered(record, candidate, at=self._clock.now())))

    # ── what the ring says ───────────────────────────────────────────────────────────────────────

    def _looked(
        self, record: SwitchRecord, releases: Releases
    ) -> tuple[SwitchRecord, LineDown | None]:
        """Follow the ring's word; with the line down nothing new begins."""
        try:
            pointer = releases.look(self.ring)
            read_window(pointer.window)
            after = self._heard(record, pointer, releases)
        except LineDown as exc:
            return record, exc
        if after is not record:
            self._failures, self._again_s = 0, 0.0
        return after, None

    def _heard(
        self, record: SwitchRecord, pointer: RingPointer, releases: Releases
    ) -> SwitchRecord:
        candidate, live = record.candidate, named(self._settings, record.live)
        is_on_way = record.state in machine.ON_THE_WAY and record.pointer is not None
        if is_on_way and candidate is not None and pointer.release == candidate.id:
            # Its latest word about the same release: a window, a pause, more percent.
            is_same = pointer == record.pointer
            return record if is_same else self._write(replace(record, pointer=pointer))
        if is_on_way and (pointer.release == live.id or not self._is_meant(pointer)):
            why = f"ring {self.ring} names {pointer.release} now"
            record = self._write(machine.given_up(record, why, at=self._clock.now()))
        if record.state is S.LIVE:
            return record  # it stands, or is left, within seconds: then the ring is heard
        if not machine.is_wanted(
            record, pointer, store=self._settings.store, live_id=live.id, at=self._clock.now()
        ):
            return record
        return self._offered(record, pointer, releases)

    def _offered(
        self, record: SwitchRecord, pointer: RingPointer, releases: Releases
    ) -> SwitchRecord:
        offered = releases.release(pointer.release)
        live, at = named(self._settings, record.live), self._clock.now()
        move = releases.move(pointer, offered, live_counter=live.counter)
        candidate = Slot(offered.manifest.id, offered.manifest.counter)
        self._slots.whole(candidate)
        previous = named(self._settings, record.previous) if record.previous else None
        if record.state is S.PROBATION and candidate == previous:
            # Called back while on trial: what was live is here, whole, and was never in doubt.
            why = f"ring {self.ring} went back to {candidate.id}"
            return self._write(machine.back(record, why, at=at))
        if record.state is S.PROBATION:
            record = machine.settled(record, at=at, why=f"{candidate.id} follows")
        return self._write(
            machine.offered(record, candidate, at=at, pointer=pointer, is_back=move.is_back)
        )

    def _is_meant(self, pointer: RingPointer) -> bool:
        return is_chosen(pointer, self._settings.store)

    # ── going on ─────────────────────────────────────────────────────────────────────────────────

    def _gone_on(
        self, record: SwitchRecord, releases: Releases, *, is_lineless: bool
    ) -> SwitchRecord:
        """Go on, state by state, until one has to wait; after a failure not at once again."""
        if self._clock.monotonic() < self._again_s:
            return record
        for _ in range(MOST_STEPS):
            if is_lineless and record.state not in LINELESS:
                return record
            try:
                after = self._way.next(record, releases)
            except Stopped:
                return record
            except BackroomError as exc:
                self._failed(record, exc)
                raise
            if after is record:
                break
            record = self._write(after)
            log.info("switch: %s is %s. %s", self._told(record).candidate, record.state, record.why)
        self._failures, self._again_s = 0, 0.0
        return record

    def _failed(self, record: SwitchRecord, exc: BackroomError) -> None:
        wait_s = self.limits.again_s * 2 ** min(self._failures, 16)
        self._failures += 1
        self._again_s = self._clock.monotonic() + min(wait_s, self.limits.most_again_s)
        if record.why != exc.message:
            with suppress(CannotWrite):  # a full disk is why: the caller is told all the same
                self._write(replace(record, why=exc.message))

    # ── telling and keeping ──────────────────────────────────────────────────────────────────────

    def _told(self, record: SwitchRecord) -> SwitchReport:
        live = named(self._settings, record.live)
        return SwitchReport(
            state=record.state,
            live=live.id,
            counter=live.counter,
            previous=named(self._settings, record.previous).id if record.previous else "",
            candidate=record.candidate.id if record.candidate else "",
            since=record.since,
            why=record.why,
        )

    def _write(self, record: SwitchRecord) -> SwitchRecord:
        write_record(self._settings.home, record)
        return record

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Tell whether this process may switch now: no other does."""
        with self._lock:
            try:
                file = (self._settings.home / LOCK).open("a")
            except OSError as exc:
                raise CannotWrite(f"{LOCK}: {exc.strerror or exc}.") from exc
            with file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    yield False
                    return
                if not self._is_begun:
                    clear_parts(self._settings.home, SWITCH)
                    self._is_begun = True
                yield True

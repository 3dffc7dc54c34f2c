"""What the running store says of the release it stands on: taken up, watched, and cleared after."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from appliance.config import Settings
from appliance.live import Slot, read_standing
from appliance.ports import Clock
from sync.switch import machine
from sync.switch.journal import StoreJournal
from sync.switch.record import SwitchRecord
from sync.switch.slots import Slots, named
from sync.switch.trial import TrialLimits, judged
from sync.wire import SwitchState as S

log = logging.getLogger(__name__)

SAVE_S = 30.0  # of a probation may be lost to a kill


@dataclass(slots=True)
class Trials:
    """The live release of one store, from the moment it is named to the moment it settles."""

    settings: Settings
    slots: Slots
    clock: Clock
    journal: StoreJournal
    limits: TrialLimits
    write: Callable[[SwitchRecord], SwitchRecord]  # durably; returns what it wrote
    _stepped_s: float | None = None  # when the last step looked
    _unsaved_s: float = 0.0  # of the probation

    def heard(self, record: SwitchRecord) -> SwitchRecord:
        """Return the record after what the store says, and after its time on trial."""
        return self._watched(self._reconciled(record))

    def _reconciled(self, record: SwitchRecord) -> SwitchRecord:
        """Take up what the store decided alone, and that it stands on the live release."""
        said = read_standing(self.settings.home)
        if said.turn != record.turn or not said.is_open:
            return record
        if said.left and said.stands != record.live:
            log.warning("switch: the store left %s: %s", record.live.id, said.left)
            at = self.clock.now()
            return self.write(machine.back(record, said.left, at=at, to=said.stands))
        if record.state is S.LIVE and said.stands == record.live and not said.left:
            return self.write(machine.advanced(record, at=self.clock.now()))
        return record

    def _watched(self, record: SwitchRecord) -> SwitchRecord:
        """Judge the release on trial; let it settle after its time, or go back."""
        now_s, last_s = self.clock.monotonic(), self._stepped_s
        self._stepped_s = now_s
        if record.state is not S.PROBATION:
            self._unsaved_s = 0.0
            return record
        if why := self._judged(record):
            log.warning("switch: %s is left: %s", record.live.id, why)
            return self.write(machine.back(record, why, at=self.clock.now()))
        if last_s is not None and self._stands(record):
            self._unsaved_s += now_s - last_s
        whole = machine.watched(record, self._unsaved_s)
        if whole.spent_s >= self.limits.probation_s:
            return self.write(machine.settled(whole, at=self.clock.now()))
        if self._unsaved_s < SAVE_S:
            return record
        self._unsaved_s = 0.0
        return self.write(whole)

    def _judged(self, record: SwitchRecord) -> str:
        if record.previous is None:
            return ""
        now = self.journal.since(
            record.from_row,
            release=named(self.settings, record.live).id,
            failed_before=record.failed_before,
        )
        before = self.journal.until(
            record.from_row, release=named(self.settings, record.previous).id
        )
        return judged(now, before, self.limits)

    def _stands(self, record: SwitchRecord) -> bool:
        said = read_standing(self.settings.home)
        is_there = said.turn == record.turn and said.is_open and said.is_healthy
        return is_there and said.stands == record.live

    def clear(self, record: SwitchRecord) -> None:
        """Keep two releases and one on its way, once the store stands where the record says."""
        said = read_standing(self.settings.home)
        is_there = said.is_open and said.stands == record.live
        if record.turn and (said.turn != record.turn or not is_there):
            return
        kept = {record.live, record.previous or record.live}
        if record.candidate is not None and record.state in machine.ON_THE_WAY:
            kept.add(record.candidate)
        if self.settings.release.absolute().parent == self.slots.folder.absolute():
            kept.add(Slot(self.settings.release.name))  # installed among them
        if removed := self.slots.keep(kept):
            log.info("switch: removed %s", ", ".join(removed))

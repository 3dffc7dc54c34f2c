"""The beat: every minute, and at once after a switch, the hub hears how this store is."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from appliance.edge_cases import masked
from appliance.errors import StoreError
from appliance.store.spool import SqliteSpool
from sync.agent.figures import Figures, JournalFigures, Standing, Told, read_told
from sync.agent.line import Line
from sync.agent.memory import HubClock, Memory
from sync.agent.tokens import Tokens
from sync.wire import BEAT, Beat, BeatAnswer, SwitchReport

MOST_FAULTS = 8
LEAST_EVERY_S, MOST_EVERY_S = 5.0, 3600.0  # whatever the hub says
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Beats:
    """Sends them; one at a time."""

    line: Line
    tokens: Tokens
    clock: HubClock
    memory: Memory
    figures: Figures
    journal: JournalFigures
    spool: SqliteSpool
    home: Path
    agent: str  # version
    boot: str  # random, of this process
    ring: Callable[[], str]
    report: Callable[[], SwitchReport]
    sequence: int = field(default=0, init=False)
    errors_told: int = field(default=0, init=False)

    def __call__(self) -> BeatAnswer:
        """Send one and return what the hub says to it.

        What a beat told counts as told once it was answered: one that is lost is told again by
        the next.

        Raises:
            BackroomError: It was not answered.
        """
        standing = self.figures.standing()
        self.memory.fault("store", " ".join(standing.faults))
        told = read_told(self.journal, self.memory.known.told_row)
        beat = self._beat(standing, told)
        answer = self.tokens.used(
            lambda token: self.line.call("POST", BEAT, BeatAnswer, record=beat, token=token)
        )
        self.errors_told = standing.errors
        every_s = min(MOST_EVERY_S, max(LEAST_EVERY_S, answer.interval_s))
        self.clock.heard(answer.now)
        self.memory.change(
            ring=answer.ring,
            beat_every_s=every_s,
            breaker="closed",
            told_row=told.row if told else self.memory.known.told_row,
            bytes_up=self.line.counts.up,
            bytes_down=self.line.counts.down,
        )
        return answer

    def _beat(self, standing: Standing, told: Told | None) -> Beat:
        self.sequence += 1
        own = (why for job, why in self.memory.known.faults.items() if job != "store")
        faults = (*standing.faults, *own)
        beat = Beat(
            boot=self.boot,
            sequence=self.sequence,
            at=self.clock.now(),
            agent=self.agent,
            ring=self.ring(),
            switch=self.report(),
            level=standing.level,
            ready=standing.ready,
            faults=tuple(masked(fault)[:300] for fault in faults[:MOST_FAULTS]),
            uptime_s=round(standing.uptime_s, 1),
            errors=max(0, standing.errors - self.errors_told),
            shares=standing.shares,
            spool=self._spool(),
            machine=self._machine(),
            line=self._line(),
        )
        return _with(beat, standing, told)

    def _spool(self) -> dict[str, int]:
        try:
            found = self.spool.counted()
        except StoreError as exc:
            log.warning("agent: the spool cannot be counted: %s", exc)
            return {}
        return {"items": found.items, "bytes": found.bytes, "dropped": found.dropped}

    def _machine(self) -> dict[str, float]:
        free = psutil.virtual_memory().available / 2**20
        try:
            disk = shutil.disk_usage(self.home).free / 2**20
        except OSError:
            disk = 0.0
        return {"disk_free_mib": round(disk), "memory_free_mib": round(free)}

    def _line(self) -> dict[str, object]:
        tally = self.line.breaker.tally
        counts = self.line.counts
        return {
            "bytes_up": counts.up,
            "bytes_down": counts.down,
            "breaker": tally.state.value,
            "opened": tally.opened,
        }


def _with(beat: Beat, standing: Standing, told: Told | None) -> Beat:
    if told is None:
        return replace(beat, p50_ms=standing.p50_ms, p95_ms=standing.p95_ms)
    return replace(
        beat,
        asks=told.asks,
        lanes=told.lanes,
        calibration=told.calibration,
        journal=told.head,
        p50_ms=standing.p50_ms or told.p50_ms,
        p95_ms=standing.p95_ms or told.p95_ms,
    )

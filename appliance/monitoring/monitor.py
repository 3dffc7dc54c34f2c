"""Monitoring that acts: what is counted, kept for an hour and told, and the guard it sets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from appliance.config import Settings
from appliance.errors import StoreError
from appliance.monitoring.breaker import Tally
from appliance.monitoring.guard import Guard, limits_of
from appliance.monitoring.history import History
from appliance.monitoring.metrics import Metrics, Moment, vital_figures
from appliance.monitoring.pressure import SHEDS, Pressure, Vitals
from appliance.monitoring.watch import Machine, Watch
from appliance.ports import Clock, LanguageModel, Spool
from appliance.records import LaneName, Reply

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AtDesk:
    """How many asks are in hand, running and waiting, and how many may be."""

    taken: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Monitoring:
    """`ports.Monitor`: hears of every ask, watches the machine, and sets the lanes' guard."""

    settings: Settings
    clock: Clock
    model: LanguageModel
    spool: Spool
    release: str
    guard: Guard
    metrics: Metrics
    history: History
    began_at: datetime
    promise: str = ""  # the release's, of its own answers, in words

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        clock: Clock,
        model: LanguageModel,
        spool: Spool,
        release: str,
        promise: str = "",
        before: Monitoring | None = None,
    ) -> Monitoring:
        """Return the monitoring of a store; it is calm, and nobody watches the machine yet.

        Args:
            settings: The store's.
            clock: Its time.
            model: Whose load is told.
            spool: What is owed headquarters.
            release: Its id.
            promise: What it promises of its own answers, in words.
            before: Of the release this one follows in a running store: counters and the hour go
                on, the machine is as pressed as it was, and breakers begin closed, for what failed
                was the other release.
        """
        if before is not None:
            guard = Guard(limits_of(settings), clock.monotonic)
            guard.press(before.guard.pressure)
            return replace(before, model=model, release=release, promise=promise, guard=guard)
        return cls(
            settings=settings,
            clock=clock,
            model=model,
            spool=spool,
            release=release,
            guard=Guard(limits_of(settings), clock.monotonic),
            metrics=Metrics(),
            history=History(clock, waiting=lambda: model.load.waiting),
            began_at=clock.now(),
            promise=promise,
        )

    def answered(self, reply: Reply) -> None:
        """Note a reply that stands in the journal, what noting it takes included; never raises."""
        begun = self.clock.monotonic()
        try:
            self.history.answered(reply)
            self.metrics.answered(reply)
            times_ms = dict(reply.times_ms)
            own_ms = (self.clock.monotonic() - begun) * 1000
            spent = {
                "monitoring_ms": times_ms.get("monitoring", 0.0) + own_ms,
                "whole_ms": sum(times_ms.values()) + own_ms,
            }
            self.history.spent(**spent)
            self.metrics.spent(**spent)
        # The reply is written down and is to be heard: a figure that is lost is no reason to lose
        # the answer with it. Logged, for it is a bug.
        except Exception:
            log.exception("monitoring: reply %s is not counted", reply.id)

    def failed(self, code: str) -> None:
        """Note an ask that got no reply, by its error's code; never raises."""
        try:
            self.history.failed(code)
            self.metrics.failed(code)
        except Exception:  # as above: it must not stand in for the fault that is being told
            log.exception("monitoring: a failed ask is not counted")

    def take_over(self) -> None:
        """Have the hour tell how many wait for this release's model, from now on."""
        self.history.hear_of_waiting(lambda: self.model.load.waiting)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch this machine while the block runs."""
        with Watch(Machine(self.settings.home), self.press).running():
            yield

    def press(self, vitals: Vitals, pressure: Pressure) -> None:
        """Let the lanes' guard stand as a reading says."""
        self.guard.press(pressure)
        self.history.watched(vitals, pressure)

    def exposition(self, desk: AtDesk) -> bytes:
        """Return everything in Prometheus' text format."""
        return self.metrics.text(self.moment(desk))

    def moment(self, desk: AtDesk) -> Moment:
        """Return how things stand now; a database that cannot be read leaves its figures out."""
        spooled, dropped = self._owed()
        return Moment(
            pressure=self.guard.pressure,
            vitals=self.history.vitals,
            breakers=self.guard.tallies(),
            engine=self.model.load,
            is_engine_alive=self.model.is_alive,
            asks_in_hand=desk.taken,
            most_asks=desk.limit,
            spooled=spooled,
            spool_dropped=dropped,
            info={
                "release": self.release,
                "model": self.model.name,
                "store": self.settings.store,
            },
        )

    def _owed(self) -> tuple[int | None, int | None]:
        try:
            return self.spool.count(), self.spool.dropped()
        except StoreError as exc:
            log.warning("monitoring: the spool cannot be counted: %s", exc)
            return None, None

    def status(self, desk: AtDesk) -> dict[str, Any]:
        """Return how things stand and how the last hour went, as JSON."""
        now = self.moment(desk)
        pressure, engine = now.pressure, now.engine
        return {
            **now.info,
            "now": self.clock.now().isoformat(timespec="seconds"),
            "began_at": self.began_at.isoformat(timespec="seconds"),
            "promise": self.promise,
            "level": pressure.level.word,
            "why": pressure.why,
            "calmer": pressure.calmer,
            "sheds": list(SHEDS[pressure.level]),
            "vitals": vital_figures(now.vitals),
            "breakers": [_breaker(lane, tally) for lane, tally in now.breakers.items()],
            "queue": {
                "in_hand": now.asks_in_hand,
                "limit": now.most_asks,
                "running": engine.running,
                "waiting": engine.waiting,
            },
            "engine": {
                "is_alive": now.is_engine_alive,
                "cells_reserved": engine.cells_reserved,
                "cells": engine.cells,
                "failures": engine.failures,
            },
            "spool": {"items": now.spooled, "dropped": now.spool_dropped},
            "hour": self.history.plain(),
        }


def _breaker(lane: LaneName, tally: Tally) -> dict[str, Any]:
    return {
        "lane": lane.value,
        "state": tally.state.value,
        "why": tally.why,
        "tries": tally.tries,
        "failed": tally.failed,
        "slow": tally.slow,
        "opened": tally.opened,
        "retry_in_s": round(tally.retry_in_s, 1),
    }

"""The last hour, minute by minute, in bounded memory: what `backroom status` and `/manager` draw.

An hour is 60 minutes of 9 sketches: under 2 MB however many asks there are.
"""

from __future__ import annotations

import copy
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from appliance.meter import STAGES
from appliance.monitoring.pressure import Pressure, Vitals
from appliance.monitoring.sketch import Sketch
from appliance.ports import Clock
from appliance.records import Reply

MINUTES = 60
MINUTE_S = 60.0


@dataclass(slots=True)
class Minute:
    """What happened in one minute of the monotonic clock; `at` is when it was opened."""

    number: int
    at: datetime
    asks: int = 0
    whole: Sketch = field(default_factory=Sketch)
    stages: dict[str, Sketch] = field(default_factory=lambda: {s: Sketch() for s in STAGES})
    stages_ms: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    lanes: Counter[str] = field(default_factory=Counter)
    fallbacks: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    most_waiting: int = 0
    level: int = 0  # the highest
    process_mib: float = 0.0  # the last
    memory_available_share: float | None = None  # the least

    def plain(self) -> dict[str, Any]:
        """Return it as JSON; quantiles of nothing are null."""
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "asks": self.asks,
            "p50_ms": self.whole.quantile(0.5),
            "p95_ms": self.whole.quantile(0.95),
            "stages": _spread(self.stages),
            "lanes": dict(self.lanes),
            "fallbacks": self.fallbacks,
            "errors": dict(self.errors),
            "tokens": self.tokens,
            "most_waiting": self.most_waiting,
            "level": self.level,
            "process_mib": self.process_mib,
            "memory_available_share": self.memory_available_share,
        }


class History:
    """A ring of `MINUTES`; any thread may write and read."""

    def __init__(self, clock: Clock, waiting: Callable[[], int] = lambda: 0) -> None:
        """Start empty.

        Args:
            clock: Minutes are the monotonic clock's, so that a clock put right moves no minute.
            waiting: How many asks wait for the model just now.
        """
        self._clock = clock
        self._waiting = waiting
        self._ring: deque[Minute] = deque(maxlen=MINUTES)
        self.vitals: Vitals | None = None  # the last reading; None until somebody watches
        self._level = 0  # as last read; a new minute begins with it
        self._lock = threading.Lock()

    def hear_of_waiting(self, waiting: Callable[[], int]) -> None:
        """Ask another model how many wait for it, from now on."""
        self._waiting = waiting

    def answered(self, reply: Reply) -> None:
        """Note a reply, but for what `spent` notes of it."""
        with self._lock:
            minute = self._minute()
            minute.asks += 1
            for stage, ms in times_told(reply):
                minute.stages[stage].add(ms)
                minute.stages_ms[stage] += ms
            minute.lanes[reply.lane.value] += 1
            minute.fallbacks += is_fallback(reply)
            minute.tokens += sum(a.tokens.generated for a in reply.attempts)

    def spent(self, *, monitoring_ms: float, whole_ms: float) -> None:
        """Note what is known last of a reply: the time it was monitored, and its whole time."""
        with self._lock:
            minute = self._minute()
            minute.stages["monitoring"].add(monitoring_ms)
            minute.stages_ms["monitoring"] += monitoring_ms
            minute.whole.add(whole_ms)

    def failed(self, code: str) -> None:
        """Note an ask that got no reply."""
        with self._lock:
            self._minute().errors[code] += 1

    def watched(self, vitals: Vitals, pressure: Pressure) -> None:
        """Note a reading of the machine."""
        self.vitals = vitals
        with self._lock:
            minute = self._minute()
            self._level = int(pressure.level)
            minute.level = max(minute.level, self._level)
            minute.process_mib = round(vitals.process_mib, 1)
            known = minute.memory_available_share
            found = round(vitals.memory_available_share, 4)
            minute.memory_available_share = found if known is None else min(known, found)

    def plain(self) -> dict[str, Any]:
        """Return the hour as JSON: its minutes, oldest first, and all of them together."""
        with self._lock:  # asks wait for it: only the minute that still changes is copied
            now = copy.deepcopy(self._minute())
            minutes = [m for m in self._ring if now.number - MINUTES < m.number < now.number]
        minutes.append(now)
        return {"minutes": [m.plain() for m in minutes], "together": _together(minutes)}

    def _minute(self) -> Minute:
        number = int(self._clock.monotonic() // MINUTE_S)
        if not self._ring or self._ring[-1].number != number:
            self._ring.append(Minute(number, self._clock.now(), level=self._level))
        minute = self._ring[-1]
        minute.most_waiting = max(minute.most_waiting, self._waiting())
        return minute


def times_told(reply: Reply) -> tuple[tuple[str, float], ...]:
    """Return a reply's times but monitoring's, which is not over yet.

    The model's is among them only where a model was asked, lest zeros be its median.
    """
    left_out = {"monitoring"} | ({"model"} if not dict(reply.times_ms).get("model") else set())
    return tuple((stage, ms) for stage, ms in reply.times_ms if stage not in left_out)


def is_fallback(reply: Reply) -> bool:
    """Tell whether another lane answered than the one the route put first."""
    return bool(reply.lanes) and reply.lanes[0].lane is not reply.lane


def _together(minutes: list[Minute]) -> dict[str, Any]:
    whole, lanes, errors = Sketch(), Counter[str](), Counter[str]()
    stages = {stage: Sketch() for stage in STAGES}
    for minute in minutes:
        whole.merge(minute.whole)
        lanes.update(minute.lanes)
        errors.update(minute.errors)
        for stage, sketch in minute.stages.items():
            stages[stage].merge(sketch)
    return {
        "asks": whole.count,
        "p50_ms": whole.quantile(0.5),
        "p95_ms": whole.quantile(0.95),
        "stages": _spread(stages),
        "shares": _shares(minutes),
        "lanes": dict(lanes),
        "fallbacks": sum(m.fallbacks for m in minutes),
        "errors": dict(errors),
        "tokens": sum(m.tokens for m in minutes),
    }


def _shares(minutes: list[Minute]) -> dict[str, float]:
    """Return each name's share of orchestration, as DESIGN.md gives them: without the model."""
    spent = {s: sum(m.stages_ms[s] for m in minutes) for s in STAGES if s != "model"}
    whole_ms = sum(spent.values())
    return {s: round(ms / whole_ms, 4) for s, ms in spent.items()} if whole_ms else {}


def _spread(stages: dict[str, Sketch]) -> dict[str, dict[str, float | None]]:
    return {
        name: {"p50_ms": sketch.quantile(0.5), "p95_ms": sketch.quantile(0.95)}
        for name, sketch in stages.items()
    }

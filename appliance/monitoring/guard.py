"""Which lanes may be asked now: `ports.LaneGuard` over the machine's pressure and the breakers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from appliance.config import Settings
from appliance.monitoring.breaker import Breaker, Limits, Tally
from appliance.monitoring.pressure import Pressure
from appliance.records import LaneName

# Of an ask's deadline, what a lane may take before it is called slow. The specialist promises an
# answer in 2 s (DESIGN.md, 1); at half of the 10 s an ask has, nobody has held that promise and a
# lane below still has time. The line to headquarters is allowed most of what there is.
SLOW_SHARE = {LaneName.SPECIALIST: 0.5, LaneName.GENERALIST: 0.8}


class Guard:
    """Rests lanes that the machine cannot afford now, or that fail; any thread may call it."""

    def __init__(self, limits: Mapping[LaneName, Limits], monotonic: Callable[[], float]) -> None:
        """Make it calm, and every breaker closed; a lane without limits has no breaker."""
        self._breakers = {lane: Breaker(found, monotonic) for lane, found in limits.items()}
        self._lock = threading.Lock()
        self._pressure = Pressure()

    @property
    def pressure(self) -> Pressure:
        """Where the machine stands."""
        return self._pressure

    def press(self, pressure: Pressure) -> None:
        """Stand as the watch says."""
        self._pressure = pressure

    def closed(self, lane: LaneName) -> str:
        """Return why this lane is not to be asked now; '' lets one try in."""
        if why := self._pressure.rests(lane):
            return why
        with self._lock:
            breaker = self._breakers.get(lane)
            return breaker.closed() if breaker else ""

    def heard(self, lane: LaneName, *, seconds: float, failed: bool) -> None:
        """Note how a try went; an honest "none" has not failed."""
        with self._lock:
            if lane in self._breakers:
                self._breakers[lane].heard(seconds, failed=failed)

    def excuse(self, lane: LaneName) -> None:
        """Take a try back that says nothing of the lane."""
        with self._lock:
            if lane in self._breakers:
                self._breakers[lane].excuse()

    def is_brief(self) -> bool:
        """Whether long answers are to be cut to their first sentence."""
        return self._pressure.is_brief

    def tallies(self) -> dict[LaneName, Tally]:
        """Return what each breaker tells of itself."""
        with self._lock:
            return {lane: breaker.tally() for lane, breaker in self._breakers.items()}


def limits_of(settings: Settings) -> dict[LaneName, Limits]:
    """Return each lane's bound, by the time an ask has."""
    deadline_s = settings.ask_deadline_s
    return {lane: Limits(slow_s=share * deadline_s) for lane, share in SLOW_SHARE.items()}

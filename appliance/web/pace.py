"""How often one device may ask; asks, product cards and thumbs all count."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from appliance.config import Settings
from appliance.records import Principal
from appliance.web.limits import Buckets
from appliance.web.problems import Problem, Refused

MOST_DEVICES = 1_024  # counted at once; a store has some 30


@dataclass(frozen=True, slots=True)
class Pace:
    """Keeps one device from taking the whole store's time."""

    per_minute: int
    buckets: Buckets | None  # None: no limit

    def take(self, asker: Principal) -> None:
        """Count one ask.

        Raises:
            Refused: 429, with the time until there is room for another.
        """
        if self.buckets is None:
            return
        wait_s = math.ceil(self.buckets.take(asker.device))
        if wait_s:
            detail = f"This device has asked {self.per_minute:,} times within a minute."
            hint = f"Ask again in {wait_s} s."
            raise Refused(Problem(429, "too_many_asks", detail, hint, retry_after_s=wait_s))


def pace_of(settings: Settings, *, monotonic: Callable[[], float] = time.monotonic) -> Pace:
    """Return the pace that the settings allow; 0 asks a minute is no limit."""
    per_minute = settings.asks_per_minute
    if not per_minute:
        return Pace(0, None)
    buckets = Buckets(per_minute, per_minute, most_keys=MOST_DEVICES, monotonic=monotonic)
    return Pace(per_minute, buckets)

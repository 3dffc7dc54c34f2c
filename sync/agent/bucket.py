"""One token bucket for all that passes the line: releases, batches, chat, everything.

Chat never waits: somebody stands in front of a customer. What it takes is owed, and the rest waits
for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

MOST_WAIT_S = 5.0  # at one time: then it is looked at again, for the hours may have changed
LEAST_BYTES_S = 256.0  # of a rate that is not 0; less would never bring anything


@dataclass(frozen=True, slots=True)
class Hours:
    """A time of the store's day with a rate of its own; over midnight when it ends earlier."""

    begins: int  # minutes after midnight
    ends: int
    bytes_s: float  # 0: no limit

    def are_now(self, minute: int) -> bool:
        """Tell whether a minute of the day is among them."""
        if self.begins < self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends


@dataclass(frozen=True, slots=True)
class Rate:
    """How much may pass."""

    bytes_s: float = 0.0  # 0: no limit
    burst_bytes: float = 512.0 * 1024
    hours: tuple[Hours, ...] = ()

    def at(self, local: datetime) -> float:
        """Return the bytes a second at an instant in the store's zone; 0: no limit."""
        minute = local.hour * 60 + local.minute
        bytes_s = next((h.bytes_s for h in self.hours if h.are_now(minute)), self.bytes_s)
        return max(bytes_s, LEAST_BYTES_S) if bytes_s else 0.0


class Bucket:
    """Counts what passes and makes what can wait wait; any thread may call it."""

    def __init__(
        self,
        rate: Rate,
        *,
        local: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin with a full burst.

        Args:
            rate: How much may pass.
            local: Now, in the store's zone.
            monotonic: Seconds that never go back.
            sleep: Waits.
        """
        self._rate = rate
        self._local = local
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._level = rate.burst_bytes  # below 0: owed
        self._at = monotonic()
        self._stopped = False

    @property
    def bytes_s(self) -> float:
        """The rate just now; 0: no limit."""
        return self._rate.at(self._local())

    def count(self, size: int) -> None:
        """Take so many bytes at once, on credit if need be: nobody waits."""
        with self._lock:
            self._fill()
            self._level -= size

    def take(self, size: int) -> None:
        """Take so many bytes, and wait until they are no longer owed; at once when stopped."""
        self.count(size)
        while (wait_s := self._owed_s()) > 0:
            self._sleep(min(wait_s, MOST_WAIT_S))

    def stop(self) -> None:
        """Let everybody who waits go on: the agent ends."""
        self._stopped = True

    def _owed_s(self) -> float:
        with self._lock:
            self._fill()
            rate = self._rate.at(self._local())
            if self._stopped or not rate:
                return 0.0
            return max(0.0, -self._level / rate)

    def _fill(self) -> None:
        now, rate = self._monotonic(), self._rate.at(self._local())
        gained = (now - self._at) * rate
        self._at = now
        # Without a limit nothing is owed: a debt of the day must not hold up the night.
        self._level = (
            min(self._rate.burst_bytes, self._level + gained) if rate else (self._rate.burst_bytes)
        )

"""The line's breaker: when the hub is gone, nobody waits to find it out again.

It works with a single hub. Chat is let through only while it is closed: the jobs' requests, which
nobody waits for, are what finds out that the hub is back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from appliance.errors import LineResting
from appliance.monitoring.breaker import Breaker, Limits, State, Tally

# Two in a row: of a line that drops one request in ten, one hundredth of the pairs. Slowness is
# judged by the lanes' own guard; here it may be the bandwidth we were told to keep to.
LIMITS = Limits(
    slow_s=float("inf"),
    share=1.0,
    least_tries=2,
    most_tries=2,
    window_s=300.0,
    cool_down_s=5.0,
    longest_cool_down_s=60.0,
    probes=1,
)


class LineBreaker:
    """`Breaker` for many threads."""

    def __init__(self, monotonic: Callable[[], float], limits: Limits = LIMITS) -> None:
        """Begin closed."""
        self._breaker = Breaker(limits, monotonic)
        self._lock = threading.Lock()

    @property
    def tally(self) -> Tally:
        """What there is to tell of it."""
        with self._lock:
            return self._breaker.tally()

    @property
    def is_closed(self) -> bool:
        """Whether everybody is let through."""
        return self.tally.state is State.CLOSED

    def check(self, *, is_chat: bool) -> None:
        """Let a request through.

        Raises:
            LineResting: The hub is known to be gone; for a job, until the next probe is due.
        """
        with self._lock:
            if is_chat:
                tally = self._breaker.tally()
                why = "" if tally.state is State.CLOSED else f"its breaker is open: {tally.why}"
            else:
                why = self._breaker.closed()
        if why:
            raise LineResting(f"The line is not tried, {why}.")

    def heard(self, *, failed: bool) -> None:
        """Note how a request went."""
        with self._lock:
            self._breaker.heard(0.0, failed=failed)

    def excuse(self) -> None:
        """Take a request back that says nothing of the hub."""
        with self._lock:
            self._breaker.excuse()

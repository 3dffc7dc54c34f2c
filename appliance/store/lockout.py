"""How many wrong PINs a badge may have, and how long it then waits; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FREE_MISSES = 4  # the fifth wrong PIN in a row locks
FIRST_LOCK = timedelta(minutes=5)
# So that who guesses at a colleague's badge cannot keep the colleague out for good; at six tries
# a day a PIN of four digits lasts for years.
LONGEST_LOCK = timedelta(hours=4)
_MOST_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Tally:
    """Wrong PINs of one badge since the last right one."""

    misses: int = 0
    locked_until: datetime | None = None

    def missed(self, now: datetime) -> Tally:
        """Return the tally after one more; from the fifth on each one locks, for twice as long."""
        misses = self.misses + 1
        lock = lock_for(misses)
        return Tally(misses, now + lock if lock else None)

    def at(self, now: datetime) -> Tally:
        """Return the tally as it holds now.

        A lock that would last longer than locks do was written by another time: the clock was
        set back. It starts again, so that it holds no longer than its own length from here on.
        """
        longest = now + lock_for(self.misses)
        if self.locked_until is None or self.locked_until <= longest:
            return self
        return Tally(self.misses, longest)

    def wait(self, now: datetime) -> timedelta:
        """Return how long no PIN is looked at; zero when one is."""
        if self.locked_until is None:
            return timedelta()
        return max(timedelta(), self.locked_until - now)


def lock_for(misses: int) -> timedelta:
    """Return the lock's length after so many misses: none, then 5 minutes, 10, 20 … 4 hours."""
    if misses <= FREE_MISSES:
        return timedelta()
    doublings = min(misses - FREE_MISSES - 1, _MOST_DOUBLINGS)
    return min(FIRST_LOCK * (1 << doublings), LONGEST_LOCK)

"""A lane's breaker: opens when the lane fails or crawls, and finds out by itself when it is well.

Pure: the clock is passed in. One thread at a time; `appliance/guard.py` holds the lock.

It works with a single upstream. An open breaker sends nobody elsewhere, for there is no elsewhere:
the ask goes down its ladder, where the quote needs no upstream. And it storms nobody: what is let
through to see whether the lane is well again is one ask at a time, after waits that double.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Of a breaker: closed lets asks through, open none, half-open one at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a breaker opens and how it closes again."""

    slow_s: float  # a try that takes longer is as bad as one that fails
    # Half: the failure rate at which Resilience4j's breaker opens by default.
    # Source: resilience4j.readme.io/docs/circuitbreaker, failureRateThreshold.
    share: float = 0.5
    # With fewer one unlucky ask would close the lane to all. Four that hang cost four associates
    # their ten seconds; a store hears about three asks an hour, so more would cost a morning.
    least_tries: int = 4
    # The latest so many, and none older than a quarter of an hour: what it did before lunch says
    # nothing of now.
    most_tries: int = 20
    window_s: float = 900.0
    # Doubled after each probe that goes wrong, up to the longest: an engine that was busy is back
    # in seconds; a line that is cut stays cut, and each probe costs one associate's patience.
    cool_down_s: float = 15.0
    longest_cool_down_s: float = 240.0
    probes: int = 2  # good ones in a row before it closes


@dataclass(frozen=True, slots=True)
class Try:
    """How one try of a lane went."""

    at: float  # of the clock, seconds
    failed: bool
    is_slow: bool

    @property
    def is_bad(self) -> bool:
        """Whether it counts towards opening."""
        return self.failed or self.is_slow


@dataclass(frozen=True, slots=True)
class Tally:
    """What a breaker tells of itself."""

    state: State
    why: str  # in words; '' when closed
    tries: int  # in the window
    failed: int
    slow: int
    opened: int  # times since the start
    retry_in_s: float  # until the next probe; 0 when closed


class Breaker:
    """Counts a lane's tries and closes the lane to asks when too many of them are bad."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._tries: deque[Try] = deque(maxlen=limits.most_tries)
        self._state = State.CLOSED
        self._why = ""
        self._cool_down_s = limits.cool_down_s
        self._probe_at = 0.0  # when the next probe may go
        self._good_probes = 0
        self._opened = 0

    def closed(self) -> str:
        """Return why the lane is not to be asked; '' lets one try in, to be told of afterwards."""
        now = self._monotonic()
        if self._state is State.CLOSED:
            return ""
        if now < self._probe_at:
            waits = "a probe is under way" if self._state is State.HALF_OPEN else self._waits(now)
            return f"its breaker is open: {self._why}; {waits}"
        self._state = State.HALF_OPEN
        # A probe nobody tells of (its thread was lost) bars the way no longer than a cool-down.
        self._probe_at = now + self._cool_down_s
        return ""

    def heard(self, seconds: float, *, failed: bool) -> None:
        """Note how a try went."""
        now = self._monotonic()
        found = Try(now, failed, is_slow=not failed and seconds > self._limits.slow_s)
        if self._state is State.HALF_OPEN:
            self._probed(found)
        elif self._state is State.CLOSED:
            self._tries.append(found)
            tally = self.tally()
            bad = tally.failed + tally.slow
            is_known = tally.tries >= self._limits.least_tries
            if found.is_bad and is_known and bad >= self._limits.share * tally.tries:
                self._open(_words(tally))
        # Open: a try from before it opened comes back late. It was one of those that opened it.

    def excuse(self) -> None:
        """Take a try back that says nothing of the lane; a probe may go again at once."""
        if self._state is State.HALF_OPEN:
            self._probe_at = self._monotonic()

    def tally(self) -> Tally:
        """Return what there is to tell."""
        now = self._monotonic()
        while self._tries and self._tries[0].at < now - self._limits.window_s:
            self._tries.popleft()
        is_closed = self._state is State.CLOSED
        return Tally(
            state=self._state,
            why=self._why,
            tries=len(self._tries),
            failed=sum(t.failed for t in self._tries),
            slow=sum(t.is_slow for t in self._tries),
            opened=self._opened,
            retry_in_s=0.0 if is_closed else max(0.0, self._probe_at - now),
        )

    def _probed(self, found: Try) -> None:
        if found.is_bad:
            doubled = 2 * self._cool_down_s
            self._cool_down_s = min(doubled, self._limits.longest_cool_down_s)
            self._open("the probe failed" if found.failed else "the probe was slow")
            return
        self._good_probes += 1
        self._probe_at = found.at
        if self._good_probes >= self._limits.probes:
            self._state, self._why = State.CLOSED, ""
            self._cool_down_s = self._limits.cool_down_s
            self._tries.clear()

    def _open(self, why: str) -> None:
        self._state, self._why = State.OPEN, why
        self._probe_at = self._monotonic() + self._cool_down_s
        self._good_probes = 0
        self._opened += 1

    def _waits(self, now: float) -> str:
        return f"tried again in {self._probe_at - now:.0f} s"


def _words(tally: Tally) -> str:
    parts = [f"{tally.failed} failed"] if tally.failed else []
    parts += [f"{tally.slow} were too slow"] if tally.slow else []
    return f"{' and '.join(parts)} of its last {tally.tries} tries"

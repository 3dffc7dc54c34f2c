"""Time per stage, under the names of orchestration work; the metering itself is metered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

STAGES = (
    "data_prep",
    "policy",
    "routing",
    "context_stitching",
    "governance",
    "monitoring",
    "audit",
    "model",
)


class Meter:
    """Times of one ask, in milliseconds; a nested measurement is not counted twice.

    One meter belongs to one ask and one thread.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._times_s = dict.fromkeys(STAGES, 0.0)
        self._inner_s: list[float] = []

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time inside to `stage`, less what inner measurements took.

        Raises:
            KeyError: `stage` is not one of `STAGES`.
        """
        self._times_s[stage] += 0.0
        entered = self._monotonic()
        self._inner_s.append(0.0)
        begun = self._monotonic()
        try:
            yield
        finally:
            ended = self._monotonic()
            inner = self._inner_s.pop()
            self._times_s[stage] += ended - begun - inner
            left = self._monotonic()
            self._times_s["monitoring"] += (begun - entered) + (left - ended)
            if self._inner_s:
                self._inner_s[-1] += left - entered

    def times_ms(self) -> tuple[tuple[str, float], ...]:
        """Return (stage, milliseconds) in the order of `STAGES`."""
        return tuple((stage, round(self._times_s[stage] * 1000, 3)) for stage in STAGES)

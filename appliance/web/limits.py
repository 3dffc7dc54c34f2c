"""How often one peer or device may come: a token bucket each, for a bounded number of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

LONGEST_WAIT_S = 3_600.0  # told of a bucket that never fills again


class Buckets:
    """Token buckets by key: `burst` at once, then `rate_per_minute`; safe from any thread."""

    def __init__(
        self,
        rate_per_minute: float,
        burst: int,
        *,
        most_keys: int,
        monotonic: Callable[[], float],
    ) -> None:
        """Start with every bucket full.

        Args:
            rate_per_minute: Tokens that come back in a minute; 0 for none ever.
            burst: Tokens of a full bucket, at least 1.
            most_keys: Buckets kept; the one longest unused goes first, and is full when it returns.
            monotonic: Seconds of a clock that never goes back.
        """
        self._per_s = rate_per_minute / 60
        self._burst = max(1, burst)
        self._most = most_keys
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, as of

    def take(self, key: str) -> float:
        """Take a token; return 0.0, or the seconds until there is one when there is none."""
        with self._lock:
            now = self._monotonic()
            left, as_of = self._kept.pop(key, (float(self._burst), now))
            left = min(float(self._burst), left + (now - as_of) * self._per_s)
            wait_s = 0.0
            if left >= 1:
                left -= 1
            else:
                wait_s = (1 - left) / max(self._per_s, 1 / LONGEST_WAIT_S)
            self._kept[key] = (left, now)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return wait_s

    def __len__(self) -> int:
        """Return how many buckets are kept."""
        return len(self._kept)

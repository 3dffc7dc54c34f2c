"""Quantiles of a stream in a few hundred counters: logarithmic buckets, mergeable.

Source: Masson, Rim, Lee, "DDSketch", VLDB 2019. Buckets grow by `GROWTH`, so that a quantile is
off by at most (GROWTH - 1) / (GROWTH + 1), 5 %, of its value; values from 1 µs to 1,000 s, in ms.
"""

from __future__ import annotations

import math
from collections import Counter

GROWTH = 1.1
LEAST_MS, MOST_MS = 0.001, 1e6
_LOG = math.log(GROWTH)


class Sketch:
    """How values are spread; at most ~220 counters, whatever it is given."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0

    def add(self, value_ms: float) -> None:
        """Count one value; what is outside the range counts at its edge."""
        held = min(max(value_ms, LEAST_MS), MOST_MS)
        self._buckets[math.ceil(math.log(held) / _LOG)] += 1
        self.count += 1

    def merge(self, other: Sketch) -> None:
        """Count all that `other` has counted."""
        self._buckets.update(other._buckets)
        self.count += other.count

    def quantile(self, q: float) -> float | None:
        """Return the least value that the share `q` of them do not exceed; None when of none."""
        if not self.count:
            return None
        left = max(1, math.ceil(q * self.count))  # the nearest rank
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                break
        return round(2 * GROWTH**bucket / (GROWTH + 1), 3)

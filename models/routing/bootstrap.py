"""Intervals by drawing the asks again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
LEVEL = 0.95


def intervals(
    measure: Callable[[NDArray[np.intp]], Mapping[str, float | None]],
    *,
    asks: int,
    seed: int,
    draws: int = DRAWS,
) -> dict[str, dict[str, Any]]:
    """Return each figure with its percentile interval.

    Drawing again adds noise, which a calibration error counts as error: its interval lies a little
    high, and may lie wholly over the figure.

    Args:
        measure: Rows, (n,) with repeats -> figures; None for one that these rows cannot tell.
        asks: How many rows there are.
        seed: Of the drawing.
        draws: How often all rows are drawn, with replacement.
    """
    chance = np.random.default_rng(seed)
    drawn = [measure(chance.integers(0, asks, asks)) for _ in range(draws)] if asks else []
    found: dict[str, dict[str, Any]] = {}
    for name, value in measure(np.arange(asks)).items():
        seen = [v for d in drawn if (v := d.get(name)) is not None]
        found[name] = {"value": _rounded(value), "low": None, "high": None}
        if value is not None and seen:
            low, high = np.quantile(seen, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            found[name] |= {"low": _rounded(low), "high": _rounded(high)}
    return found


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)

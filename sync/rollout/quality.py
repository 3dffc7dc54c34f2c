"""Whether a release answers worse than the one before, surely enough to stop it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sync.rollout.plan import QualityLimits


@dataclass(frozen=True, slots=True)
class Quality:
    """What stores told of one release, summed over their beats."""

    asks: int = 0
    errors: int = 0
    answered: float = 0.0  # answers whose confidence is known
    expected: float = 0.0  # sum of those confidences: so many should be right
    down: float = 0.0  # answers somebody called wrong
    timed: int = 0  # stores whose p95 is in the two sums
    p95_sum: float = 0.0  # of stores' 95th percentiles, ms
    p95_squares: float = 0.0
    stores: int = 0  # that run it
    dark: int = 0  # of those: silent now


@dataclass(frozen=True, slots=True)
class Halves:
    """The new release and what runs elsewhere, seen over the same days."""

    new: Quality = Quality()
    before: Quality = Quality()


def worse(found: Halves, limits: QualityLimits) -> str:
    """Return in words what the new release is surely worse in; '' when nothing is."""
    if not found.before.stores and not found.before.asks:
        return ""  # nothing to compare with
    return next(filter(None, _findings(found, limits)), "")


def _findings(found: Halves, limits: QualityLimits) -> Iterable[str]:
    yield _errors(found.new, found.before, limits)
    yield _called_wrong(found.new, found.before, limits)
    yield _overconfident(found.new, found.before, limits)
    yield _slow(found.new, found.before, limits)
    yield _dark(found.new, found.before, limits)


def _errors(new: Quality, old: Quality, limits: QualityLimits) -> str:
    if min(new.asks, old.asks) < limits.least_asks or not _rises(
        (new.errors, new.asks), (old.errors, old.asks), limits.error_rise, limits.sureness
    ):
        return ""
    return f"errors: {_of(new.errors, new.asks)} of asks against {_of(old.errors, old.asks)}"


def _called_wrong(new: Quality, old: Quality, limits: QualityLimits) -> str:
    if min(new.answered, old.answered) < limits.least_asks or not _rises(
        (new.down, new.answered), (old.down, old.answered), limits.down_rise, limits.sureness
    ):
        return ""
    return f"called wrong: {_of(new.down, new.answered)} against {_of(old.down, old.answered)}"


def _overconfident(new: Quality, old: Quality, limits: QualityLimits) -> str:
    if min(new.answered, old.answered) < limits.least_asks:
        return ""
    error = math.sqrt(0.25 / new.answered + 0.25 / old.answered)  # a share's at its widest
    if _over(new) - _over(old) - limits.sureness * error <= limits.drift_rise:
        return ""
    return f"calibration: confidence over what held is {_over(new):+.1%} against {_over(old):+.1%}"


def _slow(new: Quality, old: Quality, limits: QualityLimits) -> str:
    if min(new.timed, old.timed) < limits.least_stores or not old.p95_sum:
        return ""
    error = math.sqrt(_variance(new) / new.timed + _variance(old) / old.timed)
    if _mean(new) - _mean(old) - limits.sureness * error <= limits.slow_rise * _mean(old):
        return ""
    return f"slower: p95 {_mean(new):,.0f} ms against {_mean(old):,.0f} ms"


def _dark(new: Quality, old: Quality, limits: QualityLimits) -> str:
    if min(new.stores, old.stores) < limits.least_stores or not _rises(
        (new.dark, new.stores), (old.dark, old.stores), limits.dark_rise, limits.sureness
    ):
        return ""
    return f"stores gone silent: {_of(new.dark, new.stores)} against {_of(old.dark, old.stores)}"


def _rises(
    new: tuple[float, float], old: tuple[float, float], allowed: float, sureness: float
) -> bool:
    """Tell whether a share has risen by more than allowed, the lower end of its interval.

    Source: the two-proportion interval of Agresti and Caffo (2000), one added on either side,
    which holds at small counts where the plain one does not.
    """
    # A share is at most one: a thumb down can come long after the answer was counted.
    p, q = (min(1.0, (part + 1) / (whole + 2)) for part, whole in (new, old))
    error = math.sqrt(p * (1 - p) / (new[1] + 2) + q * (1 - q) / (old[1] + 2))
    return p - q - sureness * error > allowed


def _over(found: Quality) -> float:
    """Return how much surer answers were than those nobody called wrong."""
    return found.expected / found.answered - (1 - found.down / found.answered)


def _mean(found: Quality) -> float:
    return found.p95_sum / found.timed


def _variance(found: Quality) -> float:
    mean = _mean(found)
    spread = max(0.0, found.p95_squares / found.timed - mean * mean)
    return spread * found.timed / max(1, found.timed - 1)


def _of(part: float, whole: float) -> str:
    return f"{part / whole:.1%}"

"""What is remembered of each store during a rollout: when it settled, and how it answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync.rollout.fates import StoreView, has_settled, is_silent
from sync.rollout.plan import Plan
from sync.rollout.quality import Halves, Quality
from sync.wire import Beat

# What one beat can say, whatever a broken or hostile store writes into it: a figure past these
# would stop the arithmetic, and with it every rollout. Source of asks: the rows of its journal that
# an agent looks at for a beat.
MOST_ASKS = 2_000
MOST_P95_MS = 3_600_000.0


@dataclass(frozen=True, slots=True)
class Half:
    """A store's beats on one side: with the new release, or with what it ran before."""

    asks: int = 0
    errors: int = 0
    answered: float = 0.0
    expected: float = 0.0
    down: float = 0.0
    p95_ms: float = 0.0  # the latest of a beat with asks


@dataclass(frozen=True, slots=True)
class Sighting:
    """One store, as its beats so far told of it."""

    boot: str = ""
    sequence: int = 0  # of the last beat counted: none counts twice
    settled_at: datetime | None = None  # on the new release, for the first time
    new: Half = Half()
    before: Half = Half()


def seen(so_far: Sighting, beat: Beat, *, release: str, view: StoreView) -> Sighting:
    """Return the sighting after a beat; the very same one when it was counted before.

    Args:
        so_far: What was remembered.
        beat: The store's newest.
        release: That is being rolled out.
        view: Of the same beat; its `beat_at` is when the hub heard it.
    """
    if (so_far.boot, so_far.sequence) == (beat.boot, beat.sequence):
        return so_far
    now = replace(so_far, boot=beat.boot, sequence=beat.sequence)
    if now.settled_at is None and has_settled(view, release):
        now = replace(now, settled_at=view.beat_at)
    if beat.switch.live == release:
        return replace(now, new=_counted(now.new, beat))
    return replace(now, before=_counted(now.before, beat))


def halves(
    plan: Plan,
    sightings: Mapping[str, Sighting],
    views: Iterable[StoreView],
    *,
    began_at: datetime,
    now: datetime,
) -> Halves:
    """Add up what stores told, the new release on one side and all before it on the other.

    Silence is counted among stores heard since the rollout began: one that was dark already says
    nothing of either side.
    """
    sides = {True: Quality(), False: Quality()}
    for view in views:
        sighting = sightings.get(view.store, Sighting())
        is_new = view.report is not None and view.report.live == plan.release
        if view.beat_at is not None and view.beat_at >= began_at - timedelta(minutes=5):
            dark = is_silent(view, after_s=plan.silent_after_s, now=now)
            side = sides[is_new]
            sides[is_new] = replace(side, stores=side.stores + 1, dark=side.dark + dark)
        sides[True] = _added(sides[True], sighting.new)
        sides[False] = _added(sides[False], sighting.before)
    return Halves(sides[True], sides[False])


def _counted(half: Half, beat: Beat) -> Half:
    told = beat.calibration
    errors = int(_within(beat.errors, MOST_ASKS))
    return Half(
        # An ask that ended in an error left no reply to be counted by.
        asks=half.asks + max(errors, int(_within(beat.asks, MOST_ASKS))),
        errors=half.errors + errors,
        answered=half.answered + _within(told.get("answered", 0.0), MOST_ASKS),
        expected=half.expected + _within(told.get("expected", 0.0), MOST_ASKS),
        down=half.down + _within(told.get("down", 0.0), MOST_ASKS),
        p95_ms=min(beat.p95_ms, MOST_P95_MS) if beat.asks and beat.p95_ms > 0 else half.p95_ms,
    )


def _within(value: float, most: float) -> float:
    return max(0.0, min(most, value))


def _added(side: Quality, half: Half) -> Quality:
    is_timed = half.p95_ms > 0
    return replace(
        side,
        asks=side.asks + half.asks,
        errors=side.errors + half.errors,
        answered=side.answered + half.answered,
        expected=side.expected + half.expected,
        down=side.down + half.down,
        timed=side.timed + is_timed,
        p95_sum=side.p95_sum + half.p95_ms,
        p95_squares=side.p95_squares + half.p95_ms**2,
    )

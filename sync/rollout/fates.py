"""What became of each store a step chose: settled, failed, under way or owed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sync.rollout.events import Reached
from sync.rollout.plan import Plan, Ring, Silent, Step
from sync.wire import SKEW_S, SwitchReport, SwitchState

# From VERIFIED on the release is run on the machine: the rehearsal is the first time.
_RUNS = frozenset(
    {SwitchState.VERIFIED, SwitchState.REHEARSED, SwitchState.LIVE, SwitchState.PROBATION}
)
_FAILS = frozenset({SwitchState.BACK, SwitchState.REFUSED})
LONGEST_WHY = 200  # characters of what one store says
CLOCKS_APART = timedelta(seconds=SKEW_S)  # at most, of a store that beats and the hub


@dataclass(frozen=True, slots=True)
class StoreView:
    """What headquarters knows of a store; all instants are the hub's clock's."""

    store: str
    ring: str
    place: float  # in [0, 1): `ring.draw` with the rollout's salt
    beat_at: datetime | None = None  # of the last beat; None: never heard
    report: SwitchReport | None = None  # in that beat
    settled_at: datetime | None = None  # when it was first seen settled on this release


class Fate(StrEnum):
    """What became of a store."""

    SETTLED = "settled"
    FAILED = "failed"
    UNDER_WAY = "under way"
    OWED = "owed"  # out of reach or too slow: nobody waits, and it gets the release when it can


@dataclass(frozen=True, slots=True)
class Tally:
    """A ring's chosen stores by fate."""

    chosen: int = 0
    settled: int = 0
    failed: int = 0
    under_way: int = 0
    owed: int = 0
    tried: int = 0  # ran the release, however it went
    whys: tuple[str, ...] = ()  # of failures, the first few
    settled_at: tuple[datetime, ...] = ()  # sorted

    @property
    def in_reach(self) -> int:
        """Chosen stores that can tell how it went."""
        return self.chosen - self.owed


def is_silent(view: StoreView, *, after_s: float, now: datetime) -> bool:
    """Tell whether a store has not been heard for longer than `after_s` seconds."""
    return view.beat_at is None or now - view.beat_at > timedelta(seconds=after_s)


def runs(view: StoreView, release: str) -> bool:
    """Tell whether a store's last word is that it runs the release, or tries it out."""
    report = view.report
    if report is None:
        return False
    return report.live == release or (report.candidate == release and report.state in _RUNS)


def has_failed(view: StoreView, release: str, *, chosen_at: datetime | None = None) -> bool:
    """Tell whether a store's last word is that the release did not hold there.

    What it says of a time before it was chosen is of another rollout, and it tries again now.
    """
    report = view.report
    if report is None:
        return False
    if report.state in _FAILS and report.candidate == release:
        is_old = chosen_at and report.since and report.since < chosen_at - CLOCKS_APART
        return not is_old
    # It had settled, and an hour later it runs something else: a late failure, whatever it says.
    return view.settled_at is not None and not runs(view, release)


def has_settled(view: StoreView, release: str) -> bool:
    """Tell whether a store's last word is that the release is there to stay."""
    report = view.report
    return report is not None and report.state is SwitchState.SETTLED and report.live == release


def fate(plan: Plan, view: StoreView, chosen: Reached, step: Step, now: datetime) -> Fate:
    """Return what became of a chosen store.

    A store is never waited for past the deadline. One that was silent from the start is owed. One
    that went silent after it had begun to run the release is what a release that kills machines
    looks like: it is waited for until the deadline after its last beat, and then counts as failed
    where the plan says so. One that had settled stays settled; that many of them go dark together
    is for `quality` to see.

    Args:
        plan: Whose `silent` decides.
        view: The store.
        chosen: The step that first chose it.
        step: That step's plan.
        now: The hub's clock.
    """
    if has_settled(view, plan.release):
        return Fate.SETTLED
    if has_failed(view, plan.release, chosen_at=chosen.at):
        return Fate.FAILED
    ran = runs(view, plan.release)
    silent = is_silent(view, after_s=plan.silent_after_s, now=now)
    # A store that ran the release has its deadline from when it was last heard.
    since = view.beat_at if silent and ran and view.beat_at else chosen.at
    if now <= since + timedelta(seconds=step.deadline_s):
        return Fate.OWED if silent and not ran else Fate.UNDER_WAY
    is_blamed = plan.silent is Silent.ALL or (plan.silent is Silent.BEGUN and silent and ran)
    return Fate.FAILED if is_blamed else Fate.OWED


def tally(
    plan: Plan, ring: Ring, reached: Sequence[Reached], stores: Iterable[StoreView], now: datetime
) -> Tally:
    """Count the stores of a ring that its steps so far have chosen."""
    fates: dict[Fate, int] = dict.fromkeys(Fate, 0)
    trying = 0
    whys: list[str] = []
    settled: list[datetime] = []
    for view in stores:
        if view.ring != ring.ring or view.place * 100 >= reached[-1].percent:
            continue
        chosen = next(s for s in reached if view.place * 100 < s.percent)
        found = fate(plan, view, chosen, ring.steps[chosen.step], now)
        fates[found] += 1
        if found is Fate.SETTLED:
            settled.append(view.settled_at or view.beat_at or now)
        elif found is Fate.FAILED:
            whys += [f"{view.store}: {_why(view, plan.release)}"] if len(whys) < 3 else []
        else:
            trying += runs(view, plan.release)
    return Tally(
        chosen=sum(fates.values()),
        settled=fates[Fate.SETTLED],
        failed=fates[Fate.FAILED],
        under_way=fates[Fate.UNDER_WAY],
        owed=fates[Fate.OWED],
        tried=fates[Fate.SETTLED] + fates[Fate.FAILED] + trying,
        whys=tuple(whys),
        settled_at=tuple(sorted(settled)),
    )


def needed(step: Step, found: Tally) -> int:
    """Return how many stores must have settled before the step is good enough."""
    return max(_share(step, found), min(step.least_settled, found.chosen))


def is_stuck(step: Step, found: Tally) -> bool:
    """Tell whether too many failed for the stores in reach ever to be enough."""
    return found.settled + found.under_way < _share(step, found)


def _share(step: Step, found: Tally) -> int:
    return math.ceil(step.success * found.in_reach - 1e-9)


def is_failing(step: Step, found: Tally) -> bool:
    """Tell whether more failed than the step allows, in count and in share of those that tried."""
    return found.failed >= step.fail_count and found.failed > step.fail_share * found.tried


def added(tallies: Iterable[Tally]) -> Tally:
    """Return several rings' tallies as one."""
    whole = Tally()
    for one in tallies:
        whole = Tally(
            chosen=whole.chosen + one.chosen,
            settled=whole.settled + one.settled,
            failed=whole.failed + one.failed,
            under_way=whole.under_way + one.under_way,
            owed=whole.owed + one.owed,
            tried=whole.tried + one.tried,
            whys=(*whole.whys, *one.whys)[:3],
        )
    return whole


def _why(view: StoreView, release: str) -> str:
    if has_failed(view, release) and view.report is not None:
        said = view.report.why or f"now on {view.report.live}, {view.report.state.value}"
        # A store's own words come to a ledger that takes no NUL, which would keep a halt from being
        # written down, and to a terminal that takes orders.
        return "".join(char if char.isprintable() else " " for char in said[:LONGEST_WHY])
    return "silent past its deadline" if view.beat_at else "never heard"

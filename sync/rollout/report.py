"""Plans, rollouts and simulations in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.box import SIMPLE
from rich.table import Table

from appliance.errors import BadInput
from sync.rollout.fates import Tally
from sync.rollout.plan import Plan, Ring, Silent, Step
from sync.rollout.radius import Radius, Spread
from sync.rollout.world import Setting

_SILENT = {
    Silent.OWED: "a store that is silent never counts as failed",
    Silent.BEGUN: "a store that goes silent with the release counts as failed after the deadline",
    Silent.ALL: "every store silent past the deadline counts as failed",
}


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield a plan in words."""
    yield f"Release {plan.release}, counter {plan.counter}: {_SILENT[plan.silent]}."
    for ring in plan.rings:
        yield from _ring_lines(ring)
    yield f"Then it is watched for {_lasts(plan.watch_s)} for what fails late."
    limits = plan.quality
    yield (
        f"It halts when, surely ({limits.sureness:g} standard errors), errors rise by"
        f" {limits.error_rise:.1%}, answers called wrong by {limits.down_rise:.1%},"
        f" over-confidence by {limits.drift_rise:.1%}, silent stores by {limits.dark_rise:.1%},"
        f" or the p95 by {limits.slow_rise:.0%}."
    )


def _ring_lines(ring: Ring) -> Iterator[str]:
    window = f", switching {ring.window}" if ring.window else ""
    approval = ", once a second person has approved" if ring.approval else ""
    yield f"Ring {ring.ring}: spread over {_lasts(ring.splay_s)}{window}{approval}"
    for step in ring.steps:
        yield f"  {step.percent:5g} %  {_step_words(step)}"


def _step_words(step: Step) -> str:
    check = ", then a person looks" if step.check else ""
    return (
        f"on when {step.success:.0%} of those in reach settled and {_lasts(step.soak_s)} passed"
        f"{check}; halts at {step.fail_count} failed and over {step.fail_share:.0%}"
        f" of those that tried; waits at most {_lasts(step.deadline_s)} for a store"
    )


def tally_table(plan: Plan, found: Mapping[str, Tally], stores: Mapping[str, int]) -> Table:
    """Return where each ring stands.

    Args:
        plan: Whose rings.
        found: Of the rings begun.
        stores: How many each ring has.
    """
    table = Table("Ring", "Stores", "Chosen", "Settled", "Under way", "Failed", "Owed")
    for ring in plan.rings:
        one = found.get(ring.ring, Tally())
        figures = (one.chosen, one.settled, one.under_way, one.failed, one.owed)
        table.add_row(ring.ring, f"{stores.get(ring.ring, 0):,}", *(f"{n:,}" for n in figures))
    return table


def radius_table(radii: Sequence[Radius]) -> Table:
    """Return what each kind of bad release did before it was stopped."""
    table = Table(
        "Release",
        "Halted",
        "After, h",
        "Ran it",
        "Hurt",
        "Hurt, store-hours",
        "Ended at",
        title="median (worst) of the runs",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
    )
    for one in radii:
        table.add_row(
            str(one.fault),
            f"{one.halted} of {one.runs}",
            _two(one.hours, ".1f"),
            _two(one.ran, ",.0f"),
            _two(one.hurt, ",.0f"),
            _two(one.hurt_hours, ",.1f"),
            one.reached,
        )
    return table


def setting_line(
    plan: Plan, setting: Setting, sizes: Sequence[int], *, runs: int, seed: int
) -> str:
    """Return what was simulated, in a line."""
    rings = ", ".join(f"{r.ring} {n:,}" for r, n in zip(plan.rings, sizes, strict=True))
    return (
        f"{setting.stores:,} stores ({rings}); {setting.offline:.0%} offline at the start; a fault"
        f" shows in {setting.affected:.0%} of them; {setting.asks_a_day:,.0f} asks a day; taken"
        f" back {_lasts(setting.back_s)} after a halt; {runs} runs each, seed {seed}."
    )


def read_sizes(text: str) -> list[int]:
    """Return the rings' sizes written as `8,80,1512`.

    Raises:
        BadInput: It is no list of numbers.
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as exc:
        raise BadInput(
            f"--sizes {text!r} is no list of numbers.", hint="--sizes 8,80,1512"
        ) from exc


def _two(spread: Spread, how: str) -> str:
    return f"{spread.median:{how}} ({spread.worst:{how}})"


def _lasts(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"

"""A rollout's plan: rings in order, steps of percent, what lets it go on and what stops it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from appliance.codec import from_plain
from appliance.errors import BadInput
from sync.trust.paths import is_name
from sync.trust.pointer import FALLBACKS, MOST_SPLAY_S, is_window

T = TypeVar("T")

MOST_RINGS, MOST_STEPS = 32, 32
MOST_S = 366 * 86_400.0  # of any wait: past it, and in "inf" and "nan", no instant can be named
HINT = "Mend it, then: backroom rollout plan FILE check"


class Silent(StrEnum):
    """Which stores count as failed when they are silent past a step's deadline."""

    OWED = "owed"  # none: whoever is silent gets the release when it is back
    BEGUN = "begun"  # those that had begun to run the release; the rest are owed
    ALL = "all"  # every store the step chose


@dataclass(frozen=True, slots=True)
class Step:
    """So many percent of a ring, and what must be seen before the next step."""

    percent: float
    success: float = 0.95  # share of the chosen stores in reach that must have settled
    # It halts when more than this share of those that tried the release failed, and at least
    # this many. Of those that tried, not of those chosen: 40 of 800 would have to fail first.
    fail_share: float = 0.05
    fail_count: int = 2
    least_settled: int = 1  # stores, whatever the share: a ring that is all offline proves nothing
    soak_s: float = 1800.0  # after enough have settled, before the next step
    deadline_s: float = 86_400.0  # after it a store that is silent or slow is waited for no longer
    check: bool = False  # pause after this step until a person has looked and says go on


@dataclass(frozen=True, slots=True)
class Ring:
    """One ring of stores and its steps."""

    ring: str
    steps: tuple[Step, ...]
    approval: bool = False  # a second person's, before the first step
    splay_s: float = 600.0  # stores begin spread over this long
    window: str = ""  # "22:00-05:00" store-local, in which a store may switch; '': always
    full_fallback: str = "always"


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """What the new release may be worse by than the one before; more halts the rollout.

    Each is judged only when the difference is surer than `sureness` standard errors: it is looked
    at every few seconds, and chance would halt a good release within the day otherwise.
    """

    error_rise: float = 0.01  # of the share of asks that ended in an error
    slow_rise: float = 0.3  # of the 95th percentile, mean over stores: a third slower
    down_rise: float = 0.02  # of the share of answers somebody called wrong
    drift_rise: float = 0.05  # of what answers claim to be sure over what they were right
    dark_rise: float = 0.05  # of the share of stores that have gone silent
    least_asks: int = 200  # of the new release before asks are judged at all
    least_stores: int = 5  # before stores' times and silence are
    sureness: float = 3.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How a release goes to the stores."""

    release: str
    counter: int
    rings: tuple[Ring, ...]
    silent: Silent = Silent.BEGUN
    silent_after_s: float = 900.0  # a store not heard for so long is silent: 15 beats
    watch_s: float = 86_400.0  # after the last step, for what fails late
    quality: QualityLimits = field(default_factory=QualityLimits)


def read_plan(path: Path) -> Plan:
    """Return the plan in a TOML file.

    Raises:
        BadInput: It cannot be read, has an unknown key or a wrong type, or cannot work.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror}.", hint=HINT) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BadInput(f"{path} is not valid TOML: {exc}.", hint=HINT) from exc
    return plan_of(table, named=str(path))


def plan_of(table: Mapping[str, Any], *, named: str = "The plan") -> Plan:
    """Return the plan written as plain values.

    Raises:
        BadInput: An unknown key, a wrong type, or a plan that cannot work.
    """
    rings = _tables(table.get("rings", []), "rings", named)
    checked = [
        _known({**ring, "steps": _tables(ring.get("steps", []), "steps", named)}, Ring, named)
        for ring in rings
    ]
    for ring in checked:
        for step in ring["steps"]:
            _known(step, Step, named)
    _known(table.get("quality", {}), QualityLimits, named)
    plan = from_plain({**_known(table, Plan, named), "rings": checked}, Plan)
    found = list(faults(plan))
    if found:
        raise BadInput(f"{named}: {' '.join(found)}", hint=HINT)
    return plan


def faults(plan: Plan) -> Iterable[str]:
    """Yield each thing that keeps a plan from working, as a sentence."""
    if not plan.release:
        yield "It names no release."
    if not 1 <= len(plan.rings) <= MOST_RINGS:
        yield f"It has {len(plan.rings)} rings; it needs 1 to {MOST_RINGS}."
    names = [ring.ring for ring in plan.rings]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"Ring {name} comes twice."
    if not (0 < plan.silent_after_s <= MOST_S and 0 <= plan.watch_s <= MOST_S):
        yield "silent_after_s is over 0 and watch_s at least 0, both at most a year."
    for ring in plan.rings:
        yield from _ring_faults(ring)


def _ring_faults(ring: Ring) -> Iterable[str]:
    if not is_name(ring.ring):
        yield f"{ring.ring!r} cannot be a ring's name."
    if ring.full_fallback not in FALLBACKS:
        yield f"Ring {ring.ring}: full_fallback is one of {', '.join(FALLBACKS)}."
    if not is_window(ring.window):
        yield f"Ring {ring.ring}: a window is written like 22:00-05:00, found {ring.window!r}."
    if not 0 <= ring.splay_s <= MOST_SPLAY_S:
        yield f"Ring {ring.ring}: splay_s is 0 to {MOST_SPLAY_S:g}."
    if not 1 <= len(ring.steps) <= MOST_STEPS:
        yield f"Ring {ring.ring} has {len(ring.steps)} steps; it needs 1 to {MOST_STEPS}."
        return
    percents = [step.percent for step in ring.steps]
    if any(not 0 < percent <= 100 for percent in percents):
        yield f"Ring {ring.ring}: a percent is over 0 and at most 100."
    if percents != sorted(set(percents)):
        yield f"Ring {ring.ring}: percents must rise, found {percents}."
    if percents[-1] != 100:
        yield f"Ring {ring.ring} ends at {percents[-1]:g} %, so some stores would never get it."
    for step in ring.steps:
        if not (0 <= step.success <= 1 and 0 <= step.fail_share < 1):
            yield f"Ring {ring.ring}: success and fail_share are shares, from 0 to 1."
        if step.fail_count < 1 or step.least_settled < 0:
            yield f"Ring {ring.ring}: fail_count is at least 1, least_settled at least 0."
        if not (0 <= step.soak_s <= MOST_S and 0 < step.deadline_s <= MOST_S):
            yield (
                f"Ring {ring.ring}: soak_s is at least 0 and deadline_s over 0, both at most a"
                " year."
            )


def _known(table: object, kind: type, named: str) -> dict[str, Any]:
    known = {f.name for f in fields(kind)}
    if not isinstance(table, Mapping):
        raise BadInput(f"{named}: {table!r} should be a table of {sorted(known)}.", hint=HINT)
    unknown = sorted(set(table) - known)
    if unknown:
        listed = ", ".join(sorted(known))
        raise BadInput(f"{named}: unknown key {unknown[0]!r}; known here: {listed}.", hint=HINT)
    return dict(table)


def _tables(found: object, key: str, named: str) -> list[Mapping[str, Any]]:
    if not isinstance(found, list | tuple) or not all(isinstance(t, Mapping) for t in found):
        raise BadInput(f"{named}: {key} should be tables, [[{key}]].", hint=HINT)
    return list(found)

"""Recorded outcomes as JSONL: an ask a line, with every lane's right or wrong and what it cost.

```
{"id": "a17", "text": "…", "slices": {"language": "en"}, "features": {"policy": 0.9},
 "lanes": {"specialist": {"right": true, "p": 0.97}, "generalist": {"right": true, "cost": 1.0}},
 "said": {"lane": "specialist", "p": 0.97}}
```

`said` is what the store's own ladder answered, with the p it gave; absent where it was not asked
to the end. A lane's `assumed` tells that its outcome comes of a stated policy, not of a record.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.errors import BadInput
from appliance.files import replaced
from appliance.records import LaneName

LANES = frozenset(lane.value for lane in LaneName)
CLOUD = LaneName.GENERALIST.value
NOT_OURS = frozenset({CLOUD, LaneName.HANDOFF.value})  # lanes whose answer is not the store's own
SAID = '{"id","text","features","lanes":{"specialist":{"right":true,"cost":0}}}'


@dataclass(frozen=True, slots=True)
class LaneOutcome:
    """What came of one lane."""

    right: bool
    cost: float = 0.0  # in any one unit, the same in all the file
    p: float | None = None  # that it gave itself
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What the store's ladder said in the end."""

    lane: str
    p: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """One ask, replayed through the lanes."""

    id: str
    text: str
    lanes: Mapping[str, LaneOutcome]
    features: Mapping[str, float] = field(default_factory=dict)  # as routing saw it
    slices: Mapping[str, str] = field(default_factory=dict)
    said: Said | None = None

    @property
    def local(self) -> Mapping[str, LaneOutcome]:
        """The store's own lanes."""
        return {name: lane for name, lane in self.lanes.items() if name not in NOT_OURS}

    @property
    def cloud(self) -> LaneOutcome | None:
        """The generalist's outcome."""
        return self.lanes.get(CLOUD)


def read_outcomes(path: Path) -> list[Outcome]:
    """Return a file's outcomes in order.

    Raises:
        BadInput: It cannot be read, holds none, or a line is not an outcome; the line is named.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as exc:
        raise BadInput(f"{path} is not UTF-8 text: byte {exc.start:,}.") from exc
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror}.", hint="Check --outcomes.") from exc
    found: dict[str, Outcome] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        one = _outcome(line, where=f"{path}, line {number}")
        if one.id in found:
            raise BadInput(
                f"{path}, line {number}: the id {one.id!r} was used before.",
                hint="An ask is one line, with all its lanes.",
            )
        found[one.id] = one
    if not found:
        raise BadInput(f"{path} holds no outcomes; expected a line per ask: {SAID}")
    return list(found.values())


def write_outcomes(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write outcomes whole, an ask a line."""
    with replaced(path) as file:
        for one in outcomes:
            row: dict[str, Any] = {"id": one.id, "text": one.text}
            row |= {"slices": dict(one.slices), "features": dict(one.features)}
            row["lanes"] = {name: _plain(lane) for name, lane in one.lanes.items()}
            if one.said is not None:
                row["said"] = {"lane": one.said.lane, "p": one.said.p}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def assumptions(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """Return, per lane, how many of its outcomes were recorded and how many assumed."""
    counts: dict[str, dict[str, int]] = {}
    for one in outcomes:
        for name, lane in one.lanes.items():
            row = counts.setdefault(name, {"recorded": 0, "assumed": 0})
            row["assumed" if lane.assumed else "recorded"] += 1
    return counts


def _plain(lane: LaneOutcome) -> dict[str, Any]:
    row: dict[str, Any] = {"right": lane.right, "cost": lane.cost}
    if lane.p is not None:
        row["p"] = lane.p
    return row | ({"assumed": True} if lane.assumed else {})


def _outcome(line: str, *, where: str) -> Outcome:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise BadInput(f"{where}: not JSON.", hint=f"Expected {SAID}") from exc
    if not isinstance(fields, dict) or not isinstance(fields.get("lanes"), dict):
        raise BadInput(f'{where}: not an object with "lanes".', hint=f"Expected {SAID}")
    identity = fields.get("id")
    if not isinstance(identity, str | int) or isinstance(identity, bool):
        raise BadInput(f'{where}: it has no "id".', hint=f"Expected {SAID}")
    lanes = {str(n): _lane(str(n), v, where=where) for n, v in fields["lanes"].items()}
    if not lanes:
        raise BadInput(f"{where}: no lane was tried.", hint=f"Lanes: {', '.join(sorted(LANES))}.")
    return Outcome(
        id=str(identity),
        text=str(fields.get("text") or ""),
        lanes=lanes,
        features=_numbers(fields.get("features") or {}, where=where),
        slices={str(k): str(v) for k, v in dict(fields.get("slices") or {}).items()},
        said=_said(fields.get("said"), lanes, where=where),
    )


def _lane(name: str, fields: Any, *, where: str) -> LaneOutcome:
    if name not in LANES:
        raise BadInput(
            f"{where}: no lane is called {name!r}.", hint=f"Lanes: {', '.join(sorted(LANES))}."
        )
    right = fields.get("right") if isinstance(fields, dict) else None
    if not isinstance(right, bool):
        raise BadInput(
            f'{where}: {name} has "right": {json.dumps(right)}; expected true or false.',
            hint="A lane that was not tried is left out.",
        )
    cost = _number(fields.get("cost", 0.0), what=f"the cost of {name}", where=where)
    if cost < 0:
        raise BadInput(f"{where}: the cost of {name} is {cost}; expected 0 or more.")
    p = fields.get("p")
    known = None if p is None else _share(p, what=f"the p of {name}", where=where)
    return LaneOutcome(right, cost, known, bool(fields.get("assumed", False)))


def _said(fields: Any, lanes: Mapping[str, LaneOutcome], *, where: str) -> Said | None:
    if fields is None:
        return None
    lane = str(fields.get("lane")) if isinstance(fields, dict) else "nothing"
    if lane not in lanes and lane not in NOT_OURS:
        raise BadInput(
            f"{where}: the store said it by {lane!r}, of which there is no outcome.",
            hint='Give that lane\'s "right" under "lanes".',
        )
    return Said(lane, _share(fields.get("p"), what="the p of what was said", where=where))


def _numbers(fields: Any, *, where: str) -> dict[str, float]:
    if not isinstance(fields, dict):
        raise BadInput(f'{where}: "features" is not an object.', hint=f"Expected {SAID}")
    return {str(k): _number(v, what=f"the feature {k}", where=where) for k, v in fields.items()}


def _share(value: Any, *, what: str, where: str) -> float:
    found = _number(value, what=what, where=where)
    if not 0.0 <= found <= 1.0:
        raise BadInput(f"{where}: {what} is {found}; expected a probability from 0 to 1.")
    return found


def _number(value: Any, *, what: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"{where}: {what} is {str(value)[:40]!r}; expected a number.")
    return float(value)

"""Recorded outcomes of the cloud, as JSONL: what headquarters' model answered to the same asks.

```
{"id": "a17", "right": true, "cost": 0.8}
{"text": "how long for returns", "right": false}
```

By the outcome's `id`, or by the very text that was asked. `cost` is in the unit of the other lanes'
costs; 1 where it is left out. Nothing is assumed of an ask that no line is about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from appliance.errors import BadInput
from models.routing.outcome_file import CLOUD, LaneOutcome, Outcome

SAID = '{"id" or "text", "right": true, "cost": 1.0}'


def with_cloud(outcomes: Sequence[Outcome], path: Path) -> list[Outcome]:
    """Return the outcomes with the cloud's recorded beside the store's.

    Raises:
        BadInput: The file cannot be read, a line is no outcome, or none is about these asks.
    """
    found = _read(path)
    keys = {f"id:{one.id}" for one in outcomes} | {f"text:{one.text}" for one in outcomes}
    if not keys & found.keys():
        raise BadInput(
            f"None of the {len(found)} lines of {path} is about one of these {len(outcomes)} asks.",
            hint="Give each the id, or the text, of an outcome in --outcomes.",
        )
    made = []
    for one in outcomes:
        cloud = found.get(f"id:{one.id}") or found.get(f"text:{one.text}")
        made.append(replace(one, lanes={**one.lanes, CLOUD: cloud}) if cloud else one)
    return made


def _read(path: Path) -> dict[str, LaneOutcome]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"{path} cannot be read as text: {exc}.", hint="Check --cloud.") from exc
    found: dict[str, LaneOutcome] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            key, outcome = _line(line, where=f"{path}, line {number}")
            if key in found:
                raise BadInput(f"{path}, line {number}: {key.partition(':')[2]!r} was told before.")
            found[key] = outcome
    return found


def _line(line: str, *, where: str) -> tuple[str, LaneOutcome]:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise BadInput(f"{where}: not JSON.", hint=f"Expected {SAID}") from exc
    row = row if isinstance(row, dict) else {}
    name = next((k for k in ("id", "text") if isinstance(row.get(k), str) and row[k]), "")
    right, cost = row.get("right"), row.get("cost", 1.0)
    is_cost = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 < cost < 1e12
    if not name or not isinstance(right, bool) or not is_cost:
        raise BadInput(f"{where}: not an outcome of the cloud.", hint=f"Expected {SAID}")
    return f"{name}:{row[name]}", LaneOutcome(right, float(cost))

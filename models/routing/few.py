"""What a router is worth with few examples: real stores have few."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.routing.examples_file import read_examples
from models.routing.train import Plan, train


def reported(plan: Plan, count: int, *, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Return the figures of the same plan on the first `count` examples of each intent.

    What is out of scope is left as it is; nothing is written where the plan writes.

    Raises:
        BadInput: The examples cannot be used.
    """
    seen: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="backroom-few-") as scratch:
        taught = Path(scratch) / "examples.csv"
        with taught.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("text", "label"))
            for row in read_examples(plan.examples).rows:
                seen[row.label] += 1
                if seen[row.label] <= count or not row.is_ours:
                    rows.writerow((row.text, row.label))
        made = train(replace(plan, examples=taught, out=Path(scratch) / "router"), say=say)
    figures: dict[str, Any] = made["figures"]
    return figures

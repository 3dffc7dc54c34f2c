"""Ask the whole store the golden questions and say how it did: `python -m tests.golden.run`.

Prints a table by kind and by lane, then one JSON line. `--misses` lists what is not right.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.config import DEMO_RELEASE, Settings
from appliance.wiring import open_store
from models.golden.sit import DayClock, Result, figures, read_questions, run

ASKED_AT = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
QUESTIONS = Path(__file__).parent / "questions.jsonl"
__all__ = ["GoldenClock", "Result", "figures", "questions", "run"]


class GoldenClock(DayClock):
    """The day the questions were written for."""

    def __init__(self) -> None:
        super().__init__(ASKED_AT)


def questions() -> list[dict[str, Any]]:
    """Return the golden questions."""
    return read_questions(QUESTIONS)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, default=DEMO_RELEASE)
    parser.add_argument("--misses", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        settings = replace(Settings(home=Path(home)), release=options.release)
        with open_store(settings, clock=GoldenClock()) as store:
            results = run(store, questions())
    if options.misses:
        for r in results:
            if r.verdict != "right" or r.wrong:
                print(f"{r.question['id']} {r.verdict:6} {r.reply.lane.value:10} {r.wrong or ''}")
                print(f"   ask   {r.question['text']}   [{r.question.get('source')}]")
                print(f"   wants {r.question.get('holds') or r.question.get('holds_fact')}")
                print(f"   says  {r.reply.text[:230]}")
                print(f"   why   {r.reply.intent} {r.reply.reasons} {r.reply.attempts}"[:300])
    table = figures(results)
    for name, row in {"all": table, **table["by_kind"]}.items():
        print(
            f"{name:14} {row['n']:4}  right {row['right']:.3f}  honest {row['honest']:.3f}"
            f"  wrong {row['wrong']:.3f}"
        )
    for lane, row in table["by_lane"].items():
        print(f"{lane:14} {row}")
    print(json.dumps(table))


if __name__ == "__main__":
    main()

"""Ask the whole store the golden questions and say how it did: `python -m tests.golden.run`.

Prints a table by kind and by lane, then one JSON line. `--misses` lists what is not right.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.backroom import Store
from appliance.clock import SystemClock
from appliance.config import DEMO_RELEASE, Settings
from appliance.records import LaneName, Reply, Role
from appliance.wiring import open_store
from tests.golden.judge import judge, wrong_values
from tests.golden.truth import fact_texts

ASKED_AT = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
QUESTIONS = Path(__file__).parent / "questions.jsonl"


class GoldenClock(SystemClock):
    """The day the questions were written for: rules and promotions of another day differ."""

    def now(self) -> datetime:
        """Return an instant of that day."""
        return ASKED_AT


@dataclass(frozen=True, slots=True)
class Result:
    """One golden question, answered and judged."""

    question: Mapping[str, Any]
    reply: Reply
    verdict: str  # right | honest | wrong
    wrong: tuple[str, ...]  # values of the answer that stand in none of its sources


def questions() -> list[dict[str, Any]]:
    """Return the golden questions."""
    return [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]


def run(store: Store, asked: Iterable[Mapping[str, Any]]) -> list[Result]:
    """Ask each question, its earlier turns first, and judge the answer."""
    live = sqlite3.connect(store.settings.home / "live.db")
    try:
        return [_one(store, live, question) for question in asked]
    finally:
        live.close()


def _one(store: Store, live: sqlite3.Connection, question: Mapping[str, Any]) -> Result:
    role = Role(question.get("role", "associate"))
    thread = f"golden-{question['id']}" if question.get("turns") else ""
    for turn in question.get("turns", ()):
        store.ask(turn, role=role, thread=thread)
    reply = store.ask(question["text"], role=role, thread=thread)
    today = store.clock.now().astimezone(store.settings.zone).date()
    facts = fact_texts(question, live, today=today)
    verdict = judge(question, text=reply.text, lane=reply.lane.value, fact_texts=facts)
    if question.get("honest") and verdict == "honest":
        verdict = "right"
    return Result(question, reply, verdict, _wrong_values(store, reply))


def _wrong_values(store: Store, reply: Reply) -> tuple[str, ...]:
    if reply.lane is LaneName.HANDOFF:
        return ()
    texts = (
        [f.text for f in reply.facts] + [p.message for p in reply.policies] + list(reply.missing)
    )
    for source in reply.sources:
        passage = store.index.passage(source.id)
        if passage is not None:
            texts.append(f"{passage.title}. {passage.text}")
        card = store.cards.get(source.id.removeprefix("card:"))
        if card is not None:
            texts.append(card.text)
    texts += [c.mended for c in reply.checks if c.mended]
    return wrong_values(reply.text, lane=reply.lane.value, sources=texts)


def figures(results: list[Result]) -> dict[str, Any]:
    """Return counts by verdict, kind and lane."""
    kinds = sorted({str(r.question["kind"]) for r in results})
    return {
        "questions": len(results),
        **_share(results),
        "wrong_values": sum(bool(r.wrong) for r in results),
        "by_kind": {k: _share([r for r in results if r.question["kind"] == k]) for k in kinds},
        "by_lane": {
            lane.value: dict(Counter(r.verdict for r in results if r.reply.lane is lane))
            for lane in LaneName
        },
    }


def _share(results: list[Result]) -> dict[str, Any]:
    found = Counter(r.verdict for r in results)
    n = max(1, len(results))
    return {"n": len(results)} | {v: round(found[v] / n, 4) for v in ("right", "honest", "wrong")}


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

"""Ask a whole store the golden questions, and say how it did."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.backroom import Store
from appliance.clock import SystemClock
from appliance.errors import BadInput
from appliance.records import LaneName, Reply, Role
from models.golden.judge import judge, wrong_values
from models.golden.truth import fact_texts


@dataclass(frozen=True, slots=True)
class DayClock(SystemClock):
    """The day the questions were written for: rules and promotions of another day differ."""

    asked_at: datetime

    def now(self) -> datetime:
        """Return that instant."""
        return self.asked_at


@dataclass(frozen=True, slots=True)
class Result:
    """One golden question, answered and judged."""

    question: Mapping[str, Any]
    reply: Reply
    verdict: str  # right | honest | wrong
    wrong: tuple[str, ...]  # values of the answer that stand in none of its sources


def read_questions(path: Path, *, most: int = 0) -> list[dict[str, Any]]:
    """Return golden questions; with `most`, so many spread over the file.

    Raises:
        BadInput: The file cannot be read, or a line is no question.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"No golden questions at {path}: {exc}.") from exc
    rows = [_question(line, f"{path}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    every = -(-len(rows) // most) if most else 1
    return rows[::every]


def _question(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        _ = row["id"], row["text"], row["kind"]
    except (ValueError, KeyError, TypeError) as exc:
        raise BadInput(
            f"{where} is no golden question: {exc!r}.", hint="It needs id, text and kind."
        ) from exc
    return dict(row)


def run(
    store: Store,
    asked: Sequence[Mapping[str, Any]],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Ask each question, its earlier turns first, and judge the answer."""
    done = []
    with closing(sqlite3.connect(store.settings.home / "live.db")) as live:
        for number, question in enumerate(asked, 1):
            done.append(_one(store, live, question))
            if progress is not None:
                progress(number, len(asked))
    return done


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


def figures(results: Sequence[Result]) -> dict[str, Any]:
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


def _share(results: Iterable[Result]) -> dict[str, Any]:
    found = Counter(r.verdict for r in results)
    n = max(1, found.total())
    return {"n": found.total()} | {v: round(found[v] / n, 4) for v in ("right", "honest", "wrong")}

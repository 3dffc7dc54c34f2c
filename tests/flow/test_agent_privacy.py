"""What leaves a store holds nobody's name, number or address: by no way out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.backroom import Store
from appliance.config import Settings
from appliance.lanes.generalist import GeneralistLane
from appliance.records import LaneName, Principal, Role, Thumb
from sync.agent.beat import Beats
from sync.agent.figures import JournalFigures, Standing
from sync.wire import SwitchReport, SwitchState
from tests.builders.agents import a_sending, agent_ends, enrolled
from tests.builders.records import NOW
from tests.builders.stores import Parts
from tests.fakes.clock import FakeClock
from tests.fakes.hub import ScriptedHub, scripted_hub
from tests.fakes.ports import FakeLine

GOLDEN = Path(__file__).parents[1] / "golden" / "personal.jsonl"
ROWS = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
PERSONAL = [row for row in ROWS if row["spans"]]
# Before a row, so that it is handed over, quoted, refused or looked up: each has its own way out.
LEADS = ("", "opened headphones: ", "zzz qqq ", "price of the Fernway kettle: ", "and ")
ASKER = Principal(device="d1", badge="a7", role=Role.ASSOCIATE)


def spans_of(row: dict[str, Any]) -> list[str]:
    return [row["text"][s["start"] : s["end"]] for s in row["spans"]]


def leaks(told: str, row: dict[str, Any]) -> list[str]:
    return [s for s in spans_of(row) if re.search(rf"(?<!\w){re.escape(s)}(?!\w)", told)]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Parts, Path]]:
    home = tmp_path_factory.mktemp("store")
    parts = Parts.at(home, FakeClock(NOW))
    yield parts, home
    parts.database.close()


def a_store(parts: Parts, home: Path, line: FakeLine) -> Store:
    store = parts.store(home)
    lanes = {**store.pipeline.answer.lanes, LaneName.GENERALIST: GeneralistLane(line, "Cite.")}
    answer = replace(store.pipeline.answer, lanes=lanes)
    chosen = Settings(home=home, edge_case_under=2.0)
    return replace(store, pipeline=replace(store.pipeline, answer=answer), settings=chosen)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(PERSONAL), st.sampled_from(LEADS), st.sampled_from(PERSONAL))
def test_neither_the_generalist_nor_the_spool_hears_of_anybody(
    parts: tuple[Parts, Path], row: dict[str, Any], lead: str, other: dict[str, Any]
) -> None:
    line = FakeLine("NO ANSWER")
    store = a_store(*parts, line)
    thread = store.new_id()
    who = {"device": ASKER.device, "associate": ASKER.badge}

    first = store.ask(lead + other["text"], thread=thread, **who)
    reply = store.ask(lead + row["text"], thread=thread, **who)
    store.rate(first.id, Thumb.DOWN, principal=ASKER, text=f"wrong: {other['text']}")
    store.rate(reply.id, Thumb.DOWN, principal=ASKER, text=f"wrong: {row['text']}")

    owed = json.dumps([o.body for o in store.spool.owing(most_bytes=10**9)], ensure_ascii=False)
    told = json.dumps(line.heard, ensure_ascii=False)
    assert leaks(told, row) + leaks(told, other) == []
    assert leaks(owed, row) + leaks(owed, other) == []
    store.spool.remove([o.id for o in store.spool.owing(most_bytes=10**9)])


class Telling:
    """`Figures` whose faults tell of everybody."""

    def standing(self) -> Standing:
        return Standing("calm", True, tuple(row["text"] for row in PERSONAL[:8]))


@pytest.fixture
def hub() -> Iterator[ScriptedHub]:
    with scripted_hub() as hub:
        yield hub


def test_no_request_of_the_agent_tells_of_anybody(hub: ScriptedHub, tmp_path: Path) -> None:
    enrolled(tmp_path, hub.url)
    parts = Parts.at(tmp_path, FakeClock(NOW))
    store = a_store(parts, tmp_path, FakeLine("NO ANSWER"))
    for row in PERSONAL[:60]:
        store.ask(f"zzz qqq {row['text']}")
    with agent_ends(tmp_path) as ends:
        a_sending(ends, store.spool)(is_wanted=True)
        Beats(
            line=ends.line,
            tokens=ends.tokens,
            clock=ends.clock,
            memory=ends.memory,
            figures=Telling(),
            journal=JournalFigures(parts.database),
            spool=store.spool,
            home=tmp_path,
            agent="0.1.0",
            boot="b1",
            ring=lambda: "pilot",
            report=lambda: SwitchReport(SwitchState.SETTLED, "demo-7", 7),
        )()
    told = json.dumps([*hub.bodies.values(), *map(repr, hub.beats)], ensure_ascii=False)
    assert len(hub.bodies) > 20
    assert [leak for row in PERSONAL[:60] for leak in leaks(told, row)] == []
    parts.database.close()

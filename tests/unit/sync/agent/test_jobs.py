"""Beats, wake streams, late answers and the jobs they run on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.errors import LineDown, LineResting
from appliance.ports import Clock
from appliance.records import Arrived
from appliance.store.db import Database
from appliance.store.journal import SqliteJournal
from appliance.store.spool import SqliteSpool
from sync.agent import jobs as scheduling
from sync.agent.beat import Beats
from sync.agent.ends import Ends
from sync.agent.figures import BesideFigures, JournalFigures, Standing
from sync.agent.jobs import IDLE, Job, Jobs
from sync.agent.late import LateMail
from sync.agent.memory import Known, Memory
from sync.agent.wake import WakeStream, read_wishes
from sync.wire import BEAT, WAKE, LateAnswer, SwitchReport, SwitchState, Wish, WishKind
from tests.fakes.clock import FakeClock
from tests.fakes.hub import ScriptedHub


@pytest.fixture
def database(ends: Ends) -> Iterator[Database]:
    database = Database(ends.folder.home / "store.db")
    yield database
    database.close()


class Ill:
    """`Figures` of a store with a fault, told in words with a name in them."""

    errors = 3

    def standing(self) -> Standing:
        told = "customer Maria Lopez, phone 503-555-0142: the disk is full."
        return Standing("tight", True, (told,), 120.0, self.errors, 9.0, 20.0, {"audit": 1.0})


def beats(ends: Ends, database: Database, figures: Ill | None = None) -> Beats:
    return Beats(
        line=ends.line,
        tokens=ends.tokens,
        clock=ends.clock,
        memory=ends.memory,
        figures=figures or Ill(),
        journal=JournalFigures(database),
        spool=SqliteSpool(database, ends.clock),
        home=ends.folder.home,
        agent="0.1.0",
        boot="b1",
        ring=lambda: ends.ring,
        report=lambda: SwitchReport(SwitchState.SETTLED, "demo-7", 7),
    )


def reply(database: Database, clock: Clock, lane: str, confidence: float) -> None:
    body = {"id": "r", "reply": {"lane": lane, "confidence": confidence, "times_ms": [["a", 5.0]]}}
    SqliteJournal(database, clock).append("reply", body)


# ── beats ─────────────────────────────────────────────────────────────────────────────────────


def test_a_beat_tells_how_the_store_is_and_nobodys_name(
    hub: ScriptedHub, ends: Ends, database: Database
) -> None:
    beats(ends, database)()
    (beat,) = hub.beats
    assert (beat.boot, beat.sequence, beat.ring, beat.level) == ("b1", 1, "pilot", "tight")
    assert (beat.switch.live, beat.p95_ms, beat.shares) == ("demo-7", 20.0, {"audit": 1.0})
    assert beat.faults == ("customer [NAME], phone [PHONE]: the disk is full.",)
    assert beat.machine["memory_free_mib"] > 0
    assert beat.line["breaker"] == "closed"


def test_what_was_said_is_told_once_and_again_when_the_beat_was_lost(
    hub: ScriptedHub, ends: Ends, database: Database
) -> None:
    clock = FakeClock()
    reply(database, clock, "quote", 0.9)
    beat = beats(ends, database)
    beat()  # the first tells where the journal stands, not all that was ever said
    reply(database, clock, "quote", 0.8)
    reply(database, clock, "handoff", 1.0)
    SqliteJournal(database, clock).append("feedback", {"id": "r", "verdict": "down"})
    hub.befall(BEAT, "500")
    with pytest.raises(LineDown):
        beat()
    beat()
    beat()

    first, second, third = hub.beats
    assert (first.asks, second.asks, third.asks) == (0, 2, 0)
    assert second.lanes == {"quote": 1, "handoff": 1}
    assert second.calibration == {"answered": 1, "expected": 0.8, "down": 1}
    assert (first.errors, second.errors, third.errors) == (3, 0, 0)
    assert third.journal["sequence"] == 4
    assert [b.sequence for b in hub.beats] == [1, 3, 4]


def test_the_hubs_time_ring_and_pace_are_kept(
    hub: ScriptedHub, ends: Ends, database: Database
) -> None:
    hub.now = lambda: datetime.now(UTC) + timedelta(seconds=50)
    beats(ends, database)()
    known = ends.memory.known
    assert known.offset_s == pytest.approx(50, abs=2)
    assert (known.ring, known.beat_every_s) == ("pilot", 60.0)
    assert known.contact_at is not None


def test_a_store_whose_server_does_not_answer_is_told_so(tmp_path: Path) -> None:
    from appliance.config import Settings

    standing = BesideFigures(Settings(home=tmp_path, port=9), FakeClock()).standing()
    assert not standing.ready
    assert "does not answer" in standing.faults[0]


# ── the wake stream ───────────────────────────────────────────────────────────────────────────


def test_a_push_is_heard_and_a_stream_that_ends_is_opened_again(
    hub: ScriptedHub, ends: Ends
) -> None:
    heard: list[Wish] = []
    hub.woken = [Wish(WishKind.LOOK, "pilot", "demo-8")]
    hub.befall(WAKE, "500")
    stream = WakeStream(ends.line, ends.tokens, ends.clock, heard.append, draw=lambda: 0.01)
    thread = threading.Thread(target=stream.run)
    thread.start()
    until = time.monotonic() + 10
    while hub.asked[f"GET {WAKE}"] < 3:
        assert time.monotonic() < until
        time.sleep(0.01)
    stream.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert heard == [Wish(WishKind.LOOK, "pilot", "demo-8")]


def test_what_is_no_wish_of_ours_is_passed_over() -> None:
    lines = [
        ": still here", "", "event: other", 'data: {"kind": "look"}', "",
        "event: wish", 'data: {"kind": "dance"}', "", "event: wish", "data: {", "",
        "event: wish", 'data: {"kind": "send", "newer": 1}', "",
    ]  # fmt: skip
    assert list(read_wishes(iter(lines))) == [Wish(WishKind.SEND)]


# ── late answers ──────────────────────────────────────────────────────────────────────────────


class Kept:
    """`ports.LateAnswers` as far as they arrive."""

    def __init__(self, fails: int = 0) -> None:
        self.came: list[Arrived] = []
        self.fails = fails

    def arrive(self, answers: list[Arrived]) -> int:
        if self.fails:
            self.fails -= 1
            raise LineDown("stands in for a database that fails")
        self.came += answers
        return len(answers)


def some_answers(count: int) -> list[LateAnswer]:
    at = datetime(2026, 11, 27, tzinfo=UTC)
    return [LateAnswer(n, f"r{n}", "Yes.", "expert", at) for n in range(1, count + 1)]


def test_every_page_of_late_answers_is_kept_before_the_cursor_moves_on(
    hub: ScriptedHub, ends: Ends
) -> None:
    hub.answers = some_answers(5)
    kept = Kept(fails=1)
    mail = LateMail(ends.line, ends.tokens, ends.memory, kept)  # type: ignore[arg-type]
    with pytest.raises(LineDown):
        mail()
    assert ends.memory.known.cursor == 0
    assert mail() == 5
    assert [a.reply for a in kept.came] == ["r1", "r2", "r3", "r4", "r5"]
    assert ends.memory.known.cursor == 5
    assert mail() == 0


# ── the jobs ──────────────────────────────────────────────────────────────────────────────────


def wait(until: threading.Event) -> None:
    assert until.wait(10)


def test_a_job_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    memory, ran = Memory(tmp_path / "state.json"), threading.Event()
    fails = [LineDown("down"), LineResting("resting"), ValueError("bug")]

    def bad() -> None:
        raise fails.pop(0) if fails else LineDown("down again")

    def good() -> str:
        if not fails:
            ran.set()
        return IDLE

    quick = {"every_s": 0.05, "jitter": 0.0}
    with Jobs(memory).running((Job("bad", bad, **quick), Job("good", good, **quick))):
        wait(ran)
        time.sleep(0.2)
        assert memory.known.faults == {"bad": "down again"}


def test_a_job_that_is_well_again_says_so(tmp_path: Path) -> None:
    memory, ran = Memory(tmp_path / "state.json"), threading.Event()
    memory.fault("job", "down")
    with Jobs(memory).running((Job("job", ran.set, 0.05),)):
        wait(ran)
        time.sleep(0.1)
    assert memory.known.faults == {}


def test_a_job_can_be_done_before_its_time(tmp_path: Path) -> None:
    ran = threading.Event()
    jobs = Jobs(Memory(tmp_path / "state.json"))
    with jobs.running((Job("job", ran.set, 3600.0, first_s=3600.0),)):
        jobs.soon("job")
        wait(ran)
        assert jobs.next_at("job") is not None
        assert jobs.next_at("nobody") is None


def test_a_clock_that_is_put_back_by_decades_holds_no_job_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The scheduler goes by the clock: put back to 1970, it would wait until 2026 for the next run.
    monkeypatch.setattr(scheduling, "WATCH_S", 0.05)
    ran = threading.Event()
    jobs = Jobs(Memory(tmp_path / "state.json"), monotonic=lambda: now_s[0], draw=lambda: 0.0)
    now_s = [0.0]
    with jobs.running((Job("job", ran.set, 3600.0, first_s=3600.0),)):
        now_s[0] += 1e9  # the monotonic clock moved away from the wall's: the wall's was put
        wait(ran)


# ── memory ────────────────────────────────────────────────────────────────────────────────────


def test_what_is_known_survives_a_start_and_a_damaged_file_costs_little(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    Memory(path).change(cursor=7, ring="pilot")
    assert Memory(path).known.cursor == 7
    path.write_text('{"cursor": "x"')
    assert Memory(path).known == Known()


def test_a_disk_that_is_full_stops_no_agent(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "no" / "such" / "state.json")
    memory.change(cursor=7)
    assert memory.known.cursor == 7


def test_who_is_not_the_agent_writes_nothing(tmp_path: Path) -> None:
    Memory(tmp_path / "state.json", may_write=False).change(cursor=7)
    assert not (tmp_path / "state.json").exists()

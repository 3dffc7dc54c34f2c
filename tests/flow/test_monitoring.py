"""Monitoring that acts, over a whole store: pressure sheds, breakers open, both come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.backroom import Store
from appliance.errors import EngineError, StoreError
from appliance.monitoring.breaker import State
from appliance.monitoring.monitor import AtDesk
from appliance.monitoring.pressure import CALM_READINGS, Level
from appliance.monitoring.watch import Watch
from appliance.records import Draft, LaneName, Reply, Sentence, Source, Stitched
from tests.builders.records import HEADPHONES as RULE
from tests.builders.records import NOW, a_passage
from tests.builders.stores import HEADPHONES, Parts
from tests.builders.vitals import some_vitals
from tests.fakes.clock import FakeClock
from tests.fakes.ports import saying

ASK = "how long do customers have to return opened headphones"
CITED = Source(HEADPHONES.id, HEADPHONES.title, 0, len(RULE))
TOYS = a_passage(
    "Opened toys go back to the shelf. Opened toys that are faulty go to receiving.",
    id="toys#1",
    document="toys",
    title="Opened toys",
)
SPECIALIST = LaneName.SPECIALIST


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def parts(tmp_path: Path, clock: FakeClock) -> Parts:
    parts = Parts.at(tmp_path, clock, (HEADPHONES, TOYS))
    parts.specialist.script = saying(SPECIALIST, Sentence(RULE, (CITED,)))
    return parts


@pytest.fixture
def store(parts: Parts, tmp_path: Path) -> Store:
    return parts.store(tmp_path)


class Machine:
    """A machine whose memory a test uses up."""

    def __init__(self, store: Store) -> None:
        self.memory = 0.6
        self._watch = Watch(
            lambda: some_vitals(memory_available_share=self.memory), store.monitoring.press
        )

    def read(self, times: int = 1) -> None:
        for _ in range(times):
            self._watch.step()


@pytest.fixture
def machine(store: Store) -> Machine:
    return Machine(store)


def tried(reply: Reply) -> list[tuple[str, str]]:
    return [(a.lane.value, a.outcome) for a in reply.attempts]


def breaking(_: Stitched) -> Draft:
    raise EngineError("This generation failed. llama_decode returned -3 for this ask alone.")


# ── pressure ──────────────────────────────────────────────────────────────────────────────────


def test_at_critical_the_specialist_rests_the_quote_answers_and_it_comes_back_by_itself(
    store: Store, parts: Parts, machine: Machine
) -> None:
    machine.read()
    assert store.ask(ASK).lane is SPECIALIST

    machine.memory = 0.03
    machine.read()
    asked = len(parts.specialist.remaining_s)
    reply = store.ask(ASK)

    assert reply.lane is LaneName.QUOTE
    assert len(parts.specialist.remaining_s) == asked  # it was not asked
    assert tried(reply)[0] == ("specialist", "unavailable")
    assert reply.attempts[0].why == (
        "rests while this machine is critical: 3% of memory is available"
    )
    assert store.health()["level"] == "critical"

    machine.memory = 0.6
    machine.read(times=CALM_READINGS)
    assert store.monitoring.guard.pressure.level is Level.TIGHT
    assert store.ask(ASK).lane is SPECIALIST  # at tight it answers again
    machine.read(times=CALM_READINGS)
    assert store.monitoring.guard.pressure.level is Level.CALM


def test_at_tight_nobody_drafts_and_long_answers_are_cut_but_the_specialist_answers(
    store: Store, parts: Parts, machine: Machine
) -> None:
    long = "what about opened toys that are faulty"
    parts.specialist.script = None
    whole = store.ask(long)
    machine.memory = 0.08
    machine.read()

    cut = store.ask(long)

    assert ("generalist", "none") in tried(whole)
    assert ("generalist", "unavailable") in tried(cut)
    assert ("specialist", "none") in tried(cut)
    assert len(whole.sentences) == 2
    assert (len(cut.sentences), cut.is_brief, cut.text[-1]) == (1, True, "”")
    assert cut.attempts[-1].why == "its first sentence alone: this machine is under pressure"


def test_what_the_row_holds_is_what_the_receipt_holds(store: Store, machine: Machine) -> None:
    machine.memory = 0.03
    machine.read()
    reply = store.ask(ASK)
    row = store.journal.reply(reply.id)
    assert row is not None
    assert row["reply"]["attempts"][0]["why"] == reply.attempts[0].why
    assert set(row["reply"]["attempts"][0]["tokens"]) == {"prompt", "reused", "generated"}


# ── breakers ──────────────────────────────────────────────────────────────────────────────────


def test_a_lane_that_fails_opens_its_breaker_and_the_receipt_says_who_answered_instead(
    store: Store, parts: Parts
) -> None:
    parts.specialist.script = breaking
    for _ in range(4):
        assert store.ask(ASK).lane is LaneName.QUOTE
    asked = len(parts.specialist.remaining_s)

    reply = store.ask(ASK)

    assert len(parts.specialist.remaining_s) == asked == 4
    assert reply.attempts[0].why == (
        "its breaker is open: 4 failed of its last 4 tries; tried again in 15 s"
    )
    assert tried(reply)[-1] == ("quote", "answered")


def test_a_lane_that_crawls_opens_its_breaker_too_and_comes_back_after_good_probes(
    store: Store, parts: Parts, clock: FakeClock
) -> None:
    said = saying(SPECIALIST, Sentence(RULE, (CITED,)))

    def crawl(stitched: Stitched) -> Draft:
        clock.advance(6.0)  # half of the deadline is 5 s
        return said(stitched)

    parts.specialist.script = crawl
    assert [store.ask(ASK).lane for _ in range(4)] == [SPECIALIST] * 4
    assert "4 were too slow" in store.ask(ASK).attempts[0].why

    parts.specialist.script = said
    clock.advance(15.0)
    assert [store.ask(ASK).lane for _ in range(3)] == [SPECIALIST] * 3
    assert store.monitoring.guard.tallies()[SPECIALIST].state is State.CLOSED


def test_a_specialist_that_finds_nothing_all_day_keeps_its_breaker_closed(
    store: Store, parts: Parts
) -> None:
    parts.specialist.script = None
    parts.generalist.script = None
    for _ in range(50):
        store.ask(ASK)
    states = {t.state for t in store.monitoring.guard.tallies().values()}
    assert states == {State.CLOSED}


# ── replay ────────────────────────────────────────────────────────────────────────────────────


def test_a_replay_is_not_touched_by_todays_pressure(
    store: Store, parts: Parts, machine: Machine
) -> None:
    then = store.ask(ASK)
    machine.memory = 0.03
    machine.read()
    _, again = store.replay(then.id)
    assert (again.lane, again.text) == (then.lane, then.text)
    assert then.lane is SPECIALIST


def test_a_reply_given_under_pressure_is_replayed_as_it_was_once_all_is_calm(
    store: Store, parts: Parts, machine: Machine
) -> None:
    machine.memory = 0.03
    machine.read()
    then = store.ask("what about opened toys that are faulty")
    machine.memory = 0.6
    machine.read(times=2 * CALM_READINGS)

    _, again = store.replay(then.id)

    assert (again.text, again.is_brief) == (then.text, True)
    assert again.attempts == then.attempts


def test_a_replay_counts_nothing_and_tells_no_breaker(store: Store, parts: Parts) -> None:
    then = store.ask(ASK)
    parts.specialist.script = breaking
    before = store.monitoring.guard.tallies()[SPECIALIST].tries
    for _ in range(6):
        store.replay(then.id)
    assert store.monitoring.guard.tallies()[SPECIALIST].tries == before == 1
    assert store.monitoring.status(AtDesk())["hour"]["together"]["asks"] == 1


# ── figures ───────────────────────────────────────────────────────────────────────────────────


def test_every_ask_is_counted_and_one_without_a_reply_by_its_code(
    store: Store, parts: Parts
) -> None:
    store.ask(ASK)
    parts.journal.fails_on = "reply"
    with pytest.raises(StoreError):
        store.ask(ASK)
    told = store.monitoring.status(AtDesk())["hour"]["together"]
    assert (told["asks"], told["lanes"]) == (1, {"specialist": 1})
    assert told["errors"] == {"store_error": 1}


def test_a_bug_is_counted_as_one(store: Store, parts: Parts) -> None:
    def fail(_: Stitched) -> Draft:
        raise ZeroDivisionError

    parts.specialist.script = fail
    with pytest.raises(ZeroDivisionError):
        store.ask(ASK)
    told = store.monitoring.status(AtDesk())["hour"]["together"]
    assert told["errors"] == {"bug": 1}


def test_a_store_whose_engine_died_is_live_and_not_ready_and_still_answers(
    store: Store, parts: Parts
) -> None:
    parts.model.is_alive = False
    parts.specialist.script = breaking
    health = store.health()
    assert (health["live"], health["ready"]) == (True, False)
    assert "thread has died" in health["faults"][0]
    assert store.ask(ASK).lane is LaneName.QUOTE


def test_a_store_whose_database_takes_no_write_is_live_and_not_ready(
    store: Store, parts: Parts
) -> None:
    parts.database.write(lambda connection: connection.pragma("query_only", 1))
    health = store.health()
    assert (health["live"], health["ready"], health["level"]) == (True, False, "calm")
    assert "cannot be opened for writing" in health["faults"][0]


def test_a_store_whose_tables_cannot_be_read_tells_so_instead_of_failing(
    store: Store, parts: Parts
) -> None:
    parts.database.write(lambda connection: connection.execute("DROP TABLE spool"))
    health = store.health()
    assert (health["ready"], health["checks"]) == (False, {})
    assert "no such table: spool" in health["faults"][0]
    assert store.monitoring.status(AtDesk())["spool"] == {"items": None, "dropped": None}

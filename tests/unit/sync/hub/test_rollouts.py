"""The hub's hand in a rollout, over a real ledger and a real signed repository."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sync.errors import BadKey, PointerRefused
from sync.hub import rollout_book as book
from sync.hub.alarms import open_alarms
from sync.hub.errors import LedgerError
from sync.rollout import words
from sync.rollout.engine import Action
from sync.rollout.events import Event, EventKind
from sync.rollout.plan import Plan, Ring, Step
from sync.trust.ring import RingPointer
from sync.wire import SwitchState
from tests.builders.repositories import published, release
from tests.unit.sync.hub.fleet import NEW, OLD, Fleet, fleet

STEP = Step(100, fail_count=1, soak_s=600.0)
PLAN = Plan(NEW, 2, (Ring("lab", (STEP,)), Ring("all", (replace(STEP, percent=50), STEP))))


@pytest.fixture
def shops(tmp_path: Path, database_url: str) -> Iterator[Fleet]:
    with fleet(tmp_path, database_url) as made:
        yield made


def test_the_first_step_is_written_down_signed_and_told_to_the_rings_stores(shops: Fleet) -> None:
    shops.add("0001")
    shops.start(PLAN)

    shops.job().step()

    pointer = shops.repository.ring("lab")
    assert (pointer.release, pointer.state, pointer.percent) == (NEW, "go", 100)
    assert pointer.salt == "r1"
    assert shops.kinds() == ["started", "advanced"]
    assert shops.rollout().log[1].acted_at is not None
    assert shops.wishes() == [("look", "lab")]


def test_stores_that_settle_take_it_to_the_next_ring(shops: Fleet) -> None:
    shops.add("0001", "0002")
    shops.add("0003", ring="all")
    shops.start(PLAN)
    job = shops.job()
    job.step()
    shops.beat("0001")
    shops.beat("0002", SwitchState.PROBATION)

    job.step()
    shops.clock.advance(60)
    shops.beat("0002")
    job.step()
    waiting = shops.kinds()
    shops.clock.advance(600)
    job.step()

    assert waiting == ["started", "advanced"]
    assert shops.kinds() == ["started", "advanced", "advanced"]
    assert shops.repository.ring("all").percent == 50


def test_a_failure_halts_at_once_and_then_signs_the_pause(shops: Fleet) -> None:
    shops.add("0001")
    shops.start(PLAN)
    job = shops.job()
    job.step()
    shops.beat("0001", SwitchState.BACK, live=OLD, why="3 crashes")

    found = job.step()

    assert found is not None
    assert found.action is Action.HALT
    assert "0001: 3 crashes" in found.why
    assert shops.repository.ring("lab").state == "pause"
    assert shops.wishes() == [("look", "lab"), ("pause", "lab"), ("look", "lab")]
    alarms = shops.ledger.read(open_alarms)
    assert ["halted" in alarm.why for alarm in alarms] == [True]
    assert shops.rollout().closed_at is not None
    assert job.step() is None


def test_an_action_written_down_and_not_done_is_done_by_whoever_comes_next(shops: Fleet) -> None:
    shops.add("0001")
    shops.start(PLAN)
    event = Event(EventKind.ADVANCED, shops.clock.now(), "lab", 0, 100.0, why="begins")
    shops.say(event)  # and the hub is killed before it signs

    shops.job().step()

    assert shops.repository.ring("lab").release == NEW
    assert shops.kinds() == ["started", "advanced"]
    assert shops.rollout().log[1].acted_at is not None


def test_an_action_done_twice_is_signed_once(shops: Fleet) -> None:
    shops.add("0001")
    shops.start(PLAN)
    shops.job().step()
    first = shops.repository.expiries()
    shops.ledger.write(  # killed after it signed, before it could note that
        lambda c: book.acted(c, "r1", 2, now=None)  # type: ignore[arg-type]
    )

    shops.job().step()

    assert shops.repository.expiries() == first
    assert shops.rollout().log[1].acted_at is not None


def test_two_hubs_that_decide_at_once_write_one_decision(shops: Fleet) -> None:
    shops.add("0001")
    shops.start(PLAN)
    event = Event(EventKind.ADVANCED, shops.clock.now(), "lab", 0, 100.0)
    shops.ledger.write(lambda c: book.append(c, "r1", event, number=2))

    with pytest.raises(LedgerError):
        shops.ledger.write(lambda c: book.append(c, "r1", event, number=2))

    assert shops.kinds() == ["started", "advanced"]


def test_a_pause_by_a_person_stops_the_ring_and_going_on_lets_it_go(shops: Fleet) -> None:
    shops.add("0001")
    shops.start(PLAN)
    job = shops.job()
    job.step()
    now = shops.clock.now()

    shops.say(words.paused(PLAN, shops.rollout().events, by="Ana", at=now, why="lunch"))
    job.step()
    paused = shops.repository.ring("lab").state
    shops.say(words.resumed(PLAN, shops.rollout().events, by="Ana", at=now, why=""))
    job.step()

    assert paused == "pause"
    assert shops.repository.ring("lab").state == "go"
    assert shops.kinds() == ["started", "advanced", "paused", "resumed"]


def test_a_pause_for_a_check_lets_owed_stores_have_the_release(shops: Fleet) -> None:
    shops.add("0001", "0002")
    checked = Plan(NEW, 2, (Ring("lab", (replace(STEP, check=True),)), Ring("all", (STEP,))))
    shops.start(checked)
    job = shops.job()
    job.step()
    shops.beat("0001")
    job.step()
    shops.clock.advance(601)
    shops.beat("0001")

    found = job.step()
    job.step()

    assert found is not None
    assert found.action is Action.PAUSE
    assert shops.kinds() == ["started", "advanced", "paused"]
    assert shops.repository.ring("lab").state == "go"


def test_when_a_store_settled_is_known_to_the_next_hub(shops: Fleet) -> None:
    shops.add("0001")
    shops.start(PLAN)
    job = shops.job()
    job.step()
    shops.beat("0001")
    job.step()
    shops.clock.advance(599)
    shops.beat("0001")

    found = shops.job().step()

    assert found is not None
    assert found.action is Action.WAIT
    assert found.until is not None
    assert (found.until - shops.clock.now()).total_seconds() == pytest.approx(1)


def test_worse_answers_than_before_halt(shops: Fleet) -> None:
    stores = [f"{n:04}" for n in range(20)]
    shops.add(*stores)
    shops.start(PLAN)
    job = shops.job()
    for store in stores:
        shops.beat(store, live=OLD, asks=100, errors=1, p95_ms=900.0)
    job.step()
    job.step()
    for store in stores:
        shops.beat(store, SwitchState.PROBATION, asks=100, errors=12, p95_ms=900.0)

    found = job.step()

    assert found is not None
    assert found.action is Action.HALT
    assert "errors: 12.0% of asks against 1.0%" in found.why


def test_a_key_that_is_not_here_raises_an_alarm_and_the_next_look_tries_again(
    shops: Fleet,
) -> None:
    class Locked:
        is_locked = True

        def ring(self, ring: str) -> RingPointer:
            return shops.repository.ring(ring)

        def promote(self, pointer: RingPointer) -> RingPointer:
            if self.is_locked:
                raise BadKey("no key")
            return shops.repository.promote(pointer)

    shops.add("0001")
    shops.start(PLAN)
    locked = Locked()
    job = replace_rings(shops, locked)

    with pytest.raises(BadKey):
        job.step()
    alarms = [alarm.why for alarm in shops.ledger.read(open_alarms)]
    locked.is_locked = False
    job.step()

    assert alarms == ["Rollout r1 cannot sign: no key"]
    assert shops.ledger.read(open_alarms) == []
    assert shops.repository.ring("lab").release == NEW


def replace_rings(shops: Fleet, rings: object):
    job = shops.job()
    job.rings = rings  # type: ignore[assignment]
    return job


def test_a_ring_taken_back_by_hand_is_not_signed_over(shops: Fleet) -> None:
    shops.add("0001")
    shops.add("0002", ring="all")
    shops.repository.promote(RingPointer("lab", OLD, 1))
    shops.start(PLAN)
    job = shops.job()
    job.step()
    shops.beat("0001", SwitchState.PROBATION)
    job.step()
    shops.repository.rollback("lab", OLD)
    by_hand = shops.repository.ring("lab")
    shops.beat("0001", SwitchState.SETTLED, live=OLD)

    job.step()
    job.step()

    assert shops.repository.ring("lab") == by_hand
    assert shops.kinds() == ["started", "advanced", "halted"]
    assert "ring lab was pointed at v1 by hand" in shops.rollout().log[2].event.why
    assert ("pause", "lab") not in shops.wishes()
    assert shops.rollout().closed_at is not None


def test_a_ring_taken_back_while_a_step_could_not_be_signed_is_not_signed_over(
    shops: Fleet,
) -> None:
    class Locked:
        is_locked = False

        def ring(self, ring: str) -> RingPointer:
            return shops.repository.ring(ring)

        def promote(self, pointer: RingPointer) -> RingPointer:
            if self.is_locked:
                raise BadKey("no key")
            return shops.repository.promote(pointer)

    shops.add("0001")
    shops.repository.promote(RingPointer("lab", OLD, 1))
    shops.start(Plan(NEW, 2, (Ring("lab", (replace(STEP, percent=50), STEP)),)))
    locked = Locked()
    job = replace_rings(shops, locked)
    job.step()
    shops.beat("0001")
    job.step()
    shops.clock.advance(600)
    shops.beat("0001")
    locked.is_locked = True
    with pytest.raises(BadKey):
        job.step()
    shops.repository.rollback("lab", OLD)
    by_hand = shops.repository.ring("lab")
    locked.is_locked = False

    for _ in range(3):
        job.step()

    assert shops.repository.ring("lab") == by_hand
    assert shops.kinds() == ["started", "advanced", "advanced", "halted"]
    assert shops.rollout().closed_at is not None


def test_a_rollout_that_cannot_begin_can_be_halted_and_the_next_begins(
    shops: Fleet, tmp_path: Path
) -> None:
    published(shops.repository, release(tmp_path / "v3", "v3", 3))
    shops.add("0001")
    shops.repository.promote(RingPointer("lab", "v3", 3))
    shops.start(PLAN)
    job = shops.job()
    with pytest.raises(PointerRefused):
        job.step()
    now = shops.clock.now()
    shops.say(words.halted(PLAN, shops.rollout().events, by="Ana", at=now, why="wrong release"))

    job.step()

    assert shops.rollout().closed_at is not None
    assert shops.repository.ring("lab").release == "v3"
    shops.start(Plan("v3", 3, (Ring("lab", (STEP,)),)), rollout="r2")


def test_a_ring_paused_by_hand_pauses_the_rollout_until_somebody_resumes_it(shops: Fleet) -> None:
    shops.add("0001")
    shops.start(PLAN)
    job = shops.job()
    job.step()
    shops.repository.pause("lab")

    for _ in range(3):
        job.step()
    paused = (shops.kinds(), shops.repository.ring("lab").state)
    now = shops.clock.now()
    shops.say(words.resumed(PLAN, shops.rollout().events, by="Ana", at=now, why=""))
    job.step()

    assert paused == (["started", "advanced", "paused"], "pause")
    assert shops.repository.ring("lab").state == "go"


def test_a_second_rollout_waits_for_the_first(shops: Fleet) -> None:
    shops.start(PLAN)

    with pytest.raises(words.WrongMoment, match="r1 is not over"):
        shops.start(PLAN, rollout="r2")


def test_it_is_done_after_the_watch(shops: Fleet) -> None:
    shops.add("0001")
    shops.start(Plan(NEW, 2, (Ring("lab", (STEP,)),), watch_s=3600))
    job = shops.job()
    job.step()
    shops.beat("0001")
    job.step()
    shops.clock.advance(3600)
    shops.beat("0001")

    job.step()

    assert shops.kinds() == ["started", "advanced", "done"]
    assert shops.rollout().closed_at is not None

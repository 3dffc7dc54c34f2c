"""What a person may say, and who."""

from __future__ import annotations

import pytest

from appliance.errors import BadInput
from sync.rollout import words
from sync.rollout.events import Event, EventKind, Status, progress
from tests.unit.sync.rollout.worlds import T0, advanced, plan, ring, started

WARY = plan(ring("lab", approval=True), ring("all", approval=True))
HALT = Event(EventKind.HALTED, T0, why="bad")


def test_a_second_person_approves_the_next_ring_that_waits() -> None:
    first = words.approved(WARY, [started()], ring="", by="Ben", at=T0)
    second = words.approved(WARY, [started(), first], ring="", by="Ben", at=T0)

    assert (first.ring, second.ring) == ("lab", "all")


@pytest.mark.parametrize("name", ["Ana", "ana", "  Ana "])
def test_whoever_started_it_may_not_approve_it(name: str) -> None:
    with pytest.raises(words.SamePerson, match="Ana"):
        words.approved(WARY, [started("Ana")], ring="", by=name, at=T0)


def test_nothing_is_approved_that_does_not_wait_for_it() -> None:
    with pytest.raises(words.WrongMoment, match="waits for no approval"):
        words.approved(plan(), [started()], ring="", by="Ben", at=T0)
    with pytest.raises(BadInput, match="no ring 'moon'"):
        words.approved(WARY, [started()], ring="moon", by="Ben", at=T0)


def test_pause_and_resume() -> None:
    log = [started(), advanced()]
    log.append(words.paused(plan(), log, by="Ana", at=T0, why="lunch"))
    with pytest.raises(words.WrongMoment, match="paused already: lunch"):
        words.paused(plan(), log, by="Ben", at=T0, why="")
    log.append(words.resumed(plan(), log, by="Ana", at=T0, why=""))

    assert progress(plan(), log).status is Status.RUNNING
    with pytest.raises(words.WrongMoment, match="not paused"):
        words.resumed(plan(), log, by="Ana", at=T0, why="")


@pytest.mark.parametrize("word", [words.resumed, words.paused])
def test_a_halt_is_for_good(word: object) -> None:
    with pytest.raises(words.WrongMoment, match=r"halted: bad\. That is for good"):
        word(plan(), [started(), HALT], by="Ana", at=T0, why="")  # type: ignore[operator]
    with pytest.raises(words.WrongMoment, match="halted before"):
        words.halted(plan(), [started(), HALT], by="Ana", at=T0, why="")


@pytest.mark.parametrize("name", ["", "  ", "x" * 121])
def test_nobody_says_anything_without_a_name(name: str) -> None:
    with pytest.raises(BadInput, match="a name is needed"):
        words.started(by=name, at=T0)

"""Turns at the processor: few at once, in order, given back while waiting."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from appliance.errors import EngineError
from appliance.records import Draft, LaneName, Stitched
from appliance.turns import RestingFacts, RestingLane, Turns
from tests.builders.records import NOW
from tests.fakes.ports import MemoryFacts

SOON_S = 5.0


def test_no_more_think_at_once_than_there_are_turns() -> None:
    turns, lock = Turns(2), threading.Lock()
    inside, most = 0, 0

    def think(_: int) -> None:
        nonlocal inside, most
        with turns.taken():
            with lock:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.005)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(think, range(40)))
    assert most == 2


def test_turns_come_in_the_order_they_were_asked_for() -> None:
    turns, order = Turns(1), []
    waiting: list[threading.Thread] = []

    def think(number: int) -> None:
        with turns.taken():
            order.append(number)

    with turns.taken():
        for number in range(5):
            thread = threading.Thread(target=think, args=(number,))
            thread.start()
            waiting.append(thread)
            while len(turns._line) <= number:
                threading.Event().wait(0.001)
    for thread in waiting:
        thread.join(SOON_S)
    assert order == [0, 1, 2, 3, 4]


def test_who_rests_lets_another_think() -> None:
    turns, done = Turns(1), threading.Event()

    def think() -> None:
        with turns.taken():
            done.set()

    with turns.taken(), turns.rested():
        thread = threading.Thread(target=think)
        thread.start()
        assert done.wait(SOON_S)
    thread.join(SOON_S)
    with turns.taken():
        pass


def test_rest_without_a_turn_takes_none() -> None:
    turns = Turns(1)
    with turns.rested(), turns.taken():
        pass
    with turns.taken():
        pass


def test_an_error_gives_the_turn_back() -> None:
    turns = Turns(1)
    with pytest.raises(ValueError, match="thought"), turns.taken():
        raise ValueError("thought")
    with turns.taken():
        pass


def test_facts_are_waited_for_without_a_turn() -> None:
    turns = Turns(1)
    free: list[int] = []

    class Watching(MemoryFacts):
        def read(self, families, **question):
            free.append(turns._free)
            return super().read(families, **question)

    facts = RestingFacts(Watching(), turns)
    with turns.taken():
        facts.read(("price",), subject="LM-104233", at=NOW)
        assert facts.read((), subject="LM-104233", at=NOW).facts == ()
        assert turns._free == 0
    assert free == [1]


def test_a_model_is_waited_for_without_a_turn() -> None:
    turns = Turns(1)
    free: list[int] = []

    class Watching:
        name, is_model = LaneName.SPECIALIST, True

        def draft(self, stitched: Stitched | None, *, remaining_s: float) -> Draft:
            free.append(turns._free)
            return Draft(self.name, (), p=remaining_s)

    lane = RestingLane(Watching(), turns)
    with turns.taken():
        draft = lane.draft(None, remaining_s=0.25)
        assert turns._free == 0
    assert (lane.name, lane.is_model, draft.p, free) == (LaneName.SPECIALIST, True, 0.25, [1])


def test_a_lane_that_fails_has_its_turn_again() -> None:
    turns = Turns(1)

    class Failing:
        name, is_model = LaneName.SPECIALIST, True

        def draft(self, stitched: Stitched | None, *, remaining_s: float) -> Draft:
            raise EngineError("The engine is closed.")

    with turns.taken():
        with pytest.raises(EngineError):
            RestingLane(Failing(), turns).draft(None, remaining_s=1.0)
        assert turns._free == 0
    assert turns._free == 1

"""The bounded queue in front of the store."""

import threading

import pytest

from appliance.errors import EngineBusy
from appliance.web.desk import Desk

WAIT_S = 5.0


def test_one_more_than_the_queue_takes_is_told_to_come_back() -> None:
    desk, gate = Desk(at_once=1, waiting=1), threading.Event()
    taken = [desk.submit(lambda: gate.wait(WAIT_S)) for _ in range(2)]

    with pytest.raises(EngineBusy) as caught:
        desk.submit(lambda: True)

    gate.set()
    assert caught.value.retry_after_s > 0
    assert [future.result(WAIT_S) for future in taken] == [True, True]
    desk.close()


def test_a_place_is_free_again_when_an_ask_is_done_or_failed() -> None:
    desk = Desk(at_once=1, waiting=0)

    def fail() -> None:
        raise ValueError("scripted")

    for work in (lambda: None, fail, lambda: None):
        future = desk.submit(work)
        future.exception(WAIT_S)
        _settle(desk)

    assert desk.submit(lambda: 7).result(WAIT_S) == 7
    desk.close()


def test_closing_lets_the_asks_taken_finish() -> None:
    desk, done = Desk(at_once=1, waiting=3), []
    for n in range(3):
        desk.submit(lambda n=n: done.append(n))

    desk.close()

    assert done == [0, 1, 2]


def _settle(desk: Desk) -> None:
    # The place is left by a callback that may run just after the result is there.
    for _ in range(500):
        if desk._taken == 0:
            return
        threading.Event().wait(0.01)
    pytest.fail("the place was not given back")

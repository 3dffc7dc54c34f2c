"""SIGHUP does the work again, beside the main thread; SIGTERM closes what is open, then ends."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from queue import SimpleQueue

import pytest

from appliance.signals import ending_in_order, on_hangup

PATIENCE_S = 10.0


def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


def test_each_hangup_does_the_work_on_another_thread() -> None:
    done: SimpleQueue[str] = SimpleQueue()
    with on_hangup(lambda: done.put(threading.current_thread().name)):
        for _ in range(3):
            hang_up()
        assert {done.get(timeout=PATIENCE_S) for _ in range(3)} == {"hangup"}


def test_work_that_fails_is_logged_and_done_again(caplog: pytest.LogCaptureFixture) -> None:
    done: SimpleQueue[None] = SimpleQueue()

    def fail() -> None:
        done.put(None)
        raise ZeroDivisionError

    with on_hangup(fail):
        for _ in range(2):
            hang_up()
            done.get(timeout=PATIENCE_S)
    assert caplog.messages == ["hangup_failed"] * 2


def test_the_signal_is_given_back_at_the_end() -> None:
    before = signal.getsignal(signal.SIGHUP)
    with on_hangup(lambda: None):
        assert signal.getsignal(signal.SIGHUP) is not before
    assert signal.getsignal(signal.SIGHUP) is before


def test_a_store_that_is_terminated_is_closed_first() -> None:
    before, closed = signal.getsignal(signal.SIGTERM), []

    def serve() -> None:
        with ending_in_order(), ExitStack() as store:
            store.callback(lambda: closed.append("store"))
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(PATIENCE_S)

    with pytest.raises(SystemExit) as ended:
        serve()
    assert (ended.value.code, closed) == (0, ["store"])
    assert signal.getsignal(signal.SIGTERM) is before

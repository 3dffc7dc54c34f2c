"""What others ask the engine's thread to do between two steps, as it alone touches the context."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from appliance.errors import EngineError

LONGEST_S = 60.0  # that a caller waits: an adapter is read from the disk


class Errands:
    """A queue of calls; put from any thread, run by one. `deque` needs no lock for that."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, errand: Callable[[], Any]) -> Future[Any]:
        """Queue a call."""
        done: Future[Any] = Future()
        self._waiting.append((errand, done))
        return done

    def run(self, *, is_closed: bool) -> None:
        """Run what waits; refuse it where the engine is closed. What it raises is its caller's."""
        while self._waiting:
            errand, done = self._waiting.popleft()
            if not done.set_running_or_notify_cancel():
                continue
            try:
                if is_closed:
                    raise EngineError("The engine is closed.")
                done.set_result(errand())
            except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
                done.set_exception(error)


def result_of(done: Future[Any]) -> Any:
    """Wait for an errand.

    Raises:
        EngineError: It had no turn in a minute. Whatever the errand raised comes as it is.
    """
    try:
        return done.result(timeout=LONGEST_S)
    except TimeoutError:
        done.cancel()
        raise EngineError(f"The engine had no time for an errand in {LONGEST_S:g} s.") from None

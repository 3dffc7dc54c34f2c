"""What a running store does when it is told to: its work again (SIGHUP), or an end (SIGTERM)."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

log = logging.getLogger(__name__)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Close what the block opened at SIGTERM too, and end with 0; enter it on the main thread.

    By default the signal ends the program where it stands: uvicorn stops serving at the first one,
    then raises it again, and the journal's head would lag behind the last replies.
    """

    def end(*_: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def on_hangup(work: Callable[[], object]) -> Iterator[None]:
    """Do `work` at each SIGHUP while the block runs; to be entered on the main thread.

    It is done on a thread of its own: the main thread serves. What it raises is logged, and the
    next SIGHUP does it again. The signal no longer ends the program meanwhile.
    """
    # SimpleQueue, not an Event: a handler can interrupt itself, and only this `put` may then.
    asked: SimpleQueue[bool] = SimpleQueue()

    def loop() -> None:
        while asked.get():
            try:
                work()
            except Exception:  # the outermost loop of this thread: told, and heard again
                log.exception("hangup_failed")

    thread = threading.Thread(target=loop, name="hangup", daemon=True)
    thread.start()
    before = signal.signal(signal.SIGHUP, lambda *_: asked.put(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
        asked.put(False)
        thread.join()

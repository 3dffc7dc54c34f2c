"""Something done again and again beside the store's work, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def recurring(
    step: Callable[[], object], *, every_s: float, name: str, is_begun: bool = False
) -> Iterator[None]:
    """Call `step` every so many seconds while the block runs; it must not raise.

    Args:
        step: What is done.
        every_s: Seconds between the end of one call and the next.
        name: The thread's.
        is_begun: The first call has been made; else the thread begins with one.
    """
    stopped = threading.Event()

    def loop() -> None:
        if not is_begun:
            step()
        while not stopped.wait(every_s):
            step()

    thread = threading.Thread(target=loop, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()

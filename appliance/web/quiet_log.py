"""A log no client can fill: what is said again and again is said once a minute, and counted."""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

log = logging.getLogger("backroom.web")
EVERY_S = 60.0
MOST_KEPT = 128  # different messages remembered; the one longest unheard is forgotten first
NOISY = ("uvicorn.error", "backroom.web")  # what a request alone can make these say, it repeats
NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class OncePerMinute(logging.Filter):
    """Lets a message through once in `EVERY_S`, with how often it was left out; bugs always."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is to be written."""
        if record.exc_info:
            return True
        said = record.getMessage()
        left_out = self._left_out((record.name, said))
        if left_out is None:
            return False
        if left_out:
            record.msg, record.args = f"{said} ({left_out} more times since)", ()
        return True

    def _left_out(self, key: tuple[str, str]) -> int | None:
        """Return how often this was left out since it was last said; None to leave it out too."""
        with self._lock:
            now = self._monotonic()
            said_at, left_out = self._kept.pop(key, (now - EVERY_S, 0))
            is_due = now - said_at >= EVERY_S
            self._kept[key] = (now, 0) if is_due else (said_at, left_out + 1)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return left_out if is_due else None


def quieten() -> None:
    """Put the filter before the loggers a client can make speak; idempotent."""
    for name in NOISY:
        logger = logging.getLogger(name)
        if not any(isinstance(found, OncePerMinute) for found in logger.filters):
            logger.addFilter(OncePerMinute())


def answer_loop_fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say in one line that no socket can be opened (asyncio's exception handler).

    Left to itself, asyncio logs a stack for each try, and in Python 3.11 tries as often as the
    backlog is long, every second.
    """
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        log.warning("No more connections can be taken: %s.", error.strerror)
        return
    loop.default_exception_handler(context)

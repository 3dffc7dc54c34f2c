"""The desk asks queue at: so many at once, so many waiting, the next one is told to come back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from appliance.errors import EngineBusy

T = TypeVar("T")
RETRY_AFTER_S = 2.0  # about one ask's time with a specialist on 2 cores


class Desk:
    """A bounded queue with its own threads.

    Its own, because `asyncio.to_thread` shares a pool of `cpus + 4` threads: on two cores that
    is fewer than the eight asks the engine runs side by side.
    """

    def __init__(self, *, at_once: int, waiting: int, of: str = "asks") -> None:
        """Open a desk; `of` is what a full one says it has in hand."""
        self._of = of
        self._limit = at_once + waiting
        self._taken = 0
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max(1, at_once), thread_name_prefix="ask")

    @property
    def taken(self) -> int:
        """How many are in hand, running and waiting."""
        return self._taken

    @property
    def limit(self) -> int:
        """How many may be in hand at once."""
        return self._limit

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Start `work`, or queue it; once taken it runs to its end, whoever still listens.

        Raises:
            EngineBusy: The queue is full.
        """
        with self._lock:
            if self._taken >= self._limit:
                raise EngineBusy(
                    f"{self._taken} {self._of} are in hand, which is all this store takes at once.",
                    retry_after_s=RETRY_AFTER_S,
                    hint="Try again in a moment.",
                )
            self._taken += 1
        future = self._threads.submit(work)
        future.add_done_callback(self._leave)
        return future

    def close(self) -> None:
        """Let the asks taken finish, then stop; blocks."""
        self._threads.shutdown(wait=True)

    def _leave(self, _future: Future[T]) -> None:
        with self._lock:
            self._taken -= 1

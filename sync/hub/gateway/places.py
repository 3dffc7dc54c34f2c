"""Places at the upstreams: so many at once, so many of one store, so many that wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sync.hub.problems import refused


@dataclass(slots=True)
class Places:
    """Lives on one event loop."""

    at_once: int
    at_once_of_store: int
    waiting: int
    wait_s: float
    _held: Counter[str] = field(default_factory=Counter)  # by store, waiting ones among them
    _waiting: int = 0
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.at_once)

    @asynccontextmanager
    async def place(self, store: str, *, deadline: float) -> AsyncIterator[None]:
        """Hold a place while the block runs.

        Raises:
            Refused: 429, the store has its places; 503, too many wait or none came free in time.
        """
        if self._held[store] >= self.at_once_of_store:
            detail = f"{self.at_once_of_store} requests of this store run already."
            raise refused(429, "too_many_at_once", detail, "Wait for one to end.", wait_s=1)
        if self._free.locked() and self._waiting >= self.waiting:
            raise _busy(f"{self._waiting} requests wait already.")
        self._held[store] += 1
        try:
            await self._take(deadline)
            try:
                yield
            finally:
                self._free.release()
        finally:
            self._held[store] -= 1
            if not self._held[store]:
                del self._held[store]

    async def _take(self, deadline: float) -> None:
        now = asyncio.get_running_loop().time()
        self._waiting += 1
        try:
            async with asyncio.timeout_at(min(deadline, now + self.wait_s)):
                await self._free.acquire()
        except TimeoutError:
            raise _busy("No place came free in time.") from None
        finally:
            self._waiting -= 1


def _busy(detail: str) -> Exception:
    return refused(503, "gateway_busy", detail, "Answer without the generalist.", wait_s=2)

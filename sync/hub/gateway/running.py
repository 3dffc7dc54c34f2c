"""A request on its way: a task that reads the upstream ahead of its caller, and ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from sync.hub.gateway.pieces import Piece

AHEAD = 64  # pieces read ahead of a caller who is slower than the upstream
# The work keeps the deadline itself; this ends what waits for a caller who reads nothing. Not at
# the same instant: two cancels at once would cut the cleaning up short.
GRACE_S = 2.0

Put = Callable[[Piece], Awaitable[None]]


class Running:
    """Pieces of one answer. Whoever stops listening calls `stop`; the deadline ends it anyway.

    The task, not the caller, holds the place and the budget: a caller can vanish at any await, even
    before it has begun to listen, and nothing stays held for it.
    """

    def __init__(self, work: Callable[[Put], Awaitable[None]], *, deadline: float) -> None:
        """Begin.

        Args:
            work: Puts the pieces; what it raises is raised to the listener.
            deadline: Of the event loop's clock; the work ends at it, and is ended soon after it.
        """
        self._pieces: asyncio.Queue[Piece | Exception | None] = asyncio.Queue(AHEAD)
        self._is_stopped = False
        self._task = asyncio.create_task(self._run(work, deadline))

    async def next(self) -> Piece | None:
        """Return the next piece; None after the last."""
        piece = await self._pieces.get()
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def pieces(self) -> AsyncGenerator[Piece]:
        """Yield the pieces that are left; the work ends with the listening."""
        try:
            while (piece := await self.next()) is not None:
                yield piece
        finally:
            self.stop()

    def stop(self) -> None:
        """End the work; idempotent.

        Once and no more: a second cancel would cut short the first one's cleaning up, and leave the
        upstream's connection open. Test: flow/test_gateway.py, a caller who hangs up.
        """
        if not self._is_stopped:
            self._is_stopped = True
            self._task.cancel()

    async def _run(self, work: Callable[[Put], Awaitable[None]], deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline + GRACE_S):
                await work(self._pieces.put)
                await self._pieces.put(None)
        except Exception as exc:  # noqa: BLE001 - it is raised again, to whoever listens
            if self._pieces.full():
                self._pieces.get_nowait()  # nobody reads: that it ended matters more
            self._pieces.put_nowait(exc)

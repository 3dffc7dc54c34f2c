"""Wake streams: server-sent events to each store that listens, so that a push takes seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from appliance.ports import Clock
from sync.hub.door import Caller
from sync.hub.problems import refused
from sync.hub.wishes import END
from sync.wire import Wish

COMMENT_S = 20.0  # between signs of life
MOST_WAITING = 16  # wishes of one stream that is not read; the beats tell what is left out
STEP_S = 0.05  # many streams are woken in steps of this long
HELLO = b": hello\n\n"
STILL_HERE = b": still here\n\n"


@dataclass(slots=True, eq=False)
class Stream:
    """One store that listens."""

    caller: Caller
    queue: asyncio.Queue[Wish | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=MOST_WAITING)
    )

    def tell(self, wish: Wish | None) -> None:
        """Pass a wish on; None ends the stream, whatever waits."""
        if wish is None:
            while not self.queue.empty():
                self.queue.get_nowait()
        if not self.queue.full():
            self.queue.put_nowait(wish)


@dataclass(slots=True)
class Wakes:
    """The streams that one worker holds; lives on the event loop."""

    most: int
    per_s: float  # streams woken in a second
    _streams: dict[str, Stream] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __len__(self) -> int:
        """Return how many stores listen."""
        return len(self._streams)

    def open(self, caller: Caller) -> Stream:
        """Return a new stream of a device; the one it had ends.

        Raises:
            Refused: 503, there are too many.
        """
        before = self._streams.get(caller.device)
        if before is not None:
            before.tell(None)
        elif len(self._streams) >= self.most:
            hint = "Beats tell the same, later."
            raise refused(503, "too_many_streams", "Too many stores listen.", hint, wait_s=60)
        stream = self._streams[caller.device] = Stream(caller)
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a stream that has ended; one that took its place stays."""
        if self._streams.get(stream.caller.device) is stream:
            del self._streams[stream.caller.device]

    def wake(self, kind: str, wish: Wish, *, is_for: Callable[[str, str], bool]) -> None:
        """Tell a wish to those it is for, so many a second."""
        if kind == END:
            stream = self._streams.get(wish.release)
            if stream is not None:
                stream.tell(None)
            return
        told = [s for s in self._streams.values() if is_for(s.caller.store, s.caller.ring)]
        if told:
            task = asyncio.get_running_loop().create_task(self._spread(told, wish))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def end_all(self) -> None:
        """Let every stream end, as when this worker stops."""
        for stream in self._streams.values():
            stream.tell(None)

    async def _spread(self, told: list[Stream], wish: Wish) -> None:
        clock, step = asyncio.get_running_loop().time, max(1, int(self.per_s * STEP_S))
        begun, at = clock(), 0
        while at < len(told):
            # By the clock: while the woken ask, a busy loop comes back late, and must catch up.
            due = int((clock() - begun) * self.per_s) + step
            for stream in told[at:due]:
                stream.tell(wish)
            at = due
            await asyncio.sleep(STEP_S)


async def events(wakes: Wakes, stream: Stream, clock: Clock) -> AsyncIterator[bytes]:
    """Yield a stream's events until it is ended or its token has expired."""
    try:
        yield HELLO
        while (left_s := _left_s(stream.caller.expires_at, clock)) > 0:
            try:
                async with asyncio.timeout(min(COMMENT_S, left_s)):
                    wish = await stream.queue.get()
            except TimeoutError:
                yield STILL_HERE
                continue
            if wish is None:
                return
            yield b"event: wish\ndata: " + msgspec.json.encode(wish) + b"\n\n"
    finally:
        wakes.close(stream)


def _left_s(expires_at: datetime, clock: Clock) -> float:
    return (expires_at - clock.now()).total_seconds()

"""A line that misbehaves: a TCP proxy that delays, cuts, truncates, stalls, alters and replays.

In a test's own process it is `RoughLine`; in a network namespace it is a program of its own,
`python -m tests.builders.line.rough LISTEN TO`, told what to do by lines of JSON on its input.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

MOST_KEPT = 16 * 2**20  # bytes of a connection that can be replayed
READ = 16 * 1024


@dataclass(frozen=True, slots=True)
class Weather:
    """What befalls connections made from now on; shares are of connections, in [0, 1]."""

    is_down: bool = False  # refused as soon as they are made, and the open ones are cut
    delay_s: float = 0.0  # before each piece, either way
    cut: float = 0.0  # reset after some kilobytes
    truncated: float = 0.0  # the answer ends early, in good order
    stalled: float = 0.0  # taken and never served
    altered: float = 0.0  # a bit of the answer is turned
    replayed: float = 0.0  # what the client sent is sent a second time, afterwards
    most_kib: float = 64.0  # a cut comes before so much has passed


@dataclass(slots=True)
class Count:
    """What befell them."""

    connections: int = 0
    cut: int = 0
    truncated: int = 0
    stalled: int = 0
    altered: int = 0
    replayed: int = 0
    bytes: int = 0


@dataclass(slots=True)
class RoughLine:
    """Listens at `address` and passes on to `to`, as the weather is."""

    to: tuple[str, int]
    weather: Weather = field(default_factory=Weather)
    rng: random.Random = field(default_factory=lambda: random.Random(5))
    count: Count = field(default_factory=Count)
    address: tuple[str, int] = ("", 0)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, host: str, port: int) -> asyncio.Server:
        """Listen; return the server."""
        server = await asyncio.start_server(self._taken, host, port)
        self.address = server.sockets[0].getsockname()[:2]
        return server

    def hang_up(self) -> None:
        """Cut what is open; call it in the proxy's own loop."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        weather, self.count.connections = self.weather, self.count.connections + 1
        self._open.add(writer)
        try:
            if weather.is_down:
                writer.transport.abort()
            elif self.rng.random() < weather.stalled:
                self.count.stalled += 1
                while await reader.read(READ):
                    pass
            else:
                await self._passed(reader, writer, weather)
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            self._open.discard(writer)
            with suppress(OSError):
                writer.close()

    async def _passed(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, weather: Weather
    ) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self.to)
        self._open.add(up_writer)
        sent = bytearray()
        fates = _Fates.drawn(self.rng, weather)
        up = asyncio.create_task(self._pump(reader, up_writer, weather, fates, sent))
        down = asyncio.create_task(self._pump(up_reader, writer, weather, fates, None))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if not down.done():
                await asyncio.wait({down}, timeout=30)
        finally:
            for task in (up, down):
                task.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await task
            self._open.discard(up_writer)
            up_writer.transport.abort()
        if self.rng.random() < weather.replayed and sent:
            await self._replay(bytes(sent))

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        weather: Weather,
        fates: _Fates,
        sent: bytearray | None,
    ) -> None:
        while piece := await reader.read(READ):
            if weather.delay_s:
                await asyncio.sleep(weather.delay_s)
            self.count.bytes += len(piece)
            if sent is not None and len(sent) < MOST_KEPT:
                sent += piece
            is_answer = sent is None
            if is_answer and fates.alters and len(piece) > 200:
                fates.alters, self.count.altered = False, self.count.altered + 1
                at = len(piece) - 20
                piece = piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :]
            fates.left -= len(piece)
            if fates.left < 0 and fates.cuts:
                self.count.cut += 1
                writer.transport.abort()
                return
            if fates.left < 0 and fates.truncates and is_answer:
                self.count.truncated += 1
                writer.write(piece[: max(1, len(piece) // 2)])
                await writer.drain()
                writer.close()
                return
            writer.write(piece)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()

    async def _replay(self, sent: bytes) -> None:
        self.count.replayed += 1
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(*self.to)
                writer.write(sent)
                await writer.drain()
                writer.write_eof()
                while await reader.read(READ):
                    pass
                writer.close()


@dataclass(slots=True)
class _Fates:
    cuts: bool
    truncates: bool
    alters: bool
    left: float  # bytes until it is cut or truncated

    @classmethod
    def drawn(cls, rng: random.Random, weather: Weather) -> _Fates:
        return cls(
            rng.random() < weather.cut,
            rng.random() < weather.truncated,
            rng.random() < weather.altered,
            rng.uniform(0.1, weather.most_kib) * 1024,
        )


@contextmanager
def rough_line(to: tuple[str, int], weather: Weather | None = None) -> Iterator[RoughLine]:
    """Give a running line on loopback; a thread of its own serves it."""
    line = RoughLine(to, weather or Weather())
    loop, ready = asyncio.new_event_loop(), threading.Event()

    servers: list[asyncio.Server] = []

    async def begin() -> None:
        servers.append(await line.serve("127.0.0.1", 0))
        ready.set()

    async def end() -> None:
        for server in servers:
            server.close()
        line.hang_up()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.1)  # what was cut is told to its writers

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.create_task(begin())
        loop.run_forever()

    thread = threading.Thread(target=run, name="rough-line", daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield line
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _place(text: str) -> tuple[str, int]:
    host, port = text.rsplit(":", 1)
    return host, int(port)


async def _program(listen: str, to: str) -> None:
    line = RoughLine(_place(to))
    server = await line.serve(*_place(listen))
    print(json.dumps(line.address), flush=True)
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while text := await commands.readline():
        told: dict[str, Any] = json.loads(text)
        line.weather = replace(Weather(), **told)
        if line.weather != Weather():  # it befalls connections as they are made
            line.hang_up()
        print(json.dumps({f: getattr(line.count, f) for f in Count.__slots__}), flush=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(_program(*sys.argv[1:3]))

"""A generalist that misbehaves as it is told: a real socket, a scripted temper."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

WORDS = ("Thirty", " days", " with", " the", " receipt", " [1].")
MOST_HANG_S = 30.0
# Tempers: ok, no_usage, hang, hang_after (two words), cut (before a byte), cut_after, end_after
# (in good order, unfinished), garbage, garbage_after, html, pings, slow, error_chunk, echo (what
# was asked, word by word), or a status.


@dataclass
class Temper:
    """How the upstream is to behave; the last one of `script` stays."""

    script: list[str] = field(default_factory=lambda: ["ok"])
    words: tuple[str, ...] = WORDS
    gap_s: float = 0.02  # between words, when slow
    retry_after: str = ""
    secret: str = "upstream-secret-detail"  # in what it says, for it must not leak


@dataclass
class Seen:
    """What the upstream saw."""

    bodies: list[dict[str, object]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hung_up: int = 0  # callers who went before the end
    open: int = 0


class Upstream:
    """Listens on loopback until closed."""

    def __init__(self, temper: Temper) -> None:
        self.temper = temper
        self.seen = Seen()
        self.url = ""

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._taken, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        return server

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen.open += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.seen.open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.seen.headers.append(headers)
        self.seen.bodies.append(json.loads(body))
        script = self.temper.script
        kind = script.pop(0) if len(script) > 1 else script[0]
        gone = asyncio.create_task(reader.read(1))
        acting = asyncio.create_task(self._act(kind, writer, json.loads(body)))
        await asyncio.wait({gone, acting}, return_when=asyncio.FIRST_COMPLETED, timeout=MOST_HANG_S)
        if not acting.done():
            self.seen.hung_up += 1
        for task in (gone, acting):
            task.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await task
        return False

    async def _act(self, kind: str, writer: asyncio.StreamWriter, body: Any) -> None:
        if kind == "cut":
            writer.transport.abort()
        elif kind == "hang":
            await asyncio.sleep(MOST_HANG_S)
        elif kind.isdigit():
            await self._status(int(kind), writer)
        elif kind == "html":
            await self._head(writer, kind="text/html")
            await self._send(writer, f"<h1>{self.temper.secret}</h1>".encode())
        else:
            asked = body["messages"][-1]["content"].split()
            words = tuple(f"{word} " for word in asked) if kind == "echo" else self.temper.words
            await self._stream(kind, writer, words)

    async def _status(self, status: int, writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"error": {"message": self.temper.secret}}).encode()
        extra = f"retry-after: {self.temper.retry_after}\r\n" if self.temper.retry_after else ""
        head = f"HTTP/1.1 {status} No\r\ncontent-length: {len(body)}\r\n{extra}"
        writer.write(f"{head}connection: close\r\n\r\n".encode() + body)
        await writer.drain()

    async def _stream(
        self, kind: str, writer: asyncio.StreamWriter, words: tuple[str, ...]
    ) -> None:
        await self._head(writer)
        if kind == "pings":
            while True:
                await self._send(writer, b": ping\r\n\r\n")
                await asyncio.sleep(0.02)
        if kind == "garbage":
            await self._send(writer, f"data: {{{self.temper.secret}\n\n".encode())
            return
        if kind == "error_chunk":
            await self._send(writer, _event({"error": {"message": self.temper.secret}}))
            return
        await self._send(writer, _event(_chunk({"role": "assistant"})))
        for word in words[:2] if kind.endswith("_after") else words:
            await self._send(writer, _event(_chunk({"content": word})))
            await asyncio.sleep(self.temper.gap_s if kind in {"slow", "echo"} else 0)
        await self._end(kind, writer)

    async def _end(self, kind: str, writer: asyncio.StreamWriter) -> None:
        if kind == "cut_after":
            writer.transport.abort()
        elif kind == "hang_after":
            await asyncio.sleep(MOST_HANG_S)
        elif kind == "garbage_after":
            await self._send(writer, f"data: {self.temper.secret}\n\n".encode())
        elif kind != "end_after":
            await self._send(writer, _event(_chunk({}, "stop")))
            if kind != "no_usage":
                usage = {"prompt_tokens": 40, "completion_tokens": 6, "total_tokens": 46}
                await self._send(writer, _event({"choices": [], "usage": usage}))
            await self._send(writer, b"data: [DONE]\n\n")

    async def _head(self, writer: asyncio.StreamWriter, kind: str = "text/event-stream") -> None:
        head = (
            f"HTTP/1.1 200 OK\r\ncontent-type: {kind}; charset=utf-8\r\nconnection: close\r\n\r\n"
        )
        writer.write(head.encode())
        await writer.drain()

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()


@contextmanager
def upstream(*script: str, **more: object) -> Iterator[Upstream]:
    """Give an upstream in a thread of its own, for tests whose loop is another's."""
    made = Upstream(Temper(list(script) or ["ok"], **more))  # type: ignore[arg-type]
    ready, stop = threading.Event(), []

    async def run() -> None:
        ending = asyncio.Event()
        stop.append((asyncio.get_running_loop(), ending))
        server = await made.serve()
        ready.set()
        await ending.wait()
        server.close()
        current = asyncio.current_task()
        rest = [task for task in asyncio.all_tasks() if task is not current]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="upstream", daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield made
    finally:
        loop, ending = stop[0]
        loop.call_soon_threadsafe(ending.set)
        thread.join(10)


def _chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion.chunk", "model": "vendor", "choices": [choice]}


def _event(plain: object) -> bytes:
    return f"data: {json.dumps(plain)}\n\n".encode()

"""What is left of a request's body when its answer is known: read away, so that the answer arrives.

A server that closes a connection with unread bytes resets it, and a client still sending then sees
the reset in place of the 413 that says why. So the answer goes out at once, its end is held back,
and what still comes is thrown away, up to a bound: beyond it a client is cut off, answer or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

MOST_BYTES = 8 * 1024 * 1024
MOST_S = 5.0


class Drain:
    """ASGI middleware around the whole application."""

    def __init__(self, app: Callable[..., Awaitable[None]], *, most_s: float = MOST_S) -> None:
        """Stand before `app`; drain for at most `most_s` seconds."""
        self._app = app
        self._most_s = most_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, then take the rest of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = Body(receive, is_left=_is_on_its_way(scope))

        async def send_drained(message: Message) -> None:
            is_end = message["type"] == "http.response.body" and not message.get("more_body")
            if is_end and body.is_left:
                await send({**message, "more_body": True})
                await body.drain(self._most_s)
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await self._app(scope, body, send_drained)


class Body:
    """A request's body, which knows whether there is more of it."""

    def __init__(self, receive: Receive, *, is_left: bool) -> None:
        """Stand before `receive`."""
        self._receive = receive
        self.is_left = is_left

    async def __call__(self) -> Message:
        """Receive the next piece."""
        message: Message = await self._receive()
        self.is_left = message["type"] == "http.request" and bool(message.get("more_body"))
        return message

    async def drain(self, most_s: float) -> None:
        """Throw away what still comes, up to the bounds."""
        drained = 0
        try:
            async with asyncio.timeout(most_s):
                while self.is_left and drained < MOST_BYTES:
                    drained += len((await self()).get("body", b""))
        except TimeoutError:
            return


def _is_on_its_way(scope: Scope) -> bool:
    """Tell whether a body comes unasked; who expects "100 Continue" sends none before it."""
    headers = dict(scope["headers"])
    if headers.get(b"expect", b"").lower() == b"100-continue":
        return False
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"

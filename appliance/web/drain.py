"""What is left of a request's body when its answer is known: read away, so that the answer arrives.

A server that closes a connection with unread bytes resets it, and a client still sending then sees
the reset in place of the 413 that says why. So the answer goes out at once, its end is held back,
and what still comes is thrown away, up to a bound: beyond it a client is cut off, answer or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from appliance.web.problems import Problem, Refused

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

MOST_BYTES = 8 * 1024 * 1024
MOST_S = 5.0
# A question is a kilobyte: who has not sent it by then lost the Wi-Fi, or wants to hold a socket.
LONGEST_BODY_S = 10.0


class Drain:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        *,
        most_s: float = MOST_S,
        longest_s: float = LONGEST_BODY_S,
    ) -> None:
        """Stand before `app`; drain for `most_s` seconds, wait `longest_s` for a body, at most."""
        self._app = app
        self._longest_s = longest_s
        self._most_s = most_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, then take the rest of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + self._longest_s
        has_body, is_asked_for = _announced(scope)
        body = Body(receive, is_due=has_body, is_left=has_body and not is_asked_for, until=until)

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

    def __init__(self, receive: Receive, *, is_due: bool, is_left: bool, until: float) -> None:
        """Stand before `receive`.

        Args:
            receive: Of the server.
            is_due: Whether there is a body, and it must come in time once it is read.
            is_left: Whether some of it comes also when nobody reads it.
            until: When it must be whole: an instant of the event loop's clock.
        """
        self._receive = receive
        self._until = until
        self._is_due = is_due
        self.is_left = is_left

    async def __call__(self) -> Message:
        """Receive the next piece.

        Raises:
            Refused: 408, the body was not whole in time.
        """
        if not self._is_due:
            rest: Message = await self._receive()
            return rest
        try:
            async with asyncio.timeout_at(self._until):
                message: Message = await self._receive()
        except TimeoutError as exc:
            self._is_due = self.is_left = False
            detail = "The request's body did not come in time."
            raise Refused(Problem(408, "body_too_slow", detail, "Send it again, whole.")) from exc
        more = message["type"] == "http.request" and bool(message.get("more_body"))
        self._is_due = self.is_left = more
        return message

    async def drain(self, most_s: float) -> None:
        """Throw away what still comes, up to the bounds."""
        drained = 0
        try:
            async with asyncio.timeout(most_s):
                while self.is_left and drained < MOST_BYTES:
                    drained += len((await self()).get("body", b""))
        except (TimeoutError, Refused):
            return


def _announced(scope: Scope) -> tuple[bool, bool]:
    """Return whether there is a body, and whether its client waits to be asked for it."""
    headers = dict(scope["headers"])
    is_asked_for = headers.get(b"expect", b"").lower() == b"100-continue"
    has_body = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
    return has_body, is_asked_for

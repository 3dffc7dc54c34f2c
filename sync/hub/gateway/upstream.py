"""One try at one upstream: connect, first token, token by token, each with its own time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx

from sync.hub.gateway.pieces import Garbage, Piece, Reader

LONGEST_RETRY_AFTER_S = 3_600.0


class Blame(StrEnum):
    """Whose fault a failure is, which decides what is done next."""

    UPSTREAM = "upstream"  # it is ill: its breaker hears of it, another try may go well
    SETTINGS = "settings"  # a wrong key, model or address: another try of it cannot go well
    REQUEST = "request"  # nobody will take it
    DEADLINE = "deadline"  # the caller's own time was up


class UpstreamFailed(Exception):
    """A try that failed, in words that quote nothing of what the upstream said."""

    def __init__(self, why: str, blame: Blame, *, retry_after_s: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.blame = blame
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that are waited for an upstream."""

    first_token_s: float
    between_tokens_s: float


@dataclass(frozen=True, slots=True)
class Upstream:
    """An OpenAI-compatible server, with its key."""

    name: str
    url: str  # of chat/completions
    model: str
    key: str
    patience: Patience
    micros_in: float  # millionths of the currency a prompt token: the price of a million
    micros_out: float
    length_key: str = "max_tokens"
    omit: tuple[str, ...] = ()
    _closing: set[asyncio.Future[None]] = field(default_factory=set, repr=False, compare=False)

    def __repr__(self) -> str:
        """Return its name and address; the key is nobody's to read."""
        return f"Upstream({self.name!r}, {self.url!r})"

    async def stream(
        self, client: httpx.AsyncClient, sent: Mapping[str, Any], *, deadline: float
    ) -> AsyncGenerator[Piece]:
        """Yield the answer as it comes; its usage, where it is told, with or after the last text.

        Args:
            client: Connections; its time-out for connecting holds.
            sent: The request, but for model and stream.
            deadline: Of the event loop's clock; after it nobody listens.

        Raises:
            UpstreamFailed: It is not well, or out of time; whose fault that is stands in it.
        """
        is_begun = False
        async with aclosing(self._events(client, sent)) as events:
            while True:
                wait_s = self.patience.between_tokens_s if is_begun else self.patience.first_token_s
                piece = await _next(events, wait_s=wait_s, deadline=deadline, is_begun=is_begun)
                if piece is None:
                    return
                is_begun = is_begun or bool(piece.text or piece.finish)
                yield piece

    async def _events(
        self, client: httpx.AsyncClient, sent: Mapping[str, Any]
    ) -> AsyncGenerator[Piece]:
        body = self._body(sent)
        # Identity: the stream is read as it comes, and httpx by itself would ask for it packed.
        headers = {"accept": "text/event-stream", "accept-encoding": "identity"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        reader = Reader()
        try:
            request = client.build_request("POST", self.url, json=body, headers=headers)
            response = await client.send(request, stream=True)
            try:
                _check_status(response)
                async for data in response.aiter_raw():
                    for piece in reader.feed(data):
                        yield piece
            finally:
                await self._close(response)
        except httpx.TimeoutException as exc:
            raise UpstreamFailed("does not connect in time", Blame.UPSTREAM) from exc
        except (httpx.HTTPError, httpx.StreamError) as exc:
            raise UpstreamFailed(f"breaks off ({type(exc).__name__})", Blame.UPSTREAM) from None
        except Garbage as exc:
            raise UpstreamFailed(f"does not speak the protocol: {exc}", Blame.UPSTREAM) from exc
        if not reader.is_done:
            raise UpstreamFailed("ended in the middle of an answer", Blame.UPSTREAM)

    def _body(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Return a request as this server wants it."""
        body = {name: value for name, value in sent.items() if name != "max_tokens"}
        body[self.length_key] = sent["max_tokens"]
        body |= {"model": self.model, "stream": True, "stream_options": {"include_usage": True}}
        return {name: value for name, value in body.items() if name not in self.omit}

    async def _close(self, response: httpx.Response) -> None:
        """Hang up, in a task of its own: a caller that is cancelled twice must not stop it."""
        closing = asyncio.ensure_future(response.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        await asyncio.shield(closing)


async def _next(
    events: AsyncIterator[Piece], *, wait_s: float, deadline: float, is_begun: bool
) -> Piece | None:
    """Return the next piece that says something; None at the end."""
    now = asyncio.get_running_loop().time()
    until = min(deadline, now + wait_s)
    try:
        async with asyncio.timeout_at(until):
            async for piece in events:
                if piece.text or piece.finish or piece.usage:
                    return piece
            return None
    except TimeoutError:
        if until >= deadline:
            raise UpstreamFailed("the caller's deadline passed", Blame.DEADLINE) from None
        what = f"next token within {wait_s:g} s" if is_begun else f"first token within {wait_s:g} s"
        raise UpstreamFailed(f"gave no {what}", Blame.UPSTREAM) from None


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if status == httpx.codes.OK:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            raise UpstreamFailed("answered 200 and no event stream", Blame.UPSTREAM)
        return
    why = f"answered {status}"
    if status in {400, 413, 422}:
        raise UpstreamFailed(why, Blame.REQUEST)
    if status in {408, 409, 425, 429} or status >= 500:
        wait_s = _retry_after(response.headers.get("retry-after", ""))
        raise UpstreamFailed(why, Blame.UPSTREAM, retry_after_s=wait_s)
    raise UpstreamFailed(why, Blame.SETTINGS)


def _retry_after(text: str) -> float:
    """Return the seconds that an upstream asks to be left alone; a date or nonsense counts as 0."""
    is_number = text.isascii() and text.isdigit() and len(text) < 9
    return min(LONGEST_RETRY_AFTER_S, float(text)) if is_number else 0.0

"""The gateway as one object: a request in, its answer's pieces out, its cost written down."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from contextlib import aclosing
from dataclasses import dataclass, field

import httpx

from appliance.errors import BackroomError
from appliance.monitoring.breaker import Breaker, Tally
from appliance.ports import Clock
from appliance.web.limits import Buckets
from sync.hub.gateway.budget import Amount, Hold, Spent, hold, left_of_day_s, settle
from sync.hub.gateway.chat import Chat, tokens_of
from sync.hub.gateway.desk import Desk, Guarded, breaker_limits
from sync.hub.gateway.pieces import Piece, Usage
from sync.hub.gateway.places import Places
from sync.hub.gateway.running import Put, Running
from sync.hub.gateway.settings import GatewaySettings, UpstreamSettings, key_of
from sync.hub.gateway.upstream import Patience, Upstream
from sync.hub.ledger import Ledger
from sync.hub.problems import refused
from sync.hub.settings import HubSettings

log = logging.getLogger("backroom.hub.gateway")
MICRO = 1_000_000
MOST_STORES = 100_000  # whose rate is counted
WRITE_S = 10.0
KEPT_ALIVE = 16
HINT = "Answer without the generalist; the hand-over keeps the ask."


@dataclass(slots=True)
class Meter:
    """What one request came to, as far as it has got."""

    prompt_tokens: int  # an estimate until the upstream tells
    upstream: Upstream | None = None
    usage: Usage | None = None
    chars: int = 0
    pieces: int = 0

    def saw(self, upstream: Upstream, piece: Piece) -> None:
        """Count a piece."""
        self.upstream = upstream
        self.usage = piece.usage or self.usage
        self.chars += len(piece.text)
        self.pieces += bool(piece.text)

    def told(self) -> Usage:
        """Return tokens as the upstream counted them, or as they can be guessed."""
        if self.usage is not None:
            return self.usage
        guessed = max(self.pieces, tokens_of(self.chars)) if self.chars else 0
        return Usage(self.prompt_tokens if self.upstream else 0, guessed)

    def spent(self, *, failed: bool) -> Spent:
        """Return what is written down."""
        told, upstream = self.told(), self.upstream
        micros = 0.0
        if upstream is not None:
            micros = told.prompt * upstream.micros_in + told.completion * upstream.micros_out
        return Spent(told.prompt, told.completion, math.ceil(micros), failed=failed)


@dataclass(slots=True)
class Gateway:
    """Lives on one event loop."""

    settings: GatewaySettings
    ledger: Ledger
    clock: Clock
    desk: Desk
    places: Places
    rates: Buckets
    _settling: set[asyncio.Future[None]] = field(default_factory=set)

    def check_rate(self, store: str) -> None:
        """Count a request.

        Raises:
            Refused: 429, the store asks too often; 503, there is no generalist.
        """
        if not self.desk.guarded:
            raise refused(503, "no_generalist", "No generalist is configured.", HINT, wait_s=600)
        wait_s = self.rates.take(store)
        if wait_s:
            detail = f"A store may ask {self.settings.requests_per_minute:g} times a minute."
            raise refused(429, "rate_limit_exceeded", detail, HINT, wait_s=wait_s)

    def start(self, store: str, chat: Chat, *, deadline: float, meter: Meter) -> Running:
        """Begin to answer; the pieces raise what keeps the answer from coming.

        That is `Refused` (429, no place or no budget; 503, busy), `NobodyAnswers`, `TimeoutError`
        at the deadline, and `LedgerError` when the budget could not be read.
        """

        async def work(put: Put) -> None:
            async with self.places.place(store, deadline=deadline):
                held = await self._hold(store, chat)
                is_whole = False
                try:
                    async with aclosing(self.desk.ask(chat.sent, deadline=deadline)) as answer:
                        async for upstream, piece in answer:
                            meter.saw(upstream, piece)
                            await put(piece)
                    is_whole = True
                finally:
                    self._settle(held, meter.spent(failed=not is_whole))

        return Running(work, deadline=deadline)

    async def _hold(self, store: str, chat: Chat) -> Hold:
        settings, now = self.settings, self.clock.now()
        dearest = [(one.upstream.micros_in, one.upstream.micros_out) for one in self.desk.guarded]
        micros = max(
            (chat.prompt_tokens * m_in + chat.most_tokens * m_out for m_in, m_out in dearest),
            default=0.0,
        )
        amount = Amount(chat.prompt_tokens + chat.most_tokens, math.ceil(micros))
        most = Amount(settings.tokens_a_day, math.ceil(settings.money_a_day * MICRO))
        holding = asyncio.ensure_future(
            self.ledger.writing(lambda c: hold(c, store, amount, most=most, now=now))
        )
        try:
            held = await asyncio.shield(holding)
        except asyncio.CancelledError:
            # What is written while its caller goes would stay held until the day is over.
            holding.add_done_callback(self._give_back)
            raise
        if held is None:
            detail = "The store's budget for today is used up."
            raise refused(429, "insufficient_quota", detail, HINT, wait_s=left_of_day_s(now))
        return held

    def _give_back(self, holding: asyncio.Future[Hold | None]) -> None:
        if holding.cancelled() or holding.exception() is not None:
            return
        held = holding.result()
        if held is not None:
            self._settle(held, Spent(failed=True))

    def _settle(self, held: Hold, spent: Spent) -> None:
        """Write a cost down without waiting for it: whoever asked may be gone."""

        async def write() -> None:
            try:
                await self.ledger.writing(lambda c: settle(c, held, spent))
            except BackroomError as exc:  # what was held counts as spent: on the safe side
                log.warning("%s: what a request cost is not written down", exc.code)

        task = asyncio.create_task(write())
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def close(self) -> None:
        """Let costs be written, and close the connections."""
        if self._settling:
            await asyncio.wait(self._settling, timeout=WRITE_S)
        await self.desk.client.aclose()

    def tallies(self) -> dict[str, Tally]:
        """Return how the upstreams' breakers stand."""
        return self.desk.tallies()


def open_gateway(hub: HubSettings, ledger: Ledger, clock: Clock) -> Gateway:
    """Return the gateway of a hub's settings; it connects when it is first asked.

    Raises:
        BadInput: A setting cannot be meant, or a secret can be read by others.
        BadKey: A key's file is missing.
    """
    settings = GatewaySettings.of(hub)
    limits = breaker_limits(settings.slow_s)
    guarded = [
        Guarded(_upstream(one, settings, hub), Breaker(limits, time.monotonic))
        for one in settings.upstreams
    ]
    timeout = httpx.Timeout(None, connect=settings.connect_s, write=WRITE_S)
    connections = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT_ALIVE)
    rate = settings.requests_per_minute / hub.workers  # each worker counts for itself
    return Gateway(
        settings=settings,
        ledger=ledger,
        clock=clock,
        desk=Desk(
            guarded,
            httpx.AsyncClient(timeout=timeout, limits=connections),
            tries=settings.tries,
            slow_s=settings.slow_s,
            draw=random.Random().uniform,  # noqa: S311 - spreads load, guards nothing
        ),
        places=Places(
            settings.at_once, settings.at_once_of_store, settings.waiting, settings.wait_s
        ),
        rates=Buckets(rate, max(1, int(rate / 4)), most_keys=MOST_STORES, monotonic=time.monotonic),
    )


def _upstream(one: UpstreamSettings, settings: GatewaySettings, hub: HubSettings) -> Upstream:
    return Upstream(
        name=one.name,
        url=f"{one.base_url.rstrip('/')}/chat/completions",
        model=one.model or "default",
        key=key_of(one, hub.home),
        patience=Patience(settings.first_token_s, settings.between_tokens_s),
        micros_in=one.price_in,
        micros_out=one.price_out,
        length_key=one.length_key,
        omit=one.omit,
    )

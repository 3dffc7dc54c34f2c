"""What is set aside for a request is given back, also when its caller goes at that very moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import httpx

from appliance.web.limits import Buckets
from sync.hub.gateway.budget import used_on
from sync.hub.gateway.chat import read_chat
from sync.hub.gateway.desk import Desk
from sync.hub.gateway.gateway import Gateway, Meter
from sync.hub.gateway.places import Places
from sync.hub.gateway.settings import GatewaySettings
from sync.hub.ledger import Ledger
from sync.hub.parts import Hub

CHAT = b'{"messages": [{"role": "user", "content": "how long?"}]}'


class SlowLedger:
    """A ledger whose next commit is under way until it is told to end."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.waiting: list[tuple[Callable[[Any], Any], Future[Any]]] = []

    def writing(self, work: Callable[[Any], Any]) -> Awaitable[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # the writer has taken it: nobody can stop it
        self.waiting.append((work, future))
        return asyncio.wrap_future(future)

    def commit(self) -> None:
        for work, future in self.waiting:
            future.set_result(self.ledger.write(work))
        self.waiting.clear()


async def hang_up_while_it_is_held(hub: Hub, slow: SlowLedger) -> None:
    async with httpx.AsyncClient() as client:
        gateway = Gateway(
            settings=GatewaySettings(),
            ledger=slow,  # type: ignore[arg-type]
            clock=hub.clock,
            desk=Desk((), client, tries=1, slow_s=1.0, draw=lambda low, _high: low),
            places=Places(1, 1, 1, 1.0),
            rates=Buckets(60.0, 10, most_keys=10, monotonic=hub.clock.monotonic),
        )
        chat = read_chat(CHAT, most_tokens=100, most_chars=1_000)
        deadline = asyncio.get_running_loop().time() + 30.0
        running = gateway.start("0001", chat, deadline=deadline, meter=Meter(chat.prompt_tokens))
        while not slow.waiting:
            await asyncio.sleep(0)
        running.stop()
        with suppress(asyncio.CancelledError):
            await running._task
        slow.commit()
        for _ in range(20):
            await asyncio.sleep(0)
            slow.commit()


def test_a_caller_who_hangs_up_while_budget_is_set_aside_leaves_nothing_held(hub: Hub) -> None:
    asyncio.run(hang_up_while_it_is_held(hub, SlowLedger(hub.ledger)))

    day = hub.clock.now().date().isoformat()
    (used,) = hub.ledger.read(lambda c: used_on(c, day))
    assert (used.held_tokens, used.held_micros) == (0, 0)

"""Places: bounded at once, bounded by store, bounded in waiting, and always given back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import pytest

from appliance.web.problems import Refused
from sync.hub.gateway.places import Places


def code(error: pytest.ExceptionInfo[Refused]) -> tuple[int, str]:
    return error.value.problem.status, error.value.problem.code


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def test_a_store_has_so_many_and_others_still_theirs() -> None:
    async def work() -> None:
        places = Places(8, 2, 8, 1.0)
        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(places.place("0001", deadline=soon()))
            with pytest.raises(Refused) as told:
                await stack.enter_async_context(places.place("0001", deadline=soon()))
            await stack.enter_async_context(places.place("0002", deadline=soon()))
        assert code(told) == (429, "too_many_at_once")
        async with places.place("0001", deadline=soon()):
            pass

    asyncio.run(work())


def test_a_full_queue_answers_at_once() -> None:
    async def work() -> None:
        places = Places(1, 5, 1, 5.0)
        async with places.place("0001", deadline=soon()):
            waiting = asyncio.create_task(enter(places, "0002"))
            await asyncio.sleep(0)
            with pytest.raises(Refused) as told:
                await enter(places, "0003")
        assert code(told) == (503, "gateway_busy")
        await waiting

    asyncio.run(work())


def test_nobody_waits_past_a_deadline_and_the_place_is_not_lost() -> None:
    async def work() -> None:
        places = Places(1, 5, 5, 5.0)
        async with places.place("0001", deadline=soon()):
            with pytest.raises(Refused) as told:
                await enter(places, "0002", within_s=0.02)
        assert code(told) == (503, "gateway_busy")
        await enter(places, "0002")

    asyncio.run(work())


def test_a_caller_who_goes_while_waiting_gives_its_place_up() -> None:
    async def work() -> None:
        places = Places(1, 1, 1, 5.0)
        async with places.place("0001", deadline=soon()):
            waiting = asyncio.create_task(enter(places, "0002"))
            await asyncio.sleep(0)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        for store in ("0002", "0003"):
            await enter(places, store)

    asyncio.run(work())


async def enter(places: Places, store: str, *, within_s: float = 5.0) -> None:
    async with places.place(store, deadline=soon(within_s)):
        pass

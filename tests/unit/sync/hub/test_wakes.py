from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from appliance.web.problems import Refused
from sync.hub.door import Caller
from sync.hub.wakes import HELLO, MOST_WAITING, STILL_HERE, Stream, Wakes, events
from sync.hub.wishes import END
from sync.wire import Wish, WishKind
from tests.fakes.clock import FakeClock

LOOK = Wish(WishKind.LOOK, "pilot", "v2")
CLOCK = FakeClock()


def caller(number: int, *, ring: str = "pilot", life_s: float = 900.0) -> Caller:
    expires_at = CLOCK.now() + timedelta(seconds=life_s)
    return Caller(f"device-{number}", f"{number:04}", ring, expires_at)


def opened(wakes: Wakes, count: int) -> list[Stream]:
    return [wakes.open(caller(number)) for number in range(count)]


def everybody(_store: str, _ring: str) -> bool:
    return True


def test_a_wish_comes_as_an_event_after_a_greeting() -> None:
    async def story() -> list[bytes]:
        wakes = Wakes(most=10, per_s=100)
        (stream,) = opened(wakes, 1)
        stream.tell(LOOK)
        stream.tell(None)
        return [event async for event in events(wakes, stream, CLOCK)]

    # The end outranks what waits.
    assert asyncio.run(story()) == [HELLO]

    async def second() -> bytes:
        wakes = Wakes(most=10, per_s=100)
        (stream,) = opened(wakes, 1)
        stream.tell(LOOK)
        said = events(wakes, stream, CLOCK)
        await anext(said)
        return await anext(said)

    data = b'{"kind":"look","ring":"pilot","release":"v2"}'
    assert asyncio.run(second()) == b"event: wish\ndata: " + data + b"\n\n"


def test_a_stream_with_nothing_to_say_gives_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.hub.wakes.COMMENT_S", 0.01)

    async def story() -> list[bytes]:
        wakes = Wakes(most=10, per_s=100)
        (stream,) = opened(wakes, 1)
        said = events(wakes, stream, CLOCK)
        return [await anext(said) for _ in range(3)]

    assert asyncio.run(story()) == [HELLO, STILL_HERE, STILL_HERE]


def test_a_stream_ends_with_its_token() -> None:
    async def story() -> list[bytes]:
        wakes = Wakes(most=10, per_s=100)
        stream = wakes.open(caller(1, life_s=0.0))
        return [event async for event in events(wakes, stream, CLOCK)]

    assert asyncio.run(story()) == [HELLO]


def test_many_streams_are_woken_in_steps_and_none_is_left_out() -> None:
    async def story() -> tuple[int, int]:
        wakes = Wakes(most=1_000, per_s=2_000)  # a hundred every twentieth of a second
        streams = opened(wakes, 300)
        wakes.wake("look", LOOK, is_for=everybody)
        await asyncio.sleep(0)
        first = sum(not stream.queue.empty() for stream in streams)
        await asyncio.gather(*wakes._tasks)
        return first, sum(not stream.queue.empty() for stream in streams)

    assert asyncio.run(story()) == (100, 300)


def test_a_wish_of_a_ring_wakes_that_ring() -> None:
    async def story() -> list[bool]:
        wakes = Wakes(most=10, per_s=1_000)
        streams = [wakes.open(caller(n, ring=r)) for n, r in enumerate(("pilot", "rest", "pilot"))]
        wakes.wake("look", LOOK, is_for=lambda _store, ring: ring == "pilot")
        await asyncio.gather(*wakes._tasks)
        return [stream.queue.empty() for stream in streams]

    assert asyncio.run(story()) == [False, True, False]


def test_the_end_is_of_one_device() -> None:
    async def story() -> list[int]:
        wakes = Wakes(most=10, per_s=1_000)
        streams = opened(wakes, 3)
        wakes.wake(END, Wish(WishKind.LOOK, release="device-1"), is_for=everybody)
        return [stream.queue.qsize() for stream in streams]

    assert asyncio.run(story()) == [0, 1, 0]


def test_a_stream_that_nobody_reads_holds_so_much_and_no_more() -> None:
    async def story() -> tuple[int, Wish | None]:
        wakes = Wakes(most=10, per_s=1_000)
        (stream,) = opened(wakes, 1)
        for _ in range(MOST_WAITING * 3):
            stream.tell(LOOK)
        full = stream.queue.qsize()
        stream.tell(None)
        return full, stream.queue.get_nowait()

    assert asyncio.run(story()) == (MOST_WAITING, None)


def test_there_are_so_many_streams_and_no_more_and_a_store_may_always_renew_its_own() -> None:
    async def story() -> int:
        wakes = Wakes(most=2, per_s=1_000)
        opened(wakes, 2)
        with pytest.raises(Refused) as refused:
            wakes.open(caller(7))
        wakes.open(caller(1))
        assert len(wakes) == 2
        return refused.value.problem.status

    assert asyncio.run(story()) == 503


def test_a_stream_that_was_replaced_does_not_take_its_follower_with_it() -> None:
    async def story() -> int:
        wakes = Wakes(most=10, per_s=1_000)
        old, new = wakes.open(caller(1)), wakes.open(caller(1))
        wakes.close(old)
        left = len(wakes)
        wakes.close(new)
        return left

    assert asyncio.run(story()) == 1

"""Upstreams that are ill in every way: retried before the first byte, never after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
import pytest

from appliance.monitoring.breaker import Breaker, State
from sync.hub.gateway.desk import Desk, Guarded, NobodyAnswers, breaker_limits
from sync.hub.gateway.upstream import Blame, Patience, Upstream
from tests.builders.upstreams import Temper
from tests.builders.upstreams import Upstream as Server

SENT = {"messages": [{"role": "user", "content": "q"}], "max_tokens": 20}
WHOLE = "Thirty days with the receipt [1]."


@dataclass
class Shop:
    desk: Desk
    servers: Sequence[Server]
    clock: list[float]

    async def ask(self, *, within_s: float = 20.0) -> str:
        deadline = asyncio.get_running_loop().time() + within_s
        async with aclosing(self.desk.ask(SENT, deadline=deadline)) as answer:
            return "".join([piece.text async for _, piece in answer])

    def asked(self) -> list[int]:
        return [len(server.seen.bodies) for server in self.servers]

    def state(self, at: int = 0) -> State:
        return self.desk.guarded[at].breaker.tally().state


@asynccontextmanager
async def shop(*scripts: Sequence[str], tries: int = 3, **patience: float) -> AsyncIterator[Shop]:
    servers = [Server(Temper(list(script))) for script in scripts]
    listening = [await server.serve() for server in servers]
    clock = [0.0]
    waits = Patience(patience.get("first", 0.5), patience.get("between", 0.5))
    guarded = [
        Guarded(
            Upstream(f"u{n}", f"{server.url}/chat/completions", "m", "k-1", waits, 1.0, 2.0),
            Breaker(breaker_limits(3.0), lambda: clock[0]),
        )
        for n, server in enumerate(servers)
    ]
    try:
        async with httpx.AsyncClient(timeout=httpx.Timeout(None, connect=1.0)) as client:
            slow_s = patience.get("slow", 3.0)
            desk = Desk(guarded, client, tries=tries, slow_s=slow_s, draw=lambda low, _high: low)
            yield Shop(desk, servers, clock)
    finally:
        for one in listening:
            one.close()


def run(work: object) -> object:
    return asyncio.run(work)  # type: ignore[arg-type]


def test_a_good_answer_comes_with_the_key_and_the_model() -> None:
    async def work() -> None:
        async with shop(["ok"]) as made:
            assert await made.ask() == WHOLE
            seen = made.servers[0].seen
            assert seen.headers[0]["authorization"] == "Bearer k-1"
            assert seen.headers[0]["accept-encoding"] == "identity"
            assert seen.bodies[0] == {
                **SENT,
                "model": "m",
                "stream": True,
                "stream_options": {"include_usage": True},
            }

    run(work())


def test_an_upstream_is_asked_in_the_words_it_takes() -> None:
    odd = Upstream(
        *("o1", "http://x", "m", "", Patience(1, 1), 0.0, 0.0),
        length_key="max_completion_tokens",
        omit=("temperature", "stream_options"),
    )

    found = odd._body({**SENT, "temperature": 0})

    assert found == {
        "messages": SENT["messages"],
        "max_completion_tokens": 20,
        "model": "m",
        "stream": True,
    }


@pytest.mark.parametrize(
    "ill", ["500", "503", "429", "cut", "hang", "pings", "garbage", "html", "error_chunk"]
)
def test_a_single_upstream_that_is_ill_once_is_asked_again(ill: str) -> None:
    async def work() -> None:
        async with shop([ill, "ok"]) as made:
            assert await made.ask() == WHOLE
            assert made.asked() == [2]

    run(work())


@pytest.mark.parametrize("ill", ["500", "cut", "hang", "401", "404", "garbage"])
def test_the_next_upstream_answers_for_one_that_is_ill(ill: str) -> None:
    async def work() -> None:
        async with shop([ill], ["ok"]) as made:
            assert await made.ask() == WHOLE
            assert made.asked() == [1, 1]

    run(work())


def test_upstreams_are_asked_in_their_order() -> None:
    async def work() -> None:
        async with shop(["401"], ["ok"], ["ok"]) as made:
            assert await made.ask() == WHOLE
            assert made.asked() == [1, 1, 0]

    run(work())


def test_an_ill_upstream_is_not_asked_again_before_one_that_was_not_asked() -> None:
    async def work() -> None:
        async with shop(["500"], ["500"], ["ok"]) as made:
            for _ in range(3):
                made.desk.guarded[0].breaker.heard(0.1, failed=True)
            assert await made.ask() == WHOLE
            assert made.asked() == [0, 1, 1]

    run(work())


def test_with_nobody_else_to_ask_an_upstream_is_left_alone_for_as_long_as_it_says() -> None:
    async def work() -> None:
        async with shop(["500"], ["429"]) as made:
            made.servers[1].temper.retry_after = "30"
            for _ in range(3):
                made.desk.guarded[0].breaker.heard(0.1, failed=True)
            with pytest.raises(NobodyAnswers):
                await made.ask(within_s=5.0)
            assert made.asked() == [0, 1]

    run(work())


@pytest.mark.parametrize("ill", ["cut_after", "hang_after", "garbage_after", "end_after"])
def test_after_the_first_byte_nothing_is_asked_again(ill: str) -> None:
    async def work() -> None:
        async with shop([ill, "ok"], ["ok"]) as made:
            with pytest.raises(NobodyAnswers) as told:
                await made.ask()
            assert made.asked() == [1, 0]
            assert "secret" not in told.value.why

    run(work())


def test_a_request_nobody_would_take_is_sent_once_and_blames_nobody() -> None:
    async def work() -> None:
        async with shop(["400"], ["ok"]) as made:
            with pytest.raises(NobodyAnswers) as told:
                await made.ask()
            assert told.value.blame is Blame.REQUEST
            assert made.asked() == [1, 0]
            assert made.desk.tallies()["u0"].tries == 0

    run(work())


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_a_wrong_key_is_not_tried_again(status: str) -> None:
    async def work() -> None:
        async with shop([status]) as made:
            with pytest.raises(NobodyAnswers):
                await made.ask()
            assert made.asked() == [1]

    run(work())


def test_the_breaker_of_a_single_upstream_answers_at_once_while_it_is_open() -> None:
    async def work() -> None:
        async with shop(["hang"], tries=1, first=0.05) as made:
            for _ in range(3):
                with pytest.raises(NobodyAnswers):
                    await made.ask()
            assert made.state() is State.OPEN
            for _ in range(50):
                with pytest.raises(NobodyAnswers, match="breaker is open") as told:
                    await made.ask()
            assert made.asked()[0] <= 3  # one that timed out early may never have been read
            assert 0 < told.value.retry_after_s <= 5

    run(work())


def test_the_breaker_lets_one_probe_in_and_closes_when_that_goes_well() -> None:
    async def work() -> None:
        async with shop(["500", "500", "500", "ok"]) as made:
            with pytest.raises(NobodyAnswers):
                await made.ask()
            assert made.state() is State.OPEN
            made.clock[0] += 5.0
            assert await made.ask() == WHOLE
            assert made.state() is State.CLOSED

    run(work())


def test_a_caller_with_little_time_opens_no_breaker() -> None:
    async def work() -> None:
        async with shop(["hang"], first=9.0, slow=8.0) as made:
            for _ in range(5):
                with pytest.raises(NobodyAnswers) as told:
                    await made.ask(within_s=0.05)
            assert told.value.blame is Blame.DEADLINE
            assert made.state() is State.CLOSED

    run(work())


def test_callers_who_waited_long_enough_do() -> None:
    async def work() -> None:
        async with shop(["hang"], first=5.0, slow=0.05) as made:
            for _ in range(3):
                with pytest.raises(NobodyAnswers):
                    await made.ask(within_s=0.1)
            assert made.state() is State.OPEN

    run(work())


def test_a_caller_who_hangs_up_ends_the_upstreams_work() -> None:
    async def work() -> None:
        async with shop(["hang_after"], between=20.0) as made:
            asking = asyncio.create_task(made.ask(within_s=20.0))
            while not made.servers[0].seen.bodies:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
            for _ in range(200):
                if made.servers[0].seen.hung_up:
                    break
                await asyncio.sleep(0.01)
            assert made.servers[0].seen.hung_up == 1
            assert made.state() is State.CLOSED

    run(work())


def test_an_upstream_that_asks_to_be_left_alone_longer_than_there_is_time_is() -> None:
    async def work() -> None:
        async with shop(["429"]) as made:
            made.servers[0].temper.retry_after = "30"
            with pytest.raises(NobodyAnswers) as told:
                await made.ask(within_s=5.0)
            assert made.asked() == [1]
            assert told.value.retry_after_s == 30

    run(work())


def test_a_slow_but_steady_answer_is_heard_to_its_end() -> None:
    async def work() -> None:
        async with shop(["slow"], first=1.0, between=1.0) as made:
            made.servers[0].temper.gap_s = 0.25  # longer in all than either time-out
            assert await made.ask() == WHOLE

    run(work())


def test_with_no_upstream_it_says_so() -> None:
    async def work() -> None:
        async with shop() as made:
            with pytest.raises(NobodyAnswers, match="no upstream is configured"):
                await made.ask()

    run(work())

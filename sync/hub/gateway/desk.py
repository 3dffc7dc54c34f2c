"""Who is asked, and again: upstreams in order, a breaker each, retries before the first byte.

A breaker here has nobody to send callers to when there is one upstream, and works all the same:
while it is open a request is answered at once, and not after the time-outs of an outage
(litellm#40405: five seconds a request). Lives on one event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx

from appliance.monitoring.breaker import Breaker, Limits, Tally
from sync.hub.gateway.pieces import Piece
from sync.hub.gateway.upstream import Blame, Upstream, UpstreamFailed

log = logging.getLogger("backroom.hub.gateway")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 4.0


class NobodyAnswers(Exception):
    """No upstream answered, and the request has no more time or tries."""

    def __init__(self, why: str, blame: Blame, *, retry_after_s: float = 1.0) -> None:
        super().__init__(why)
        self.why = why
        self.blame = blame
        self.retry_after_s = retry_after_s


def breaker_limits(slow_s: float) -> Limits:
    """Return when an upstream's breaker opens and closes.

    Three tries, not four, and seconds, not minutes: hundreds of stores ask here, so an outage shows
    at once and so does its end. One good probe closes it; the next bad tries open it again.
    """
    return Limits(
        slow_s=slow_s,
        least_tries=3,
        most_tries=20,
        window_s=60.0,
        cool_down_s=5.0,
        longest_cool_down_s=60.0,
        probes=1,
    )


@dataclass(frozen=True, slots=True)
class Guarded:
    """An upstream and its breaker."""

    upstream: Upstream
    breaker: Breaker


@dataclass(slots=True)
class Desk:
    """Asks the upstreams."""

    guarded: Sequence[Guarded]
    client: httpx.AsyncClient
    tries: int
    slow_s: float
    draw: Callable[[float, float], float]  # a number between two, for jitter

    async def ask(
        self, sent: Mapping[str, Any], *, deadline: float
    ) -> AsyncGenerator[tuple[Upstream, Piece]]:
        """Yield the pieces of an answer and who gives it.

        Args:
            sent: The request, but for model and stream.
            deadline: Of the event loop's clock.

        Raises:
            NobodyAnswers: Before the first piece: nobody took it. After it: it broke off.
        """
        failed: list[UpstreamFailed] = []
        unfit: set[str] = set()
        tried = Counter[str]()
        for attempt in range(self.tries):
            chosen = self._choose(tried, unfit)
            if chosen is None:
                break
            tried[chosen.upstream.name] += 1
            is_begun = False
            trying = self._try(chosen, sent, deadline=deadline)
            try:
                async with aclosing(trying) as pieces:
                    async for piece in pieces:
                        is_begun = True
                        yield chosen.upstream, piece
                return
            except UpstreamFailed as exc:
                log.warning("upstream %s: %s", chosen.upstream.name, exc.why)
                failed.append(exc)
                if is_begun or exc.blame in {Blame.REQUEST, Blame.DEADLINE}:
                    break
                if exc.blame is Blame.SETTINGS:
                    unfit.add(chosen.upstream.name)
                has_other = self._has_other(tried, unfit)
                if not await self._pause(attempt, exc, deadline=deadline, has_other=has_other):
                    break
        raise self._nobody(failed)

    def tallies(self) -> dict[str, Tally]:
        """Return how the upstreams' breakers stand."""
        return {one.upstream.name: one.breaker.tally() for one in self.guarded}

    async def _try(
        self, chosen: Guarded, sent: Mapping[str, Any], *, deadline: float
    ) -> AsyncGenerator[Piece]:
        """Yield one upstream's pieces; its breaker hears how that went."""
        loop = asyncio.get_running_loop()
        began_at, is_begun, is_told = loop.time(), False, False
        stream = chosen.upstream.stream(self.client, sent, deadline=deadline)
        try:
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    if not is_begun:
                        is_begun = is_told = True
                        chosen.breaker.heard(loop.time() - began_at, failed=False)
                    yield piece
        except UpstreamFailed as exc:
            took_s = loop.time() - began_at
            # A caller with little time says nothing of the upstream; one that waited long does.
            is_excused = exc.blame is Blame.REQUEST or (
                exc.blame is Blame.DEADLINE and (is_begun or took_s < self.slow_s)
            )
            if not is_excused:
                is_told = True
                chosen.breaker.heard(took_s, failed=True)
            raise
        finally:
            if not is_told:  # also of a caller who hung up
                chosen.breaker.excuse()

    def _choose(self, tried: Counter[str], unfit: set[str]) -> Guarded | None:
        """Return the first upstream whose breaker lets a try in, of those this request tried least.

        In the order of the settings, which is what they cost or how good they are.
        """
        fit = [one for one in self.guarded if one.upstream.name not in unfit]
        for one in sorted(fit, key=lambda one: tried[one.upstream.name]):
            if not one.breaker.closed():
                return one
        return None

    def _has_other(self, tried: Counter[str], unfit: set[str]) -> bool:
        """Tell whether an upstream is left that this request has not tried; asks no breaker."""
        return any(
            not tried[one.upstream.name]
            and one.upstream.name not in unfit
            and not one.breaker.tally().retry_in_s
            for one in self.guarded
        )

    async def _pause(
        self, attempt: int, exc: UpstreamFailed, *, deadline: float, has_other: bool
    ) -> bool:
        """Wait before the next try; return False where there is no time or no try left for it.

        Full jitter: a random part of a doubling time, so that those that failed together do not
        come together. Source: Brooker, "Exponential Backoff and Jitter", AWS 2015. With another
        upstream to go to there is none.
        """
        if attempt + 1 >= self.tries:
            return False
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt)
        pause_s = 0.0 if has_other else max(exc.retry_after_s, self.draw(0.0, longest))
        if asyncio.get_running_loop().time() + pause_s >= deadline:
            return False
        await asyncio.sleep(pause_s)
        return True

    def _nobody(self, failed: Sequence[UpstreamFailed]) -> NobodyAnswers:
        if failed:
            last = failed[-1]
            wait_s = max(1.0, last.retry_after_s)
            return NobodyAnswers(last.why, last.blame, retry_after_s=wait_s)
        waits = [tally.retry_in_s for tally in self.tallies().values()]
        why = "its breaker is open" if self.guarded else "no upstream is configured"
        return NobodyAnswers(why, Blame.UPSTREAM, retry_after_s=max(1.0, min(waits, default=60.0)))

"""One thread that owns a context: who gets in, what is decoded next, whose token it was.

Each step sweeps out the cancelled and the late, seats who fits, decodes one batch (a token for
every running answer and what it is guessed to go on with, then prompts in order of arrival, in
chunks) and hands out the tokens.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from appliance.engines.compose import compose
from appliance.engines.context import ANY, DECODED, Choice, Chunk, Context, Limits
from appliance.engines.errands import Errands, result_of
from appliance.engines.seats import Seat, Seats, Waiting, check_prompt
from appliance.engines.stream import TokenStream
from appliance.errors import EngineBusy, EngineError
from appliance.ports import Load, Prompt, Timings, Token

log = logging.getLogger(__name__)

# How long a refused caller is told to wait: between these, and by the pace of late between them.
SHORTEST_RETRY_S, LONGEST_RETRY_S = 0.5, 30.0
PACE_WEIGHT = 0.2  # of the latest ask in the running mean of seconds per ask


class Scheduler:
    """Continuous batching over one context.

    Without `start` nothing runs by itself and `step` may be called by hand: that is how tests
    choose their interleavings.
    """

    def __init__(
        self,
        context: Context,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = context
        self._limits = limits or Limits()
        self._clock = clock
        self._seats = Seats(context, self._limits)
        self._queue: deque[Waiting] = deque()
        self._errands = Errands()
        self._work = threading.Condition()  # guards _queue, _errands, _is_closed and _is_broken
        self._is_closed = False
        self._is_broken = False
        self._failures = 0
        self._pace_s = SHORTEST_RETRY_S
        self._thread: threading.Thread | None = None

    # ── for callers, from any thread ──────────────────────────────────────────────────────────

    def submit(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        deadline_s: float,
        stop: frozenset[int],
        choice: Choice = ANY,
        adapter: str = "",
        model: str = "",
    ) -> TokenStream:
        """Queue a generation; the deadline counts from now and covers the wait.

        `adapter` answers from the first token to the last, `model` is what the stream calls it.

        Raises:
            EngineBusy: The queue is full.
            EngineError: The prompt can never fit, is malformed, or the engine is closed.
        """
        check_prompt(prompt, max_tokens, context=self._context)
        now = self._clock()
        ask = Waiting(
            tokens=prompt.tokens,
            prefix_length=prompt.prefix_length,
            max_tokens=max_tokens,
            stop=stop,
            choice=choice,
            submitted_at=now,
            deadline_at=now + deadline_s,
            adapter=adapter,
            guesses=prompt.guesses,
            stream=TokenStream(model),
        )
        with self._work:
            if self._is_closed or self._is_broken:
                raise EngineError("The engine is closed.", hint="Run: backroom health")
            if len(self._queue) >= self._limits.queue:
                raise EngineBusy(
                    f"The engine's queue is full: {len(self._queue)} asks wait.",
                    retry_after_s=self._retry_after_s(),
                )
            self._queue.append(ask)
            self._work.notify()
        return ask.stream

    def call(self, errand: Callable[[], Any]) -> Any:
        """Let the thread that owns the context run something between two steps; wait for it.

        Raises:
            EngineError: The engine is closed, or the errand had no turn within a minute.
        """
        if self._thread is None:
            return errand()
        with self._work:
            if self._is_closed or self._is_broken:
                raise EngineError("The engine is closed.", hint="Run: backroom health")
            done = self._errands.put(errand)
            self._work.notify()
        return result_of(done)

    def leave_adapter(self, adapter: str) -> int:
        """Return how many asks are under an adapter; none: its prefixes go. For errands."""
        with self._work:
            asks = [*self._queue, *(seat.ask for seat in self._seats.running)]
        count = sum(ask.adapter == adapter for ask in asks)
        if not count:
            self._seats.forget_adapter(adapter)
        return count

    def start(self) -> None:
        """Let a thread of its own do the steps."""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End every generation as cancelled, stop the thread, free the context; idempotent."""
        with self._work:
            if self._is_closed:
                return
            self._is_closed = True
            self._work.notify()
        if self._thread is not None:
            self._thread.join()
        self._errands.run(is_closed=self._is_closed)
        for seat in self._seats.running:
            self._retire(seat, "cancelled")
        self._drain(lambda ask: ask.stream.end("cancelled", Timings()))
        self._context.close()

    @property
    def load(self) -> Load:
        """How busy it is; a snapshot, not a promise."""
        return Load(
            running=len(self._seats.running),
            waiting=len(self._queue),
            cells_reserved=self._seats.cells,
            cells=self._context.cells,
            failures=self._failures,
        )

    @property
    def is_alive(self) -> bool:
        """Whether what is submitted now would be worked on; without `start`, by hand."""
        is_running = self._thread is None or self._thread.is_alive()
        return is_running and not (self._is_closed or self._is_broken)

    # ── the thread ────────────────────────────────────────────────────────────────────────────

    def step(self) -> bool:
        """Do one step; return whether anything is left to do."""
        now = self._clock()
        self._sweep(now)
        self._admit(now)
        chunks = compose(self._seats, self._limits)
        if chunks:
            self._decode(chunks)
        return bool(self._seats.running or self._queue)

    def _run(self) -> None:
        while True:
            with self._work:
                while not (self._is_closed or self._queue or self._errands or self._seats.running):
                    self._work.wait()
                if self._is_closed:
                    return
            self._errands.run(is_closed=self._is_closed)
            try:
                self.step()
            except Exception as error:  # the outermost loop: the next asks must still be served
                log.exception("engine step failed; every generation in it fails")
                self._abandon(EngineError(f"The engine's step failed: {error}"))

    def _sweep(self, now: float) -> None:
        for seat in self._seats.running:
            if finish := _overdue(seat.ask, now):
                self._retire(seat, finish)
        with self._work:
            late = [(ask, finish) for ask in self._queue if (finish := _overdue(ask, now))]
            for ask, _ in late:
                self._queue.remove(ask)
        for ask, finish in late:
            ask.stream.end(finish, Timings(queued_ms=(now - ask.submitted_at) * 1e3))

    def _admit(self, now: float) -> None:
        """Seat the waiting in order; only one whose prefix is being decoded lets others pass."""
        with self._work:
            waiting = list(self._queue)
        for ask in waiting:
            if self._seats.is_full:
                return
            if self._seats.must_wait(ask):
                continue
            if self._seats.admit(ask, now) is None:
                return
            with self._work:
                self._queue.remove(ask)

    def _decode(self, chunks: Sequence[Chunk]) -> None:
        code = self._context.decode(chunks)
        if code == DECODED:
            for index, chunk in enumerate(chunks):
                self._advance(chunk, index)
            return
        log.warning("batch of %d sequences failed with %d; retrying apart", len(chunks), code)
        for chunk in chunks:
            self._context.forget(chunk.sequence, chunk.start)
        for chunk in chunks:
            self._decode_alone(chunk)

    def _decode_alone(self, chunk: Chunk) -> None:
        code = self._context.decode([chunk])
        if code == DECODED:
            self._advance(chunk, 0)
        else:
            self._fail(
                self._seats.at(chunk.sequence), f"llama_decode returned {code} for this ask alone."
            )

    def _advance(self, chunk: Chunk, index: int) -> None:
        seat = self._seats.at(chunk.sequence)
        self._seats.advance(seat, len(chunk.tokens) - chunk.guessed)
        if not chunk.wants_token:
            return
        guess = chunk.tokens[len(chunk.tokens) - chunk.guessed :]
        for kept in range(chunk.guessed + 1):
            token = self._context.choose(index, seat.ask.choice, guessed=kept)
            if token is None:
                self._fail(seat, "The model's logits are not finite.")
                return
            if not self._say(seat, token):
                return
            if kept == chunk.guessed:
                return
            if token.id != guess[kept]:
                self._context.forget(seat.sequence, seat.past)
                return
            seat.past += 1

    def _say(self, seat: Seat, token: Token) -> bool:
        """Hand a token out; return whether the answer goes on."""
        now = self._clock()
        if seat.first_at is None:
            seat.first_at = now
        if token.id in seat.ask.stop:
            self._retire(seat, "stop")
            return False
        seat.said.append(token.id)
        seat.ask.stream.put(token, seat.timings(now))
        if len(seat.said) == seat.ask.max_tokens:
            self._retire(seat, "length")
            return False
        return True

    # ── endings ───────────────────────────────────────────────────────────────────────────────

    def _retire(self, seat: Seat, finish: str) -> None:
        now = self._clock()
        self._seats.leave(seat)
        self._pace_s += PACE_WEIGHT * (now - seat.admitted_at - self._pace_s)
        seat.ask.stream.end(finish, seat.timings(now))

    def _fail(self, seat: Seat, reason: str) -> None:
        self._failures += 1
        self._seats.leave(seat)
        seat.ask.stream.fail(EngineError(f"This generation failed. {reason}"))

    def _abandon(self, error: EngineError) -> None:
        """Fail everybody: after a step broke off midway nobody's cells can be trusted."""
        running = self._seats.running
        self._failures += len(running)
        self._seats = Seats(self._context, self._limits)
        try:
            for sequence in range(self._limits.sequences):
                self._context.forget(sequence)
        except EngineError:
            log.exception("the context cannot be emptied; the engine takes no more asks")
            with self._work:
                self._is_broken = True
        for seat in running:
            seat.ask.stream.fail(error)
        self._drain(lambda ask: ask.stream.fail(error))

    def _drain(self, end: Callable[[Waiting], None]) -> None:
        with self._work:
            waiting = list(self._queue)
            self._queue.clear()
        for ask in waiting:
            end(ask)

    def _retry_after_s(self) -> float:
        rounds = math.ceil((len(self._queue) + 1) / self._limits.slots)
        return min(max(rounds * self._pace_s, SHORTEST_RETRY_S), LONGEST_RETRY_S)


def _overdue(ask: Waiting, now: float) -> str:
    if ask.stream.is_cancelled:
        return "cancelled"
    return "deadline" if now >= ask.deadline_at else ""

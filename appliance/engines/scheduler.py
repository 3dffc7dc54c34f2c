"""One thread that owns a context: who gets in, what is decoded next, whose token it was.

Each step sweeps out the cancelled and the late, seats who fits, decodes one batch (a token for
every running answer, then prompts in order of arrival, in chunks) and hands out the tokens.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from appliance.engines.context import ANY, DECODED, Choice, Chunk, Context, Limits
from appliance.engines.seats import Seat, Seats, Waiting
from appliance.engines.stream import TokenStream
from appliance.errors import EngineBusy, EngineError
from appliance.ports import Load, Prompt, Timings

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
        self._work = threading.Condition()  # guards _queue, _is_closed and _is_broken
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
    ) -> TokenStream:
        """Queue a generation; the deadline counts from now and covers the wait.

        Raises:
            EngineBusy: The queue is full.
            EngineError: The prompt can never fit, is malformed, or the engine is closed.
        """
        self._check(prompt, max_tokens)
        now = self._clock()
        ask = Waiting(
            tokens=prompt.tokens,
            prefix_length=prompt.prefix_length,
            max_tokens=max_tokens,
            stop=stop,
            choice=choice,
            submitted_at=now,
            deadline_at=now + deadline_s,
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
        chunks = self._compose()
        if chunks:
            self._decode(chunks)
        return bool(self._seats.running or self._queue)

    def _run(self) -> None:
        while True:
            with self._work:
                while not (self._is_closed or self._queue or self._seats.running):
                    self._work.wait()
                if self._is_closed:
                    return
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

    def _compose(self) -> list[Chunk]:
        running = self._seats.running
        chunks = [seat.chunk(1) for seat in running if seat.is_answering]
        room = self._limits.batch_tokens - len(chunks)
        budget = min(room, self._limits.chunk_tokens) if chunks else room
        for seat in running:
            if budget > 0 and not seat.is_answering:
                chunks.append(seat.chunk(budget))
                budget -= len(chunks[-1].tokens)
        return chunks

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
        self._seats.advance(seat, len(chunk.tokens))
        if not chunk.wants_token:
            return
        token = self._context.choose(index, seat.ask.choice)
        if token is None:
            self._fail(seat, "The model's logits are not finite.")
            return
        now = self._clock()
        if seat.first_at is None:
            seat.first_at = now
        if token.id in seat.ask.stop:
            self._retire(seat, "stop")
            return
        seat.next_token = token.id
        seat.generated += 1
        seat.ask.stream.put(token, seat.timings(now))
        if seat.generated == seat.ask.max_tokens:
            self._retire(seat, "length")

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

    def _check(self, prompt: Prompt, max_tokens: int) -> None:
        tokens = prompt.tokens
        needed = len(tokens) + max_tokens
        if not tokens or max_tokens < 1:
            raise EngineError(f"A generation needs a prompt and max_tokens ≥ 1, got {max_tokens}.")
        if not 0 <= prompt.prefix_length < len(tokens):
            raise EngineError(
                f"prefix_length is {prompt.prefix_length}; expected 0 … {len(tokens) - 1}, "
                "so that the last token yields logits."
            )
        if min(tokens) < 0 or max(tokens) >= self._context.vocab_size:
            raise EngineError(f"A token id is outside 0 … {self._context.vocab_size - 1}.")
        if needed > self._context.context_tokens:
            raise EngineError(
                f"The ask needs {needed:,} tokens ({len(tokens):,} prompt + {max_tokens:,} answer);"
                f" the model holds {self._context.context_tokens:,}.",
                hint="Stitch fewer passages or ask for a shorter answer.",
            )

    def _retry_after_s(self) -> float:
        rounds = math.ceil((len(self._queue) + 1) / self._limits.slots)
        return min(max(rounds * self._pace_s, SHORTEST_RETRY_S), LONGEST_RETRY_S)


def _overdue(ask: Waiting, now: float) -> str:
    if ask.stream.is_cancelled:
        return "cancelled"
    return "deadline" if now >= ask.deadline_at else ""

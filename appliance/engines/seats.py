"""Who sits where: asks that wait, asks that run, and the cells each of them holds.

Reservation is by the worst case (prompt and longest answer), so a running answer is never cut by
a newcomer. Nothing here touches the model except through `Context.share` and `Context.forget`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.engines.context import Choice, Chunk, Context, Limits
from appliance.engines.prefix import Prefix, Prefixes
from appliance.engines.stream import TokenStream
from appliance.errors import EngineError
from appliance.ports import Prompt, Timings


@dataclass(frozen=True, slots=True)
class Waiting:
    """An ask as it was submitted."""

    tokens: tuple[int, ...]
    prefix_length: int
    max_tokens: int
    stop: frozenset[int]
    choice: Choice
    submitted_at: float
    deadline_at: float
    adapter: str = ""  # key of the adapter it is answered with, from its first token to its last
    guesses: tuple[tuple[int, ...], ...] = ()
    stream: TokenStream = field(default_factory=TokenStream)

    @property
    def cells(self) -> int:
        """Most cells it can need, without sharing."""
        return len(self.tokens) + self.max_tokens


@dataclass(slots=True, eq=False)
class Seat:
    """An ask that runs."""

    ask: Waiting
    sequence: int
    cells: int  # reserved for it alone
    prefix: Prefix | None
    admitted_at: float
    past: int = 0  # tokens of the sequence that are decoded
    reused: int = 0
    said: list[int] = field(default_factory=list)
    first_at: float | None = None

    @property
    def is_answering(self) -> bool:
        """Whether its prompt is through."""
        return bool(self.said)

    @property
    def is_loading_prefix(self) -> bool:
        """Whether others wait for the prefix this seat is decoding."""
        return self.prefix is not None and not self.prefix.is_ready

    def answer_chunk(self, budget: int) -> Chunk:
        """Return the token said last, and at most `budget` guessed ones after it."""
        room = min(budget, self.ask.max_tokens - len(self.said) - 1)
        guess = self._guess()[: max(0, room)]
        tokens = (self.said[-1], *guess)
        return Chunk(
            self.sequence, self.past, tokens, wants_token=True, adapter=self.ask.adapter,
            guessed=len(guess),
        )  # fmt: skip

    def _guess(self) -> tuple[int, ...]:
        """Return how a guess that begins like the answer goes on; () when none does."""
        said = tuple(self.said)
        found = (guess for guess in self.ask.guesses if guess[: len(said)] == said)
        return next(found, ())[len(said) :]

    def chunk(self, budget: int) -> Chunk:
        """Return the tokens of the prompt to decode next, at most `budget` of them."""
        end = min(self.past + budget, len(self.ask.tokens))
        return Chunk(
            sequence=self.sequence,
            start=self.past,
            tokens=self.ask.tokens[self.past : end],
            wants_token=end == len(self.ask.tokens),
            adapter=self.ask.adapter,
        )

    def timings(self, now: float) -> Timings:
        """Return where its time went, up to `now`."""
        first_at = now if self.first_at is None else self.first_at
        return Timings(
            queued_ms=(self.admitted_at - self.ask.submitted_at) * 1e3,
            prefill_ms=(first_at - self.admitted_at) * 1e3,
            decode_ms=(now - first_at) * 1e3,
            prompt_tokens=len(self.ask.tokens),
            reused_tokens=self.reused,
        )


class Seats:
    """The running asks and the ledger of cells; used by the scheduler's thread only."""

    def __init__(self, context: Context, limits: Limits) -> None:
        self._context = context
        self._free = list(reversed(range(limits.slots)))
        self._taken: dict[int, Seat] = {}
        self._turn = ""  # the adapter of the latest batch
        self._prefixes = Prefixes(range(limits.slots, limits.sequences))

    @property
    def running(self) -> list[Seat]:
        """Return the running asks, longest seated first."""
        return list(self._taken.values())

    def next_turn(self) -> list[Seat]:
        """Return the seats of one adapter, as a batch is of one; adapters take turns."""
        adapters = list(dict.fromkeys(seat.ask.adapter for seat in self.running))
        if adapters:
            at = adapters.index(self._turn) + 1 if self._turn in adapters else 0
            self._turn = adapters[at % len(adapters)]
        return [seat for seat in self.running if seat.ask.adapter == self._turn]

    @property
    def is_full(self) -> bool:
        """Whether every seat is taken."""
        return not self._free

    @property
    def cells(self) -> int:
        """Cells reserved by asks and prefixes together; never more than the context has."""
        return sum(seat.cells for seat in self.running) + self._prefixes.cells

    def at(self, sequence: int) -> Seat:
        """Return who sits in a sequence."""
        return self._taken[sequence]

    def must_wait(self, ask: Waiting) -> bool:
        """Whether a running ask is just now decoding the prefix this one needs."""
        prefix = self._prefix_of(ask)
        return prefix is not None and not prefix.is_ready

    def admit(self, ask: Waiting, now: float) -> Seat | None:
        """Seat an ask and reserve its cells, evicting idle prefixes if that makes it fit.

        Returns None when it does not fit yet. Needs a free seat, and `must_wait` false.
        """
        prefix = self._prefix_of(ask)
        shared = ask.prefix_length if prefix is not None else 0
        if not self._make_room(ask.cells - shared, keep=prefix):
            return None
        if prefix is None and ask.prefix_length:
            prefix = self._open_prefix(ask.tokens[: ask.prefix_length], adapter=ask.adapter)
        cells = ask.cells - (ask.prefix_length if prefix is not None else 0)
        seat = Seat(ask, self._free.pop(), cells, prefix, admitted_at=now)
        self._taken[seat.sequence] = seat
        if prefix is not None:
            self._prefixes.hold(prefix)
        if prefix is not None and prefix.is_ready:
            self._context.share(prefix.sequence, seat.sequence, ask.prefix_length)
            seat.past = seat.reused = ask.prefix_length
        return seat

    def advance(self, seat: Seat, count: int) -> None:
        """Note that `count` more tokens of a seat are decoded; publish its prefix once whole."""
        seat.past += count
        prefix = seat.prefix
        if prefix is not None and not prefix.is_ready and seat.past >= len(prefix.tokens):
            self._context.share(seat.sequence, prefix.sequence, len(prefix.tokens))
            prefix.is_ready = True

    def leave(self, seat: Seat) -> None:
        """Free a seat and its cells; a prefix it was still decoding goes with it."""
        del self._taken[seat.sequence]
        self._context.forget(seat.sequence)
        self._free.append(seat.sequence)
        if seat.prefix is None:
            return
        self._prefixes.release(seat.prefix)
        if not seat.prefix.is_ready:
            self._prefixes.drop(seat.prefix)

    def forget_adapter(self, adapter: str) -> None:
        """Drop the idle prefixes that were computed with an adapter."""
        for prefix in self._prefixes.idle():
            if prefix.adapter == adapter:
                self._evict(prefix)

    def _prefix_of(self, ask: Waiting) -> Prefix | None:
        return self._prefixes.find(ask.tokens[: ask.prefix_length], adapter=ask.adapter)

    def _open_prefix(self, tokens: tuple[int, ...], *, adapter: str) -> Prefix | None:
        if not self._prefixes.has_room:
            for oldest in self._prefixes.idle()[:1]:
                self._evict(oldest)
        return self._prefixes.add(tokens, adapter=adapter)

    def _make_room(self, cells: int, *, keep: Prefix | None) -> bool:
        missing = self.cells + cells - self._context.cells
        if missing <= 0:
            return True
        idle = [prefix for prefix in self._prefixes.idle() if prefix is not keep]
        if sum(len(prefix.tokens) for prefix in idle) < missing:
            return False
        while missing > 0:
            prefix = idle.pop(0)
            missing -= len(prefix.tokens)
            self._evict(prefix)
        return True

    def _evict(self, prefix: Prefix) -> None:
        self._context.forget(prefix.sequence)
        self._prefixes.drop(prefix)


def check_prompt(prompt: Prompt, max_tokens: int, *, context: Context) -> None:
    """Refuse what can never be served.

    Raises:
        EngineError: The prompt can never fit, or is malformed.
    """
    tokens = prompt.tokens
    needed = len(tokens) + max_tokens
    if not tokens or max_tokens < 1:
        raise EngineError(f"A generation needs a prompt and max_tokens ≥ 1, got {max_tokens}.")
    if not 0 <= prompt.prefix_length < len(tokens):
        raise EngineError(
            f"prefix_length is {prompt.prefix_length}; expected 0 … {len(tokens) - 1}, "
            "so that the last token yields logits."
        )
    if min(tokens) < 0 or max(tokens) >= context.vocab_size:
        raise EngineError(f"A token id is outside 0 … {context.vocab_size - 1}.")
    if needed > context.context_tokens:
        raise EngineError(
            f"The ask needs {needed:,} tokens ({len(tokens):,} prompt + {max_tokens:,} answer);"
            f" the model holds {context.context_tokens:,}.",
            hint="Stitch fewer passages or ask for a shorter answer.",
        )

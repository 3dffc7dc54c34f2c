"""Who sits where: asks that wait, asks that run, and the cells each of them holds.

Reservation is by the worst case (prompt and longest answer), so a running answer is never cut by
a newcomer. Nothing here touches the model except through `Context.share` and `Context.forget`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.engines.context import Choice, Chunk, Context, Limits
from appliance.engines.prefix import Prefix, Prefixes
from appliance.engines.stream import TokenStream
from appliance.ports import Timings


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
    next_token: int | None = None  # None: the prompt is not through yet
    generated: int = 0
    first_at: float | None = None

    @property
    def is_answering(self) -> bool:
        """Whether its prompt is through."""
        return self.next_token is not None

    @property
    def is_loading_prefix(self) -> bool:
        """Whether others wait for the prefix this seat is decoding."""
        return self.prefix is not None and not self.prefix.is_ready

    def chunk(self, budget: int) -> Chunk:
        """Return the tokens to decode next, at most `budget` of them."""
        if self.next_token is not None:
            return Chunk(self.sequence, self.past, (self.next_token,), wants_token=True)
        end = min(self.past + budget, len(self.ask.tokens))
        return Chunk(
            sequence=self.sequence,
            start=self.past,
            tokens=self.ask.tokens[self.past : end],
            wants_token=end == len(self.ask.tokens),
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
        self._prefixes = Prefixes(range(limits.slots, limits.sequences))

    @property
    def running(self) -> list[Seat]:
        """Return the running asks, longest seated first."""
        return list(self._taken.values())

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
        prefix = self._prefixes.find(ask.tokens[: ask.prefix_length])
        return prefix is not None and not prefix.is_ready

    def admit(self, ask: Waiting, now: float) -> Seat | None:
        """Seat an ask and reserve its cells, evicting idle prefixes if that makes it fit.

        Returns None when it does not fit yet. Needs a free seat, and `must_wait` false.
        """
        prefix = self._prefixes.find(ask.tokens[: ask.prefix_length])
        shared = ask.prefix_length if prefix is not None else 0
        if not self._make_room(ask.cells - shared, keep=prefix):
            return None
        if prefix is None and ask.prefix_length:
            prefix = self._open_prefix(ask.tokens[: ask.prefix_length])
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

    def _open_prefix(self, tokens: tuple[int, ...]) -> Prefix | None:
        if not self._prefixes.has_room:
            for oldest in self._prefixes.idle()[:1]:
                self._evict(oldest)
        return self._prefixes.add(tokens)

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

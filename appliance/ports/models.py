"""Roles of language models: the local one behind its engine, and the generalist on the line."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Generalist(Protocol):
    """The cloud model on the line."""

    @property
    def is_configured(self) -> bool:
        """Whether a line exists at all."""
        ...

    def resting(self) -> str:
        """Return why it is not to be tried now, in words; '' when it may be. Costs nothing."""
        ...

    def stream(self, messages: Sequence[Mapping[str, str]], *, deadline_s: float) -> Generator[str]:
        """Yield the answer's text in pieces, as they come; to close the iterator hangs up.

        Never later than the deadline it ends or raises, whatever the network does.

        Args:
            messages: OpenAI's: `role` and `content`; nothing personal is in them.
            deadline_s: Seconds from now after which nobody listens.

        Raises:
            LineResting: Not tried: known to be down, or too many asks are under way.
            LineDown: No line, it broke off, or the deadline passed; raised on iteration.
        """
        ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids; the first `prefix_length` of them are a pinned prefix shared by all asks.

    `guesses` are answers the model may well give, as far as they are known. One that begins like
    the answer does is read in one step instead of one a token, and kept as far as it is what the
    model says. Right or wrong, a guess changes no answer but by the rounding of a larger batch.
    """

    tokens: tuple[int, ...]
    prefix_length: int = 0
    guesses: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token."""

    id: int
    logprob: float  # natural logarithm
    margin: float  # logprob of this token minus that of the runner-up


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a generation's time went."""

    queued_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    prompt_tokens: int = 0
    reused_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a model is, for health and metrics."""

    running: int = 0
    waiting: int = 0
    cells_reserved: int = 0
    cells: int = 0
    failures: int = 0  # generations that ended in an error since the start


class Generation(Protocol):
    """A running answer: iterate for tokens as they come."""

    def __iter__(self) -> Iterator[Token]: ...

    def cancel(self) -> None:
        """Ask the engine to stop; idempotent, returns at once."""
        ...

    @property
    def model(self) -> str:
        """Name and digests of what answers, for receipts; '' where the model has but one."""
        ...

    @property
    def finish(self) -> str:
        """Stop | length | deadline | cancelled; '' while running."""
        ...

    @property
    def timings(self) -> Timings:
        """Times so far."""
        ...


class LanguageModel(Protocol):
    """A local model behind a scheduler."""

    @property
    def name(self) -> str:
        """Name and digest, for receipts."""
        ...

    @property
    def context_tokens(self) -> int:
        """Most tokens one ask may hold, prompt and answer."""
        ...

    @property
    def load(self) -> Load:
        """How busy it is; a snapshot, not a promise."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether what is submitted now would be worked on."""
        ...

    def submit(
        self, prompt: Prompt, *, max_tokens: int, deadline_s: float, stop: frozenset[int]
    ) -> Generation:
        """Queue a generation.

        Raises:
            EngineBusy: The queue is full.
            EngineError: The prompt can never fit.
        """
        ...

    def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        """Return token ids; with `special=False` text can never become a control token."""
        ...

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, control tokens included by their names."""
        ...

    def token_id(self, name: str) -> int:
        """Return the id of a control token.

        Raises:
            EngineError: The model has no such token.
        """
        ...

    def close(self) -> None:
        """Stop the scheduler and free the model; idempotent."""
        ...

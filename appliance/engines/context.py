"""What the scheduler asks of a model's context, and what it may ask for at once.

Two things keep these promises: `llama_api.LlamaContext` and `scripted.ScriptedContext`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from appliance.errors import BadInput
from appliance.ports import Token

DECODED = 0
NO_ROOM = 1
ABORTED = 2
BAD_BATCH = -1

# e**-100 is nothing; a finite cap keeps records valid JSON when only one token was allowed.
WIDEST_MARGIN = 100.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the scheduler takes on at once.

    `chunk_tokens` bounds how much prefill shares a step with running answers: it is the longest
    pause a newcomer's prompt can put between two tokens of somebody's answer.
    """

    slots: int = 8
    queue: int = 32
    prefixes: int = 4
    chunk_tokens: int = 64
    batch_tokens: int = 512

    def __post_init__(self) -> None:
        if self.slots < 1 or self.chunk_tokens < 1 or self.batch_tokens <= self.slots:
            raise BadInput(
                f"Engine limits do not fit: {self.slots} slots, chunk_tokens {self.chunk_tokens}, "
                f"batch_tokens {self.batch_tokens}.",
                hint="Every slot needs a token in the batch, and a prompt at least one more.",
            )

    @property
    def sequences(self) -> int:
        """Sequence ids in use: 0 … slots-1 for asks, the rest for prefixes."""
        return self.slots + self.prefixes


@dataclass(frozen=True, slots=True)
class Choice:
    """Which tokens an answer may use; the log-probabilities stay those of the whole vocabulary."""

    only: frozenset[int] | None = None
    never: frozenset[int] = frozenset()


ANY = Choice()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of one sequence for one decode."""

    sequence: int
    start: int  # position of the first token
    tokens: tuple[int, ...]
    wants_token: bool  # whether the last one's logits are read


class Context(Protocol):
    """A KV memory with a model over it; used by one thread only."""

    @property
    def cells(self) -> int:
        """Tokens the whole memory holds."""
        ...

    @property
    def context_tokens(self) -> int:
        """Tokens one sequence may hold."""
        ...

    @property
    def vocab_size(self) -> int:
        """Token ids are 0 … vocab_size-1."""
        ...

    def decode(self, chunks: Sequence[Chunk]) -> int:
        """Run one batch; at most one chunk per sequence.

        Returns:
            0 done · 1 no room · 2 aborted · -1 bad batch · below -1 fatal. After 2 and below -1
            some of the tokens may remain in the memory.
        """
        ...

    def choose(self, index: int, choice: Choice) -> Token | None:
        """Return the likeliest allowed token after `chunks[index]` of the last `decode`.

        Ties go to the lower id. None: the logits are not finite.
        """
        ...

    def share(self, source: int, target: int, length: int) -> None:
        """Let `target` read the first `length` tokens of `source`; copies no cell."""
        ...

    def forget(self, sequence: int, start: int = 0) -> None:
        """Drop a sequence from position `start` on.

        Raises:
            EngineError: The memory refused.
        """
        ...

    def close(self) -> None:
        """Free everything; idempotent."""
        ...

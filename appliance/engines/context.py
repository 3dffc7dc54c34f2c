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
    pause a newcomer's prompt can put between two tokens of somebody's answer. Past `enough_tokens`
    no further prompt is begun: a longer batch computes no faster, and each of its tokens passes
    over everybody's cells. Two prompts of 240 tokens took 80 ms together, 31 ms each alone.
    """

    slots: int = 8
    queue: int = 32
    prefixes: int = 4
    chunk_tokens: int = 64
    batch_tokens: int = 512
    enough_tokens: int = 128
    guessed_tokens: int = 64  # in one batch; each may cost a row of logits, 4 bytes a token id

    def __post_init__(self) -> None:
        if self.slots < 1 or self.chunk_tokens < 1 or self.batch_tokens <= self.slots:
            raise BadInput(
                f"Engine limits do not fit: {self.slots} slots, chunk_tokens {self.chunk_tokens}, "
                f"batch_tokens {self.batch_tokens}.",
                hint="Every slot needs a token in the batch, and a prompt at least one more.",
            )
        if self.guessed_tokens < 0:
            raise BadInput(
                f"Engine limits do not fit: guessed_tokens is {self.guessed_tokens}.",
                hint="0 turns guessing off.",
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
    adapter: str = ""  # key of the adapter it is computed with; '': the base alone
    guessed: int = 0  # of the last tokens, nobody has said yet; logits are read before each, too


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
        """Run one batch; at most one chunk per sequence, all of one adapter.

        Returns:
            0 done · 1 no room · 2 aborted · -1 bad batch · below -1 fatal. After 2 and below -1
            some of the tokens may remain in the memory.
        """
        ...

    def choose(self, index: int, choice: Choice, *, guessed: int = 0) -> Token | None:
        """Return the likeliest allowed token after `chunks[index]` of the last `decode`.

        Ties go to the lower id. None: the logits are not finite.

        Args:
            index: Of a chunk that wants a token.
            choice: What is allowed.
            guessed: How many of the chunk's guessed tokens stand before it.
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

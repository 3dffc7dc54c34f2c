"""Contexts that stand between the scheduler and a real one, to watch it or to break things."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from appliance.engines.context import Choice, Chunk, Context
from appliance.ports import Token


class PassingContext:
    """Does what the context behind it does."""

    def __init__(self, behind: Context) -> None:
        self.behind = behind

    @property
    def cells(self) -> int:
        return self.behind.cells

    @property
    def context_tokens(self) -> int:
        return self.behind.context_tokens

    @property
    def vocab_size(self) -> int:
        return self.behind.vocab_size

    def decode(self, chunks: Sequence[Chunk]) -> int:
        return self.behind.decode(chunks)

    def choose(self, index: int, choice: Choice, *, guessed: int = 0) -> Token | None:
        return self.behind.choose(index, choice, guessed=guessed)

    def share(self, source: int, target: int, length: int) -> None:
        self.behind.share(source, target, length)

    def forget(self, sequence: int, start: int = 0) -> None:
        self.behind.forget(sequence, start)

    def close(self) -> None:
        self.behind.close()


class PoisonedContext(PassingContext):
    """Refuses every batch that holds the poison, after decoding a part of it, as llama.cpp may."""

    def __init__(self, behind: Context, *, poison: int, code: int) -> None:
        super().__init__(behind)
        self._poison, self._code = poison, code

    def decode(self, chunks: Sequence[Chunk]) -> int:
        if any(self._poison in chunk.tokens for chunk in chunks):
            self.behind.decode(chunks[:1])
            return self._code
        return self.behind.decode(chunks)


class FlakyContext(PassingContext):
    """Breaks every n-th batch of several sequences halfway through (0: none)."""

    def __init__(self, behind: Context, *, fails_every: int) -> None:
        super().__init__(behind)
        self._fails_every = fails_every
        self._count = 0

    def decode(self, chunks: Sequence[Chunk]) -> int:
        self._count += len(chunks) > 1
        if len(chunks) > 1 and self._fails_every and self._count % self._fails_every == 0:
            self.behind.decode(chunks[: len(chunks) // 2])
            return -3
        return self.behind.decode(chunks)


class WatchedContext(PassingContext):
    """Notes every batch."""

    def __init__(self, behind: Context) -> None:
        super().__init__(behind)
        self.batches: list[list[Chunk]] = []

    def decode(self, chunks: Sequence[Chunk]) -> int:
        self.batches.append(list(chunks))
        return self.behind.decode(chunks)


class BlindContext(PassingContext):
    """Has no finite logits after a prompt for which `is_blind` says so."""

    def __init__(self, behind: Context, is_blind: Callable[[tuple[int, ...]], bool]) -> None:
        super().__init__(behind)
        self._is_blind = is_blind
        self._last: list[Chunk] = []

    def decode(self, chunks: Sequence[Chunk]) -> int:
        self._last = list(chunks)
        return self.behind.decode(chunks)

    def choose(self, index: int, choice: Choice, *, guessed: int = 0) -> Token | None:
        if self._is_blind(self._last[index].tokens):
            return None
        return self.behind.choose(index, choice, guessed=guessed)

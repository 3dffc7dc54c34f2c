"""A language model that speaks from a script: the real scheduler over a pretend context.

For tests and rehearsals. Busy, deadline, cancel, sharing and reservation are the llama engine's
own code; only the numbers are made up. Its tokens are bytes, so it counts more of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.engines.context import (
    ANY,
    BAD_BATCH,
    DECODED,
    NO_ROOM,
    WIDEST_MARGIN,
    Choice,
    Chunk,
    Limits,
)
from appliance.engines.scheduler import Scheduler
from appliance.engines.stream import TokenStream
from appliance.errors import EngineError
from appliance.ports import Load, Prompt, Token

_BYTES = 256
DEFAULT_SPECIAL = ("<|im_start|>", "<|im_end|>")
SURE = -0.01  # log-probability of every scripted token unless its line says otherwise


@dataclass(frozen=True, slots=True)
class Line:
    """What to say, and how sure to sound."""

    say: str
    logprob: float = SURE
    margin: float = 4.0


Script = Callable[[str], Line]


def script(*lines: tuple[str, str], otherwise: str = "") -> Script:
    """Return a script that answers by the first `when` found in the prompt's text."""

    def choose(text: str) -> Line:
        return next((Line(say) for when, say in lines if when in text), Line(otherwise))

    return choose


class ScriptedEngine:
    """The `LanguageModel` over a script. An answer ends with the last of `special`."""

    def __init__(
        self,
        lines: Script,
        *,
        special: Sequence[str] = DEFAULT_SPECIAL,
        cells: int = 16384,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        is_started: bool = True,
    ) -> None:
        self._special = tuple(special)
        context = ScriptedContext(self, lines, cells=cells)
        self._context = context
        self.scheduler = Scheduler(context, limits=limits, clock=clock)
        if is_started:
            self.scheduler.start()

    @property
    def name(self) -> str:
        """Name and digest, for receipts."""
        return "scripted@000000000000"

    @property
    def context_tokens(self) -> int:
        """Most tokens one ask may hold, prompt and answer."""
        return self._context.context_tokens

    @property
    def load(self) -> Load:
        """How busy the engine is."""
        return self.scheduler.load

    @property
    def is_alive(self) -> bool:
        """Whether what is submitted now would be worked on."""
        return self.scheduler.is_alive

    @property
    def vocab_size(self) -> int:
        """Bytes and special tokens."""
        return _BYTES + len(self._special)

    def submit(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        deadline_s: float,
        stop: frozenset[int],
        choice: Choice = ANY,
    ) -> TokenStream:
        """Queue a generation.

        Raises:
            EngineBusy: The queue is full.
            EngineError: The prompt can never fit, or the engine is closed.
        """
        return self.scheduler.submit(
            prompt, max_tokens=max_tokens, deadline_s=deadline_s, stop=stop, choice=choice
        )

    def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        """Return token ids; with `special=False` text can never become a control token."""
        names = "|".join(map(re.escape, self._special)) if special else ""
        tokens: list[int] = []
        for part in re.split(f"({names})", text) if names else [text]:
            if special and part in self._special:
                tokens.append(self.token_id(part))
            else:
                tokens.extend(part.encode("utf-8", "replace"))
        return tuple(tokens)

    def piece(self, token: int) -> bytes:
        """Return one token's bytes; may be half a character."""
        if not 0 <= token < self.vocab_size:
            raise EngineError(f"Token id {token} is outside 0 … {self.vocab_size - 1}.")
        return bytes([token]) if token < _BYTES else self._special[token - _BYTES].encode()

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, control tokens included by their names."""
        return b"".join(self.piece(token) for token in tokens).decode("utf-8", "replace")

    def token_id(self, name: str) -> int:
        """Return the id of a control token.

        Raises:
            EngineError: The model has no such token.
        """
        if name not in self._special:
            raise EngineError(f"The model has no token {name!r}; it has {self._special}.")
        return _BYTES + self._special.index(name)

    def close(self) -> None:
        """Stop the scheduler; idempotent."""
        self.scheduler.close()


class ScriptedContext:
    """A pretend KV memory with real cells: sequences share them and run out of them.

    The answer is read off the cells a sequence really holds, so a scheduler that mixes up
    sequences gets the wrong line, as it would from a model.
    """

    def __init__(self, engine: ScriptedEngine, lines: Script, *, cells: int) -> None:
        self._engine = engine
        self._lines = lines
        self._cells = cells
        self._held: dict[int, list[object]] = {}  # sequence -> its cells, shared by identity
        self._tokens: dict[int, list[int]] = {}
        self._prompt_ends: dict[int, int] = {}
        self._asked: list[Chunk] = []

    @property
    def cells(self) -> int:
        """Tokens the whole memory holds."""
        return self._cells

    @property
    def context_tokens(self) -> int:
        """Tokens one sequence may hold."""
        return self._cells

    @property
    def vocab_size(self) -> int:
        """Token ids are 0 … vocab_size-1."""
        return self._engine.vocab_size

    def decode(self, chunks: Sequence[Chunk]) -> int:
        """Take the tokens in, as llama_decode would or would not."""
        if any(chunk.start != len(self._tokens.get(chunk.sequence, ())) for chunk in chunks):
            return BAD_BATCH
        used = len({id(cell) for held in self._held.values() for cell in held})
        if used + sum(len(chunk.tokens) for chunk in chunks) > self._cells:
            return NO_ROOM
        self._asked = list(chunks)
        for chunk in chunks:
            self._held.setdefault(chunk.sequence, []).extend(object() for _ in chunk.tokens)
            held = self._tokens.setdefault(chunk.sequence, [])
            held.extend(chunk.tokens)
            if chunk.wants_token:
                self._prompt_ends.setdefault(chunk.sequence, len(held))
        return DECODED

    def choose(self, index: int, choice: Choice, *, guessed: int = 0) -> Token | None:
        """Return the next token of the line that the sequence's prompt calls for."""
        sequence = self._asked[index].sequence
        tokens, end = self._tokens[sequence], self._prompt_ends[sequence]
        line = self._lines(self._engine.text(tokens[:end]))
        said = self._engine.tokenize(line.say, special=True)
        step = len(tokens) - end - self._asked[index].guessed + guessed
        token = said[step] if step < len(said) else self.vocab_size - 1
        if choice.only is not None and token not in choice.only:
            token = min(choice.only - choice.never, default=-1)
        while choice.only is None and token in choice.never:
            token = (token + 1) % self.vocab_size
        margin = min(line.margin, WIDEST_MARGIN)
        return None if token < 0 else Token(id=token, logprob=line.logprob, margin=margin)

    def share(self, source: int, target: int, length: int) -> None:
        """Let `target` read the first `length` tokens of `source`."""
        self._held[target] = self._held[source][:length]
        self._tokens[target] = self._tokens[source][:length]

    def forget(self, sequence: int, start: int = 0) -> None:
        """Drop a sequence from `start` on."""
        self._held[sequence] = self._held.get(sequence, [])[:start]
        self._tokens[sequence] = self._tokens.get(sequence, [])[:start]
        if self._prompt_ends.get(sequence, 0) > start:
            del self._prompt_ends[sequence]

    def close(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._tokens.clear()

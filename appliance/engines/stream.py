"""A generation in flight: one thread writes tokens into it, another reads them out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

from appliance.errors import EngineError
from appliance.ports import Timings, Token


class TokenStream:
    """The `Generation` both engines hand out.

    The reader blocks until a token comes; it ends when the engine says so, and raises the
    engine's error when the generation failed. Tokens already spoken stay readable after a cancel.
    """

    def __init__(self, model: str = "") -> None:
        self._model = model
        self._items: SimpleQueue[Token | None] = SimpleQueue()
        self._cancelled = threading.Event()
        self._error: EngineError | None = None
        self._finish = ""
        self._timings = Timings()

    def __iter__(self) -> Iterator[Token]:
        return self

    def __next__(self) -> Token:
        """Return the next token.

        Raises:
            EngineError: The generation failed.
        """
        item = self._items.get()
        if item is not None:
            return item
        self._items.put(None)  # whoever reads on, now or from another thread, ends too
        if self._error is not None:
            raise self._error
        raise StopIteration

    def cancel(self) -> None:
        """Ask the engine to stop; idempotent, returns at once."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    @property
    def model(self) -> str:
        """Name and digests of what answers, for receipts; '' where the engine has but one."""
        return self._model

    @property
    def finish(self) -> str:
        """How it ended: stop, length, deadline or cancelled; '' while running or failed."""
        return self._finish

    @property
    def timings(self) -> Timings:
        """Times so far; final once `finish` is set."""
        return self._timings

    def put(self, token: Token, timings: Timings) -> None:
        """Engine side: hand over one token."""
        self._timings = timings
        self._items.put(token)

    def end(self, finish: str, timings: Timings) -> None:
        """Engine side: nothing more comes."""
        self._timings = timings
        self._finish = finish
        self._items.put(None)

    def fail(self, error: EngineError) -> None:
        """Engine side: nothing more comes, and this is why."""
        self._error = error
        self._items.put(None)

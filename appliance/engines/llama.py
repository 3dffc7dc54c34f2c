"""The local specialist: a GGUF served by llama.cpp to many asks at once."""

from __future__ import annotations

import hashlib
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.engines.adapters import BASE
from appliance.engines.context import ANY, Choice, Context, Limits
from appliance.engines.gguf_header import read_header
from appliance.engines.llama_api import LlamaModel
from appliance.engines.llama_vocab import LlamaVocabulary
from appliance.engines.scheduler import Scheduler
from appliance.engines.stream import TokenStream
from appliance.errors import EngineBusy, EngineError
from appliance.ports import Load, Prompt

DEFAULT_CELLS = 4096


class LlamaEngine:
    """The `LanguageModel` over one GGUF; loads when made, frees when closed.

    `wrap` lets a test stand between the scheduler and the context.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 2,
        cells: int = DEFAULT_CELLS,
        limits: Limits | None = None,
        sha256: str = "",
        clock: Callable[[], float] = time.monotonic,
        wrap: Callable[[Context], Context] = lambda context: context,
        is_started: bool = True,
    ) -> None:
        """Load the model and start its scheduler.

        Args:
            path: The GGUF.
            threads: Threads that compute; the scheduler's own is one of them.
            cells: Tokens of all running asks and shared prefixes together.
            limits: How many asks at once, how many may wait.
            sha256: The file's digest where the release already knows it; else it is computed.
            clock: Seconds that never go back.
            wrap: For tests.
            is_started: False leaves the steps to the caller (`scheduler.step`).

        Raises:
            DamagedRelease: Missing, cut or foreign file.
            EngineError: No memory for the context.
        """
        limits = limits or Limits()
        self._model = LlamaModel(path, threads=threads, cells=cells, limits=limits)
        self._vocabulary = LlamaVocabulary(self._model.vocab)
        self._name = self._model.header.name or path.stem
        self._sha256 = sha256 or _digest(path)
        self._adapters = {BASE: ""}  # key -> what a receipt calls it
        self._adapter = BASE
        self._changing = threading.Lock()  # guards the two above
        self.scheduler = Scheduler(wrap(self._model.context), limits=limits, clock=clock)
        # Also runs when the interpreter exits: a thread still inside llama.cpp then would crash it.
        self._shut = weakref.finalize(self, _shut, self.scheduler, self._vocabulary, self._model)
        if is_started:
            self.scheduler.start()

    @property
    def name(self) -> str:
        """Name and digest, for receipts: `larkmoor-specialist@1f3a9c0d2b4e`; `+` the adapter's."""
        return self._called(self._adapter)

    @property
    def sha256(self) -> str:
        """Digest of the GGUF."""
        return self._sha256

    @property
    def context_tokens(self) -> int:
        """Most tokens one ask may hold, prompt and answer."""
        return self._model.context.context_tokens

    @property
    def load(self) -> Load:
        """How busy the engine is."""
        return self.scheduler.load

    @property
    def is_alive(self) -> bool:
        """Whether what is submitted now would be worked on."""
        return self.scheduler.is_alive

    def submit(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        deadline_s: float,
        stop: frozenset[int],
        choice: Choice = ANY,
        adapter: str | None = None,
    ) -> TokenStream:
        """Queue a greedy generation; a token of `stop` ends it and is not handed out.

        It is answered whole by `adapter`, or else by the one in use now, whatever is switched to
        meanwhile.

        Raises:
            EngineBusy: The queue is full.
            EngineError: The prompt can never fit, no such adapter, or the engine is closed.
        """
        with self._changing:
            key = self._adapter if adapter is None else adapter
            return self.scheduler.submit(
                prompt, max_tokens=max_tokens, deadline_s=deadline_s, stop=stop, choice=choice,
                adapter=self._known(key), model=self._called(key),
            )  # fmt: skip

    def add_adapter(self, path: Path, *, sha256: str = "") -> str:
        """Load an adapter while others are answered; return its key, the file's digest.

        Args:
            path: A GGUF adapter over this very base.
            sha256: The file's digest where the release already knows it; else it is computed.

        Raises:
            DamagedRelease: Missing, cut, no adapter, or of another base.
            EngineError: The engine is closed.
        """
        key = sha256 or _digest(path)
        self.scheduler.call(lambda: self._model.adapters.load(key, path))
        with self._changing:
            self._adapters[key] = f"{read_header(path).name or path.stem}@{key[:12]}"
        return key

    def use_adapter(self, key: str) -> None:
        """Let asks submitted from now on be answered by an adapter; `""`: by the base alone.

        Those that run or wait end on the one they began with. No answer mixes two.

        Raises:
            EngineError: No such adapter.
        """
        with self._changing:
            self._adapter = self._known(key)

    def drop_adapter(self, key: str) -> None:
        """Free an adapter that is neither in use nor answering any more.

        Raises:
            EngineBusy: Some asks still run or wait under it; nothing changed.
            EngineError: It is in use, there is none, or the engine is closed.
        """
        with self._changing:
            if self._known(key) == self._adapter or key == BASE:
                raise EngineError(
                    f"Adapter {key[:12] or 'none'} is in use.", hint="Switch to another first."
                )
            name = self._adapters.pop(key)  # nobody can be submitted under it from here on
        try:
            self.scheduler.call(lambda: self._drop(key))
        except EngineError:
            with self._changing:
                self._adapters[key] = name
            raise

    def _drop(self, key: str) -> None:
        if left := self.scheduler.leave_adapter(key):
            raise EngineBusy(f"{left} asks are still answered by adapter {key[:12]}.")
        self._model.context.drop_adapter(key)

    def _known(self, key: str) -> str:
        if key not in self._adapters:
            raise EngineError(
                f"No adapter {key[:12]!r} is loaded; loaded are "
                f"{sorted(name for name in self._adapters.values() if name)}.",
                hint="Add it to the engine first.",
            )
        return key

    def _called(self, key: str) -> str:
        name = f"{self._name}@{self._sha256[:12]}"
        return f"{name}+{self._adapters[key]}" if key != BASE else name

    def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        """Return token ids; with `special=False` text can never become a control token."""
        return self._vocabulary.tokenize(text, special=special)

    def piece(self, token: int) -> bytes:
        """Return one token's bytes; may be half a character."""
        return self._vocabulary.piece(token)

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, control tokens included by their names."""
        return self._vocabulary.text(tokens)

    def token_id(self, name: str) -> int:
        """Return the id of a control token.

        Raises:
            EngineError: The model has no such token.
        """
        return self._vocabulary.token_id(name)

    def close(self) -> None:
        """Stop the scheduler and free the model; idempotent."""
        self._shut()


def _shut(scheduler: Scheduler, vocabulary: LlamaVocabulary, model: LlamaModel) -> None:
    scheduler.close()
    vocabulary.close()
    model.close()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

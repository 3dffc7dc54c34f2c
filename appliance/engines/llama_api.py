"""llama.cpp behind the `Context` port: one model, one unified KV memory, one reusable batch.

Not thread-safe: the scheduler's thread is its only user after loading.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.engines.adapters import BASE, LlamaAdapters
from appliance.engines.context import BAD_BATCH, WIDEST_MARGIN, Choice, Chunk, Limits
from appliance.engines.gguf_header import GgufHeader, read_header
from appliance.engines.llama_library import clear_complaints, first_complaint, library
from appliance.errors import DamagedRelease, EngineError
from appliance.ports import Token

log = logging.getLogger(__name__)

# Below this a single token is quicker on one thread: two spend the time waiting for each other.
# 19 M parameters, Q8_0, 2 busy cores: 276 tokens/s on one thread, 126 on two.
# Measure again: python -m tests.bench.bench_engine MODEL.gguf [threads]
SMALL_PARAMETERS = 50_000_000


class LlamaModel:
    """The weights, and the memory the scheduler decodes in."""

    def __init__(self, path: Path, *, threads: int, cells: int, limits: Limits) -> None:
        """Load a GGUF.

        Raises:
            DamagedRelease: Missing, cut, foreign, or of a kind this engine cannot share safely.
            EngineError: llama.cpp could not make a context (out of memory).
        """
        self.header = _checked_header(path)
        self.model: Any = _load(path)
        self.vocab: Any = library().llama_model_get_vocab(self.model)
        self.adapters = LlamaAdapters(self.model, self.header.architecture)
        try:
            _refuse_unsharable(path, self.model)
            self.context = LlamaContext(
                self.model, self.adapters, threads=threads, cells=cells, limits=limits
            )
        except (DamagedRelease, EngineError):
            library().llama_model_free(self.model)
            raise

    def close(self) -> None:
        """Free the weights; the context must be closed already."""
        if self.model is not None:
            library().llama_model_free(self.model)
            self.model = None


class LlamaContext:
    """The `Context` of a loaded model."""

    def __init__(
        self, model: Any, adapters: LlamaAdapters, *, threads: int, cells: int, limits: Limits
    ) -> None:
        self._lib = library()
        self._adapters = adapters
        params = self._lib.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = limits.batch_tokens
        params.n_seq_max = limits.sequences
        # Unset, llama.cpp reserves logits for a whole batch: 300 MB at a vocabulary of 150k. Fewer
        # than n_seq_max, though never needed, aborts the process as the context is made.
        params.n_outputs_max = limits.sequences + limits.guessed_tokens
        params.n_threads_batch = threads
        params.n_threads = (
            1 if self._lib.llama_model_n_params(model) < SMALL_PARAMETERS else threads
        )
        # Without it a partial llama_memory_seq_cp aborts the process.
        params.kv_unified = True
        params.no_perf = True
        clear_complaints()
        self._ctx: Any = self._lib.llama_init_from_model(model, params)
        if not self._ctx:
            raise EngineError(
                f"llama.cpp made no context of {cells:,} cells: {first_complaint()}",
                hint="Lower the engine's cells in the settings.",
            )
        self._memory = self._lib.llama_get_memory(self._ctx)
        self._cells = int(self._lib.llama_n_ctx(self._ctx))
        self._trained = int(self._lib.llama_model_n_ctx_train(model))
        vocab = self._lib.llama_model_get_vocab(model)
        self._vocab_size = int(self._lib.llama_vocab_n_tokens(vocab))
        self._batch = _Batch(limits.batch_tokens)

    @property
    def cells(self) -> int:
        """Tokens the whole memory holds."""
        return self._cells

    @property
    def context_tokens(self) -> int:
        """Tokens one sequence may hold: what fits and what the model was trained for."""
        return min(self._cells, self._trained)

    @property
    def vocab_size(self) -> int:
        """Token ids are 0 … vocab_size-1."""
        return self._vocab_size

    def decode(self, chunks: Sequence[Chunk]) -> int:
        """Run one batch; see `Context.decode`. The GIL is free meanwhile."""
        adapter = chunks[0].adapter
        if any(chunk.adapter != adapter for chunk in chunks):
            return BAD_BATCH
        try:
            self._adapters.use(self._ctx, adapter)
        except EngineError:  # fails these asks alone: the others' adapters are sound
            log.exception("a batch could not be computed with its adapter")
            return BAD_BATCH
        self._batch.fill(chunks)
        return int(self._lib.llama_decode(self._ctx, self._batch.struct))

    def choose(self, index: int, choice: Choice, *, guessed: int = 0) -> Token | None:
        """Return the likeliest allowed token after a chunk; see `Context.choose`."""
        row = self._batch.rows[index] + guessed
        pointer = self._lib.llama_get_logits_ith(self._ctx, row)
        if not pointer:
            return None
        return likeliest(np.ctypeslib.as_array(pointer, (self._vocab_size,)), choice)

    def share(self, source: int, target: int, length: int) -> None:
        """Let `target` read the first `length` tokens of `source`; copies no cell."""
        self._lib.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def forget(self, sequence: int, start: int = 0) -> None:
        """Drop a sequence from `start` on.

        Raises:
            EngineError: llama.cpp refused.
        """
        if not self._lib.llama_memory_seq_rm(self._memory, sequence, start, -1):
            raise EngineError(f"llama.cpp kept sequence {sequence} from position {start} on.")

    def drop_adapter(self, key: str) -> None:
        """Free an adapter; the caller knows that no ask is under it."""
        self._adapters.use(self._ctx, BASE)
        self._adapters.drop(key)

    def close(self) -> None:
        """Free the context; idempotent."""
        if self._ctx is not None:
            self._lib.llama_free(self._ctx)
            self._ctx = None


class _Batch:
    """A llama_batch over our own numpy memory: filled by a few slices, freed by nobody."""

    def __init__(self, size: int) -> None:
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._sequences = np.zeros(size, np.int32)
        self._wants = np.zeros(size, np.int8)
        self._counts = np.ones(size, np.int32)
        base, step = self._sequences.ctypes.data, self._sequences.itemsize
        self._pointers = np.array([base + i * step for i in range(size)], np.uintp)
        self.rows: list[int] = []  # of each chunk's last token that is not guessed
        self.struct = library().llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._counts, ctypes.c_int32),
            seq_id=_pointer(self._pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._wants, ctypes.c_int8),
        )

    def fill(self, chunks: Sequence[Chunk]) -> None:
        """Lay the chunks out one after the other."""
        self.rows.clear()
        at = 0
        for chunk in chunks:
            end = at + len(chunk.tokens)
            self._tokens[at:end] = chunk.tokens
            self._positions[at:end] = np.arange(chunk.start, chunk.start + end - at)
            self._sequences[at:end] = chunk.sequence
            self._wants[at:end] = 0
            known = end - 1 - chunk.guessed
            self._wants[known:end] = chunk.wants_token
            self.rows.append(known)
            at = end
        self.struct.n_tokens = at


def likeliest(logits: NDArray[np.float32], choice: Choice) -> Token | None:
    """Return the likeliest allowed token of logits (vocab,); None when they are not finite.

    The log-probability is the model's own, over the whole vocabulary; the margin is between the
    two likeliest allowed tokens, in nats. Costs one exp over the vocabulary.
    """
    peak = float(logits.max())
    if not math.isfinite(peak):
        return None
    total = peak + math.log(float(np.exp(logits - peak).sum(dtype=np.float64)))
    ids: NDArray[np.int64] | None = None
    if choice.only is not None:
        ids = _sorted_ids(choice.only - choice.never)
        logits = logits[ids]
    elif choice.never:
        logits = logits.copy()
        logits[_sorted_ids(choice.never)] = -np.inf
    if not logits.size:
        return None
    best = int(logits.argmax())
    top = float(logits[best])
    rest = max(
        float(logits[:best].max(initial=-np.inf)), float(logits[best + 1 :].max(initial=-np.inf))
    )
    return Token(
        id=best if ids is None else int(ids[best]),
        logprob=top - total,
        margin=min(top - rest, WIDEST_MARGIN),
    )


@functools.lru_cache(maxsize=32)
def _sorted_ids(tokens: frozenset[int]) -> NDArray[np.int64]:
    return np.array(sorted(tokens), np.int64)


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))


def _checked_header(path: Path) -> GgufHeader:
    header = read_header(path)
    if header.kind != "model" or not header.architecture:
        raise DamagedRelease(
            f"{path} is a GGUF of kind {header.kind!r} and architecture {header.architecture!r}; "
            "expected a language model.",
            hint="Name the base model; adapters are loaded beside it.",
        )
    if not header.fields.get("tokenizer.ggml.model"):
        raise DamagedRelease(
            f"{path} carries no tokenizer; expected a language model with its vocabulary.",
            hint="Export the model again with its tokenizer.",
        )
    return header


def _load(path: Path) -> Any:
    params = library().llama_model_default_params()
    params.n_gpu_layers = 0
    clear_complaints()
    model = library().llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise DamagedRelease(
            f"{path} does not load: {first_complaint()}",
            hint="It is no model this llama.cpp knows, or it is damaged inside.",
        )
    return model


def _refuse_unsharable(path: Path, model: Any) -> None:
    """Refuse models whose memory cannot drop or share a part of a sequence."""
    is_pure = not (
        library().llama_model_is_recurrent(model)
        or library().llama_model_is_hybrid(model)
        or library().llama_model_has_encoder(model)
    )
    if not is_pure:
        raise DamagedRelease(
            f"{path} is a recurrent, hybrid or encoder model; expected a pure decoder.",
            hint="Its memory cannot be shared between asks. Choose an attention-only model.",
        )

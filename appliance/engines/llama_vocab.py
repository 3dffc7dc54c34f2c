"""Text to tokens and back, by the model's own vocabulary; safe from any thread."""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from appliance.engines.llama_library import library
from appliance.errors import EngineError

_CONTROL, _USER_DEFINED = 1 << 3, 1 << 4  # llama_token_attr


class LlamaVocabulary:
    """A vocabulary; `close` it before its model is freed."""

    def __init__(self, vocab: Any) -> None:
        self._lib = library()
        self._vocab = vocab
        self._lock = threading.Lock()  # a tokenize must not race with the free
        # A prompt is laid out again to read its answer, and passages come again: 80 µs a piece.
        self._remembered = lru_cache(maxsize=4_096)(self._plain)
        self._size = int(self._lib.llama_vocab_n_tokens(vocab))
        self._pieces: dict[int, bytes] = {}
        self._named: dict[str, int] = {}
        self._user_defined: list[str] = []
        for token in range(self._size):
            attributes = int(self._lib.llama_vocab_get_attr(vocab, token))
            if attributes & (_CONTROL | _USER_DEFINED):
                name = self._lib.llama_vocab_get_text(vocab, token).decode("utf-8", "replace")
                self._named[name] = token
                if attributes & _USER_DEFINED:
                    self._user_defined.append(name)

    def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        """Return token ids, no BOS added; with `special=False` none of them is a control token."""
        if special:
            return self._tokenize(text, special=True)
        return self._remembered(text)

    def _plain(self, text: str) -> tuple[int, ...]:
        parts = (self._tokenize(part, special=False) for part in defused(text, self._user_defined))
        return tuple(itertools.chain.from_iterable(parts))

    def piece(self, token: int) -> bytes:
        """Return a token's bytes, control tokens by their names; may be half a character."""
        if token not in self._pieces:
            self._pieces[token] = self._read_piece(token)
        return self._pieces[token]

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens; bytes that are no UTF-8 become U+FFFD."""
        return b"".join(self.piece(token) for token in tokens).decode("utf-8", "replace")

    def token_id(self, name: str) -> int:
        """Return the id of a control or user-defined token.

        Raises:
            EngineError: The model has no such token.
        """
        try:
            return self._named[name]
        except KeyError:
            raise EngineError(
                f"The model has no token {name!r}; it has {len(self._named)} named tokens.",
                hint="The release's prompts and its model do not fit each other.",
            ) from None

    def close(self) -> None:
        """Refuse further use; idempotent."""
        with self._lock:
            self._vocab = None
        self._remembered.cache_clear()

    def _tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        data = text.encode("utf-8", "replace")
        size = len(data) + 8
        with self._lock:
            if self._vocab is None:
                raise EngineError("The engine is closed.")
            while True:
                buffer = (ctypes.c_int32 * size)()
                count = int(
                    self._lib.llama_tokenize(
                        self._vocab, data, len(data), buffer, size, False, special
                    )
                )
                if count >= 0:
                    return tuple(buffer[:count])
                size = -count

    def _read_piece(self, token: int) -> bytes:
        if not 0 <= token < self._size:
            raise EngineError(f"Token id {token} is outside 0 … {self._size - 1}.")
        size = 64
        with self._lock:
            if self._vocab is None:
                raise EngineError("The engine is closed.")
            while True:
                buffer = ctypes.create_string_buffer(size)
                count = int(
                    self._lib.llama_token_to_piece(self._vocab, token, buffer, size, 0, True)
                )
                if count >= 0:
                    return buffer.raw[:count]
                size = -count


def defused(text: str, names: Sequence[str]) -> list[str]:
    """Cut a text inside every user-defined token's name.

    llama.cpp matches those (not control tokens) even with parse_special off, so that an
    associate could type one. Training cuts alike. Test: unit/engines/test_llama.py.
    """
    parts = [text]
    for name in names:
        cut: list[str] = []
        for part in parts:
            while (at := part.find(name)) >= 0:
                cut.append(part[: at + 1])
                part = part[at + 1 :]  # noqa: PLW2901 - what is left of it
            cut.append(part)
        parts = cut
    return parts

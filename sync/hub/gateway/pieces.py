"""An upstream's stream read: server-sent events to pieces of an answer, bounded; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

import msgspec

MOST_LINE_BYTES = 256 * 1024
MOST_BYTES = 4 * 2**20  # of one answer, frames and all
MOST_TOKENS = 10_000_000  # of one request; an upstream that counts more is not believed
DATA = b"data:"
DONE = b"[DONE]"


class Garbage(Exception):
    """What the upstream sent is no stream of chat chunks; nothing of it is quoted."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the upstream counts them."""

    prompt: int
    completion: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What one event adds."""

    text: str = ""
    finish: str = ""  # stop | length | content_filter …; '' while it goes on
    usage: Usage | None = None


class Reader:
    """Takes bytes as they come, gives pieces; keeps at most one line."""

    def __init__(self) -> None:
        self._rest = b""
        self._total = 0
        self.is_done = False  # its end was told: a finish reason or [DONE]

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield the pieces that are whole with `data`.

        Raises:
            Garbage: It is no such stream, or it is too long.
        """
        self._total += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._total > MOST_BYTES or len(self._rest) > MOST_LINE_BYTES:
            raise Garbage("too long")
        for line in lines:
            piece = self._read(line.strip())
            if piece is not None:
                self.is_done = self.is_done or bool(piece.finish)
                yield piece

    def _read(self, line: bytes) -> Piece | None:
        if not line or line.startswith((b":", b"event:", b"id:", b"retry:")):
            return None  # a comment, such as a ping, is no token
        if not line.startswith(DATA):
            raise Garbage("no server-sent event")
        data = line.removeprefix(DATA).strip()
        if data == DONE:
            self.is_done = True
            return None
        try:
            return _piece(msgspec.json.decode(data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise Garbage("no JSON") from exc


def _piece(plain: Any) -> Piece:
    if not isinstance(plain, dict) or "error" in plain:
        raise Garbage("no chunk")
    choices = plain.get("choices")
    if not isinstance(choices, list):
        raise Garbage("no choices")
    usage = _usage(plain.get("usage"))
    if not choices:
        return Piece(usage=usage)
    choice = choices[0]
    delta = choice.get("delta") if isinstance(choice, dict) else None
    if not isinstance(delta, dict):
        raise Garbage("no delta")
    text, finish = delta.get("content") or "", choice.get("finish_reason") or ""
    if not isinstance(text, str) or not isinstance(finish, str):
        raise Garbage("no text")
    return Piece(text, finish[:32], usage)


def _usage(plain: Any) -> Usage | None:
    if not isinstance(plain, dict):
        return None
    prompt, completion = plain.get("prompt_tokens"), plain.get("completion_tokens")
    if not _is_count(prompt) or not _is_count(completion):
        return None
    return Usage(prompt, completion)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS

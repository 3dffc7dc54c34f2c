"""`ports.Generalist` over the line: streamed, and never later than the ask's deadline.

Each answer is read by a thread of its own, so that no name that does not resolve and no byte that
does not come can keep an ask: whoever waits goes on, and the thread ends by its own time-outs.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appliance.errors import BackroomError, LineDown, LineResting
from appliance.ports import Clock
from sync.agent.errors import HubFailed
from sync.agent.heard import Stream
from sync.agent.line import Line
from sync.agent.tokens import Tokens
from sync.wire import CHAT, DEADLINE_HEADER

MOST_BYTES = 256 * 2**10  # of a streamed answer: two sentences, each token in 200 bytes of JSON
ANSWER_TOKENS = 300
LONGEST_REST_S = 300.0
REST_S = 15.0  # after "too many" or "not now" without a word on how long
DATA, DONE = "data:", "[DONE]"


@dataclass(slots=True)
class _Chat:
    """One answer between the thread that reads it and the one that waits for it."""

    pieces: queue.SimpleQueue[str | BackroomError | None] = field(default_factory=queue.SimpleQueue)
    stream: Stream | None = None
    is_over: bool = False  # nobody waits any more

    def end(self) -> None:
        """Have the reading stop."""
        self.is_over = True
        if self.stream is not None:
            self.stream.hang_up()


class HubGeneralist:
    """Asks headquarters' gateway; any thread may call it."""

    is_configured = True

    def __init__(
        self, line: Line, tokens: Tokens, *, clock: Clock, model: str, at_once: int
    ) -> None:
        """Wait for asks.

        Args:
            line: To the hub.
            tokens: Of this device.
            clock: Measures deadlines.
            model: As the gateway names it.
            at_once: Answers under way at a time; more are not tried.
        """
        self._line = line
        self._tokens = tokens
        self._clock = clock
        self._model = model
        self._places = threading.Semaphore(at_once)
        self._at_once = at_once
        self._rest_until_s = 0.0

    def stream(self, messages: Sequence[Mapping[str, str]], *, deadline_s: float) -> Generator[str]:
        """Yield the answer's text in pieces; see `ports.Generalist`.

        Raises:
            LineResting: Not tried: known to be down, told to wait, or too many are under way.
            LineDown: It broke off, or the deadline passed.
        """
        until_s = self._clock.monotonic() + deadline_s
        if why := self.resting():
            raise LineResting(why)
        if not self._places.acquire(blocking=False):
            raise LineResting(f"{self._at_once} asks are with headquarters, which is all at once.")
        chat = _Chat()
        body = {
            "model": self._model,
            "messages": [dict(message) for message in messages],
            "max_tokens": ANSWER_TOKENS,
            "temperature": 0,
            "stream": True,
        }
        reader = threading.Thread(
            target=self._read, args=(chat, body, until_s), name="generalist", daemon=True
        )
        try:
            reader.start()
        except RuntimeError as exc:  # no more threads on this machine
            self._places.release()
            raise LineResting(f"No thread is to be had: {exc}.") from exc
        try:
            yield from self._heard(chat, until_s, deadline_s)
        finally:
            chat.end()

    def resting(self) -> str:
        """Return why it is not to be tried now, or ''."""
        rest_s = self._rest_until_s - self._clock.monotonic()
        if rest_s > 0:
            return f"Headquarters asked to be left alone for {rest_s:.0f} s more."
        try:
            self._line.breaker.check(is_chat=True)
        except LineResting as exc:
            return exc.message
        return ""

    def _heard(self, chat: _Chat, until_s: float, deadline_s: float) -> Iterator[str]:
        while True:
            left_s = until_s - self._clock.monotonic()
            try:
                piece = chat.pieces.get(timeout=max(0.0, left_s))
            except queue.Empty:
                self._line.breaker.heard(failed=True)
                raise LineDown(f"Headquarters did not answer within {deadline_s:.1f} s.") from None
            if piece is None:
                return
            if isinstance(piece, BackroomError):
                raise piece
            yield piece

    def _read(self, chat: _Chat, body: dict[str, Any], until_s: float) -> None:
        """Read one answer, in its own thread."""
        try:
            self._tokens.used(lambda token: self._read_with(token, chat, body, until_s))
            chat.pieces.put(None)
        except HubFailed as exc:
            if exc.status in {429, 503}:
                wait_s = min(exc.retry_after_s or REST_S, LONGEST_REST_S)
                self._rest_until_s = self._clock.monotonic() + wait_s
            chat.pieces.put(exc)
        except LineDown as exc:
            chat.pieces.put(exc)
        except BackroomError as exc:
            chat.pieces.put(LineDown(f"Headquarters refused: {exc.message}", hint=exc.hint))
        except Exception as exc:  # noqa: BLE001 - the outermost loop of a thread: told, not lost
            chat.pieces.put(LineDown(f"The line's reader failed: {type(exc).__name__}."))
        finally:
            self._places.release()

    def _read_with(self, token: str, chat: _Chat, body: dict[str, Any], until_s: float) -> None:
        left_s = until_s - self._clock.monotonic()
        if left_s <= 0 or chat.is_over:
            return
        headers = {
            "authorization": f"Bearer {token}",
            "accept": "text/event-stream",
            DEADLINE_HEADER: str(int(left_s * 1000)),
        }
        with self._line.open(
            "POST",
            CHAT,
            record=body,
            headers=headers,
            read_s=left_s,
            is_chat=True,
            is_left=lambda: chat.is_over,
        ) as stream:
            chat.stream = stream
            for piece in read_pieces(stream.lines(most_bytes=MOST_BYTES)):
                if chat.is_over or self._clock.monotonic() > until_s:
                    return
                chat.pieces.put(piece)


def read_pieces(lines: Iterator[str]) -> Iterator[str]:
    """Yield the text in OpenAI's server-sent events.

    Raises:
        HubFailed: They tell of an error, or are none.
        LineDown: They break off before their end.
    """
    is_finished = False
    for line in lines:
        if not line.startswith(DATA):
            continue
        data = line.removeprefix(DATA).strip()
        if data == DONE:
            return
        text, finish = _read_event(data)
        is_finished = is_finished or finish
        if text:
            yield text
    if not is_finished:
        raise LineDown("Headquarters' answer broke off.")


def _read_event(data: str) -> tuple[str, bool]:
    try:
        event = json.loads(data)
        if error := event.get("error"):
            raise HubFailed(f"Headquarters' answer ends with an error: {_said(error)}")
        choices = event.get("choices") or [{}]
        delta = choices[0].get("delta") or {}
        return str(delta.get("content") or ""), bool(choices[0].get("finish_reason"))
    except (ValueError, AttributeError, IndexError, KeyError, TypeError) as exc:
        raise HubFailed("Headquarters' answer is no stream of events.") from exc


def _said(error: object) -> str:
    told = error.get("message", "") if isinstance(error, dict) else error
    return str(told)[:120]

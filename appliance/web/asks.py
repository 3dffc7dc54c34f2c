"""`POST /v1/ask`: a question in; a reply out, at once or sentence by sentence."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from appliance.pipeline import Listener
from appliance.records import Reply, Role, Sentence
from appliance.web.desk import Desk
from appliance.web.problems import Problem, Refused, problem_of
from appliance.web.shapes import reply_json, route_json, sentence_json, sources_json
from appliance.web.store import StoreLike

# A code point takes at most 12 bytes of JSON ("\ud83d\ude00"); the rest is the other fields.
BYTES_PER_CHAR = 12
OTHER_BYTES = 4096
_THREAD = re.compile(r"[A-Za-z0-9_-]{1,64}")


class AskBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a handheld sends."""

    text: str
    role: Role = Role.ASSOCIATE
    thread: str = ""  # empty: a new conversation, whose id is in the reply


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `done` and `error` are the last of their stream."""

    name: str  # route | sources | sentence | done | error
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.name in {"done", "error"}

    def encode(self) -> bytes:
        """Return the event's frame; JSON holds no line break, so one `data:` line is enough."""
        return b"event: %b\ndata: %b\n\n" % (self.name.encode(), msgspec.json.encode(self.data))


def parse_ask(body: bytes, *, max_chars: int) -> AskBody:
    """Return the ask in a request's body.

    Raises:
        Refused: 400 when it is not UTF-8, not JSON, not an ask, or holds a NUL; 413 when too long.
    """
    try:
        ask = msgspec.json.decode(body.decode("utf-8"), type=AskBody)
        ask.text.encode("utf-8")  # a lone surrogate ("\ud800") is JSON, but no text
    except UnicodeError as exc:
        raise Refused(
            Problem(400, "not_utf8", "The body is not whole UTF-8 text.", "Send JSON as UTF-8.")
        ) from exc
    except msgspec.ValidationError as exc:
        hint = 'Send {"text": "…"}, if you like with "role" and "thread".'
        raise Refused(Problem(400, "not_an_ask", f"{exc}.", hint)) from exc
    except msgspec.DecodeError as exc:
        hint = 'Send {"text": "…"}.'
        raise Refused(Problem(400, "not_json", f"The body is not JSON: {exc}.", hint)) from exc
    if "\x00" in ask.text:
        detail = "The text holds a NUL character, which no keyboard types."
        raise Refused(Problem(400, "nul_in_text", detail, "Send the question without it."))
    if len(ask.text) > max_chars:
        detail = f"The question has {len(ask.text):,} characters; {max_chars:,} are read."
        raise Refused(Problem(413, "ask_too_long", detail, "Ask one thing at a time."))
    if not ask.text.strip():
        raise Refused(Problem(400, "empty_ask", "The question is empty.", "Type a question."))
    if ask.thread and not _THREAD.fullmatch(ask.thread):
        detail = "That is not a thread's id: 1 to 64 letters, digits, - and _."
        raise Refused(Problem(400, "bad_thread", detail, "Leave it out to start a conversation."))
    return ask


@dataclass(frozen=True, slots=True)
class Asks:
    """Puts asks to the store, off the event loop."""

    store: StoreLike
    desk: Desk

    async def reply(self, ask: AskBody) -> dict[str, Any]:
        """Return the reply as JSON.

        Raises:
            BackroomError: The store's own, and EngineBusy when the queue is full.
        """
        # Shielded: a handheld that goes away must not cancel an ask that is still in the queue.
        future = self.desk.submit(lambda: self._ask(ask))
        return reply_json(await asyncio.shield(asyncio.wrap_future(future)))

    async def stream(self, ask: AskBody) -> AsyncIterator[bytes]:
        """Return the events' frames, once the first is known.

        A failure before it is raised, so that it gets its own status; a later one is an `error`
        event. The ask runs to its end also when nobody reads on.

        Raises:
            BackroomError: The store's own, and EngineBusy when the queue is full.
        """
        loop = asyncio.get_running_loop()
        # Unbounded by type, bounded by content: an ask has one route, one sources, one last event
        # and as many sentences as a governed answer, which is a handful.
        events: asyncio.Queue[Event | BaseException] = asyncio.Queue()

        def tell(event: Event | BaseException) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        self.desk.submit(lambda: self._told(ask, tell))
        first = await events.get()
        if isinstance(first, BaseException):
            raise first
        return _frames(first, events)

    def _told(self, ask: AskBody, tell: Callable[[Event | BaseException], None]) -> None:
        reply_id = self.store.new_id()
        try:
            reply = self._ask(ask, reply_id=reply_id, listener=self._listener(reply_id, tell))
            tell(Event("done", reply_json(reply)))
        except Exception as exc:  # noqa: BLE001  the outermost loop of a worker: told, not lost
            tell(exc)

    def _listener(self, reply_id: str, tell: Callable[[Event], None]) -> Listener:
        spoken = 0

        def say(sentence: Sentence) -> None:
            nonlocal spoken
            tell(Event("sentence", sentence_json(sentence, n=spoken)))
            spoken += 1

        return Listener(
            routed=lambda routed: tell(Event("route", route_json(routed, reply_id=reply_id))),
            stitched=lambda stitched: tell(Event("sources", sources_json(stitched))),
            sentence=say,
        )

    def _ask(self, ask: AskBody, *, reply_id: str = "", listener: Listener | None = None) -> Reply:
        return self.store.ask(
            ask.text,
            role=ask.role,
            thread=ask.thread or self.store.new_id(),
            listener=listener,
            reply_id=reply_id,
        )


async def _frames(
    first: Event, events: asyncio.Queue[Event | BaseException]
) -> AsyncIterator[bytes]:
    event: Event | BaseException = first
    while isinstance(event, Event):
        yield event.encode()
        if event.is_last:
            return
        event = await events.get()
    yield Event("error", problem_of(event).plain()).encode()

"""`POST /v1/ask`: a question in; a reply out, at once or sentence by sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from appliance.errors import BackroomError
from appliance.pipeline import Listener
from appliance.records import Principal, Reply, Role, Sentence
from appliance.store.threads import name_fault
from appliance.web.bodies import read_body
from appliance.web.desk import Desk
from appliance.web.pace import Pace
from appliance.web.problems import Problem, Refused, problem_of
from appliance.web.shapes import ReplyBody, reply_body, route_body, sentence_body, sources_body
from appliance.web.store import StoreLike

# A code point takes at most 12 bytes of JSON ("\ud83d\ude00"); the rest is the other fields.
BYTES_PER_CHAR = 12
OTHER_BYTES = 4096


# Looks again who asks, off the event loop; raises once their tokens lead nowhere any more.
Look = Callable[[], object]

TEXT_PATTERN = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"


class AskBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a handheld sends."""

    text: Annotated[
        str,
        msgspec.Meta(
            description="The question.",
            # Told, not enforced here: `check_text` says what is wrong in words.
            extra_json_schema={"minLength": 1, "pattern": TEXT_PATTERN},
        ),
    ]
    role: Annotated[
        Role | None, msgspec.Meta(description="None above one's own; the demo may name any.")
    ] = None
    thread: Annotated[
        str,
        msgspec.Meta(
            description="Empty for a new conversation, whose id is in the reply.",
            extra_json_schema={"pattern": "^[A-Za-z0-9_-]{0,64}$"},
        ),
    ] = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `done` and `error` are the last of their stream."""

    name: str  # route | sources | sentence | done | error
    data: Any  # a shape of `web.shapes`; of an `error` the Problem

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.name in {"done", "error"}

    def encode(self) -> bytes:
        """Return the event's frame; JSON holds no line break, so one `data:` line is enough."""
        data = self.data.plain() if isinstance(self.data, Problem) else self.data
        return b"event: %b\ndata: %b\n\n" % (self.name.encode(), msgspec.json.encode(data))


def parse_ask(body: bytes, *, max_chars: int) -> AskBody:
    """Return the ask in a request's body.

    Raises:
        Refused: 400 when it is not UTF-8, not JSON, not an ask, or holds a NUL; 413 when too long.
    """
    hint = 'Send {"text": "…"}, if you like with "role" and "thread".'
    ask = read_body(body, AskBody, code="not_an_ask", hint=hint)
    check_text(ask.text, max_chars=max_chars)
    if ask.thread and (detail := name_fault(ask.thread)):
        raise Refused(Problem(400, "bad_thread", detail, "Leave it out to start a conversation."))
    return ask


def check_text(text: str, *, max_chars: int) -> None:
    """Refuse a question that none can be read from.

    Raises:
        Refused: 400 when it is empty or holds a NUL; 413 when it is too long.
    """
    if "\x00" in text:
        detail = "The text holds a NUL character, which no keyboard types."
        raise Refused(Problem(400, "nul_in_text", detail, "Send the question without it."))
    if len(text) > max_chars:
        detail = f"The question has {len(text):,} characters; {max_chars:,} are read."
        raise Refused(Problem(413, "ask_too_long", detail, "Ask one thing at a time."))
    if not text.strip():
        raise Refused(Problem(400, "empty_ask", "The question is empty.", "Type a question."))


@dataclass(frozen=True, slots=True)
class Asking:
    """An ask as it is put to the store."""

    text: str
    asker: Principal
    thread: str = ""  # '' for none
    earlier: tuple[tuple[str, str], ...] = ()  # without a thread: (question, answer), oldest first


@dataclass(frozen=True, slots=True)
class Asks:
    """Puts asks to the store, off the event loop."""

    store: StoreLike
    desk: Desk
    pace: Pace

    async def reply(self, asking: Asking, *, look: Look) -> ReplyBody:
        """Return the reply with its receipt; `look` sees whether the asker may still hear it.

        Raises:
            Refused: 429, this device asked too often; or what `look` raises.
            BackroomError: The store's own, and EngineBusy when the queue is full.
        """
        self.pace.take(asking.asker)
        # Shielded: a handheld that goes away must not cancel an ask that is still in the queue.
        future = self.desk.submit(lambda: self._ask(asking))
        reply = await asyncio.shield(asyncio.wrap_future(future))
        await asyncio.to_thread(look)
        return reply_body(reply)

    async def stream(self, asking: Asking, *, look: Look) -> AsyncIterator[Event]:
        """Return the events, once the first is known.

        A failure before it is raised, so that it gets its own status; a later one is an `error`
        event, and so is what `look` raises, which is called before each event: who is shut out
        hears nothing more. The ask runs to its end also when nobody reads on.

        Raises:
            Refused: 429, this device asked too often.
            BackroomError: The store's own, and EngineBusy when the queue is full.
        """
        self.pace.take(asking.asker)
        loop = asyncio.get_running_loop()
        # Unbounded by type, bounded by content: an ask has one route, one sources, one last event
        # and as many sentences as a governed answer, which is a handful.
        events: asyncio.Queue[Event | BaseException] = asyncio.Queue()

        def tell(event: Event | BaseException) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        self.desk.submit(lambda: self._told(asking, tell))
        first = await events.get()
        if isinstance(first, BaseException):
            raise first
        return _until_last(first, events, look)

    def _told(self, asking: Asking, tell: Callable[[Event | BaseException], None]) -> None:
        reply_id = self.store.new_id()
        try:
            listener = self._listener(reply_id, tell)
            reply = self._ask(asking, reply_id=reply_id, listener=listener)
            tell(Event("done", reply_body(reply)))
        except Exception as exc:  # noqa: BLE001  the outermost loop of a worker: told, not lost
            tell(exc)

    def _listener(self, reply_id: str, tell: Callable[[Event], None]) -> Listener:
        spoken = 0

        def say(sentence: Sentence) -> None:
            nonlocal spoken
            tell(Event("sentence", sentence_body(sentence, n=spoken)))
            spoken += 1

        return Listener(
            routed=lambda routed: tell(Event("route", route_body(routed, reply_id=reply_id))),
            stitched=lambda stitched: tell(Event("sources", sources_body(stitched))),
            sentence=say,
        )

    def _ask(
        self, asking: Asking, *, reply_id: str = "", listener: Listener | None = None
    ) -> Reply:
        return self.store.ask(
            asking.text,
            role=asking.asker.role,
            thread=asking.thread,
            associate=asking.asker.badge,
            device=asking.asker.device,
            earlier=asking.earlier,
            listener=listener,
            reply_id=reply_id,
        )


async def frames(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    """Yield each event's frame."""
    async for event in events:
        yield event.encode()


async def _until_last(
    first: Event, events: asyncio.Queue[Event | BaseException], look: Look
) -> AsyncIterator[Event]:
    event: Event | BaseException = first
    while isinstance(event, Event):
        try:
            await asyncio.to_thread(look)
        except (Refused, BackroomError) as exc:
            event = exc
            break
        yield event
        if event.is_last:
            return
        event = await events.get()
    yield Event("error", problem_of(event))

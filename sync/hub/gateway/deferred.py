"""Asks that stores kept while the line was down: answered by the generalist, from their passages.

What it says is kept to what it was given: every sentence cites a passage, no value and no token of
personal data is its own. An ask it cannot answer so is left to an expert. The store governs the
answer once more before anybody hears it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from appliance.errors import BackroomError
from appliance.lanes.generalist import Numbered, read_answer
from appliance.ports import Clock
from appliance.stages.grounding import stray_values
from appliance.stages.masking import Masking
from appliance.web.problems import Refused
from sync.hub.gateway.chat import read_chat
from sync.hub.gateway.desk import NobodyAnswers
from sync.hub.gateway.gateway import Gateway, Meter, open_gateway
from sync.hub.gateway.upstream import Blame
from sync.hub.late import DEFERRED, MOST_CHARS, put_answer
from sync.hub.ledger import Ledger
from sync.hub.rollout_tables import gateway_tries
from sync.hub.settings import HubSettings
from sync.hub.tables import items

log = logging.getLogger("backroom.hub.gateway")
MOST_AT_ONCE = 10  # asks of one look
MOST_TRIES = 3
PAUSES = (timedelta(minutes=5), timedelta(minutes=30))  # before the second and the third try
UNASKED_PAUSE = timedelta(hours=1)
MOST_WHY = 500
MOST_PASSAGES = 12
NO_ANSWER = "no answer"
INSTRUCTION = """\
You help an associate of a retail store. Answer in at most two short sentences, only from the
numbered passages. After each sentence cite its passage like [2]. If the passages do not hold the
answer, say only: NO ANSWER. Never guess a price, a number or a date. Words such as
[NAME_1] stand for what you are not shown: keep them as they are.
"""


@dataclass(frozen=True, slots=True)
class Owed:
    """An ask that waits, with what its store found for it."""

    device: str
    item: str
    store: str
    reply: str
    asked: tuple[str, ...]  # as given, and as understood in its thread
    passages: tuple[Numbered, ...]
    tries: int


@dataclass(frozen=True, slots=True)
class Found:
    """The generalist's answer, or why there is none to give."""

    text: str = ""
    sources: tuple[str, ...] = ()
    why: str = ""
    is_final: bool = True  # False: another try may go well
    is_asked: bool = True  # False: nobody was asked, for want of budget or of a place


@dataclass(slots=True)
class Deferred:
    """The job. A look that takes long goes on in a thread of its own, and the next is left out."""

    settings: HubSettings
    ledger: Ledger
    clock: Clock
    _thread: threading.Thread | None = field(default=None)

    def step(self) -> None:
        """Begin a look, unless one is under way; the hub's other jobs do not wait for it."""
        if self._thread is not None and self._thread.is_alive():
            return
        owed = self.ledger.read(lambda c: find_owed(c, now=self.clock.now()))
        if owed:
            self._thread = threading.Thread(
                target=self._look, args=(owed,), name="deferred-asks", daemon=True
            )
            self._thread.start()

    def wait(self) -> None:
        """Wait for the look that is under way."""
        if self._thread is not None:
            self._thread.join()

    def _look(self, owed: Sequence[Owed]) -> None:
        try:
            asyncio.run(self._answer(owed))
        except BackroomError as exc:
            log.warning("%s: deferred asks wait: %s", exc.code, exc)
        except Exception:
            # Whatever it was, the stores' requests go on, and the next look tries again.
            log.exception("Deferred asks wait: a bug.")

    async def _answer(self, owed: Sequence[Owed]) -> None:
        gateway = open_gateway(self.settings, self.ledger, self.clock)
        try:
            for ask in owed:
                found = await answer(gateway, ask)
                now = self.clock.now()
                self.ledger.write(lambda c, a=ask, f=found, t=now: put(c, a, f, now=t))  # type: ignore[misc]
                if found.is_asked and not found.is_final:
                    break  # the upstreams are ill: no use in asking the rest now
        finally:
            await gateway.close()


def find_owed(connection: Connection, *, now: datetime, most: int = MOST_AT_ONCE) -> list[Owed]:
    """Return asks for the generalist: with passages, not answered, not left to an expert."""
    tried = gateway_tries.c
    same = and_(tried.device == items.c.device, tried.item == items.c.id)
    query = (
        select(items.c.device, items.c.id, items.c.store, items.c.reply, items.c.body, tried.tries)
        .select_from(items.join(gateway_tries, same, isouter=True))
        .where(
            items.c.kind == DEFERRED,
            items.c.answered_at.is_(None),
            or_(tried.tries.is_(None), tried.next_at <= now),
        )
        .order_by(items.c.priority.desc(), items.c.put_at)
        .limit(most)
    )
    return [
        read_owed(row.device, row.id, row.store, row.reply, row.body, tries=row.tries or 0)
        for row in connection.execute(query)
    ]


def read_owed(device: str, item: str, store: str, reply: str, body: str, *, tries: int) -> Owed:
    """Return an item's ask; what is not as it should be is left out, for a store wrote it."""
    plain = json.loads(body)
    asked = [plain.get(name) for name in ("masked", "question")]
    listed = plain.get("passages")
    passages = [
        Numbered(str(p.get("id", "")), str(p.get("title", "")), str(p["text"]))
        for p in (listed if isinstance(listed, list) else [])
        if isinstance(p, dict) and isinstance(p.get("text"), str) and p["text"].strip()
    ]
    texts = tuple(text for text in asked if isinstance(text, str) and text.strip())
    return Owed(device, item, store, reply, texts, tuple(passages[:MOST_PASSAGES]), tries)


async def answer(gateway: Gateway, ask: Owed) -> Found:
    """Return the generalist's answer to an ask, or why it is left."""
    if not ask.passages or not ask.asked:
        return Found(why="it has no passages to answer from")
    settings = gateway.settings
    body = json.dumps({"messages": messages(ask), "temperature": 0}).encode()
    try:
        chat = read_chat(body, most_tokens=settings.most_tokens, most_chars=settings.most_chars)
        deadline = asyncio.get_running_loop().time() + settings.total_s
        running = gateway.start(ask.store, chat, deadline=deadline, meter=Meter(chat.prompt_tokens))
        async with aclosing(running.pieces()) as pieces:
            text = "".join([piece.text async for piece in pieces])
    except NobodyAnswers as exc:
        return Found(why=exc.why, is_final=exc.blame is Blame.REQUEST)
    except TimeoutError:
        return Found(why="the generalist did not answer in time", is_final=False)
    except Refused as exc:
        is_final = exc.problem.status in {400, 413}
        return Found(why=exc.problem.code, is_final=is_final, is_asked=False)
    return judged(ask, text)


def messages(ask: Owed) -> list[dict[str, str]]:
    """Return what the generalist is asked."""
    shown = "\n".join(f"[{n}] {p.title}: {p.text}" for n, p in enumerate(ask.passages, 1))
    first, *more = ask.asked
    question = f"{first} ({more[0]})" if more else first
    return [
        {"role": "system", "content": INSTRUCTION},
        {"role": "user", "content": f"{shown}\n\nQuestion: {question}"},
    ]


def judged(ask: Owed, text: str) -> Found:
    """Return an answer that keeps to the passages, or why it does not; pure."""
    sentences = read_answer(text, ask.passages)
    said = " ".join(sentence.text for sentence in sentences)
    if len(said) > MOST_CHARS:
        return Found(why="the answer is too long to be read")
    if not said or said.strip(" .!").casefold() == NO_ANSWER:
        return Found(why="the generalist found no answer")
    by_id = {p.id: f"{p.title}: {p.text}" for p in ask.passages}
    if not set(_tokens(said)) <= set(_tokens(*ask.asked, *by_id.values())):
        return Found(why="it names somebody it was not shown")
    for sentence in sentences:
        cited = [by_id[source.id] for source in sentence.sources]
        if not cited:
            return Found(why="a sentence cites no passage")
        if stray_values(sentence.text, cited=cited, asked=ask.asked):
            return Found(why="a value is in no passage it cites")
    sources = dict.fromkeys(source.id for sentence in sentences for source in sentence.sources)
    return Found(said, tuple(sources))


def put(connection: Connection, ask: Owed, found: Found, *, now: datetime) -> None:
    """Keep an answer, or the try; an ask that was answered meanwhile stays answered."""
    if found.text:
        owed = select(items.c.answered_at).where(
            items.c.device == ask.device, items.c.id == ask.item
        )
        if connection.execute(owed).scalar() is None:
            put_answer(
                connection,
                reply=ask.reply,
                text=found.text,
                by="generalist",
                now=now,
                store=ask.store,
                sources=found.sources,
            )
        return
    tries = ask.tries + found.is_asked
    is_left = found.is_final or tries >= MOST_TRIES
    pause = PAUSES[tries - 1] if found.is_asked and not is_left else UNASKED_PAUSE
    row: dict[str, Any] = {
        "device": ask.device,
        "item": ask.item,
        "tries": tries,
        "next_at": None if is_left else now + pause,
        "why": found.why[:MOST_WHY],
    }
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = kind.insert(gateway_tries).values({name: bindparam(name) for name in row})
    told = {name: statement.excluded[name] for name in ("tries", "next_at", "why")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["device", "item"], set_=told), row
    )


def _tokens(*texts: str) -> tuple[str, ...]:
    return tuple(name for text in texts for name in Masking((), {}).strangers(text))

"""Late answers: asks that stores could not answer, and what became of them. `GET /v1/answers`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler, get
from sqlalchemy import Connection, insert, select, update

from appliance.errors import BadInput
from sync.hub import tables
from sync.hub.bodies import answered, words
from sync.hub.door import Caller
from sync.hub.parts import Hub
from sync.hub.problems import refused
from sync.hub.wishes import put_wish
from sync.wire import ANSWERS, Answers, LateAnswer, Wish, WishKind

DEFERRED = "deferred_ask"
MOST_AT_ONCE = 100  # answers; the cursor leads to the rest
MOST_CHARS = 4_000
AUTHORS = ("expert", "generalist")


@dataclass(frozen=True, slots=True)
class OwedAsk:
    """An ask that waits at headquarters for an answer."""

    store: str
    reply: str
    put_at: datetime
    priority: int
    body: dict[str, Any]


def answer_handlers(hub: Hub) -> list[HTTPRouteHandler]:
    """Return the handlers over a hub."""

    @get(ANSWERS)
    async def answers(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Return the late answers of the caller's store after a cursor, oldest first."""
        text = request.query_params.get("after", "0")
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise refused(400, "bad_cursor", "`after` is the last answer's cursor.", "?after=0")
        after = int(text)
        return answered(await hub.door.reading(request, lambda c, who: find_late(c, who, after)))

    return [answers]


def find_late(connection: Connection, caller: Caller, after: int) -> Answers:
    """Return the answers of a store after a cursor, oldest first, so many at once."""
    kept = tables.answers.c
    query = (
        select(kept.cursor, kept.reply, kept.text, kept.by, kept.at, kept.sources)
        .where(kept.store == caller.store, kept.cursor > after)
        .order_by(kept.cursor)
        .limit(MOST_AT_ONCE)
    )
    found = tuple(
        LateAnswer(*row[:5], sources=tuple(msgspec.json.decode(row.sources)))
        for row in connection.execute(query)
    )
    return Answers(found, cursor=found[-1].cursor if found else after)


def owed_asks(connection: Connection, *, most: int = MOST_AT_ONCE) -> list[OwedAsk]:
    """Return the asks that wait, those that matter most first, oldest first among equals."""
    kept = tables.items.c
    query = (
        select(kept.store, kept.reply, kept.put_at, kept.priority, kept.body)
        .where(kept.kind == DEFERRED, kept.answered_at.is_(None))
        .order_by(kept.priority.desc(), kept.put_at)
        .limit(most)
    )
    rows = connection.execute(query)
    return [OwedAsk(*row[:4], body=msgspec.json.decode(row.body)) for row in rows]


def put_answer(
    connection: Connection,
    *,
    reply: str,
    text: str,
    by: str,
    now: datetime,
    store: str = "",
    sources: Sequence[str] = (),
) -> LateAnswer:
    """Answer an ask that waits; its store is told in seconds, or when it next beats.

    Args:
        connection: Within a transaction.
        reply: Id of the reply that handed the ask over.
        text: The answer.
        by: expert | generalist.
        now: The instant.
        store: Whose reply it is; needed only where two stores' replies have one id.
        sources: What the answer rests on.

    Raises:
        BadInput: No such ask waits, two stores have it, or the answer is no answer.
    """
    if by not in AUTHORS or not text.strip() or len(text) > MOST_CHARS:
        raise BadInput(
            f"An answer is by {' or '.join(AUTHORS)} and has 1 to {MOST_CHARS:,} characters.",
            hint='backroom hub answer REPLY "…"',
        )
    kept = tables.items.c
    asked = [kept.kind == DEFERRED, kept.reply == reply, kept.answered_at.is_(None)]
    if store:
        asked.append(kept.store == store)
    owners = connection.execute(select(kept.store).where(*asked).distinct()).scalars().all()
    if len(owners) != 1:
        found = "no ask" if not owners else f"{len(owners)} stores' asks"
        raise BadInput(
            f"There is {found} waiting for an answer to reply {reply}.",
            hint="Give --store." if owners else "List them: backroom hub owed",
        )
    connection.execute(update(tables.items).where(*asked).values(answered_at=now))
    cursor = connection.execute(
        update(tables.stores)
        .where(tables.stores.c.number == owners[0])
        .values(answered=tables.stores.c.answered + 1)
        .returning(tables.stores.c.answered)
    ).scalar_one()
    late = LateAnswer(cursor, reply, words(text, MOST_CHARS), by, now, tuple(sources))
    row = {"store": owners[0], "cursor": cursor, "reply": reply, "text": late.text, "by": by}
    row |= {"at": now, "sources": msgspec.json.encode(late.sources).decode()}
    connection.execute(insert(tables.answers), row)
    put_wish(connection, Wish(WishKind.ANSWERS), now=now, store=owners[0])
    return late

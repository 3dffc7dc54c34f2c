"""`GET /v1/threads/{id}`: a conversation, to whom it belongs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from appliance.records import Exchange, LaneName, Source
from appliance.web.answers import answer_json
from appliance.web.identity import Identity
from appliance.web.openapi import documented, path_parameter
from appliance.web.problems import Problem, Refused
from appliance.web.store import StoreLike

ThreadId = Annotated[str, path_parameter("Of a conversation of yours.", "b6d2c0ffee12ab34")]


class ThreadBody(msgspec.Struct, frozen=True):
    """A conversation's latest exchanges, oldest first."""

    id: str
    turns: list[Exchange]


EXAMPLE = ThreadBody(
    "b6d2c0ffee12ab34",
    [
        Exchange(
            reply="4f1c09b2a77d5e10",
            text="Can opened headphones be returned?",
            answer="Once opened, they come back only if they are faulty.",
            lane=LaneName.QUOTE,
            asked_at=datetime(2026, 11, 22, 19, 2, tzinfo=UTC),
            verdict="up",
            sources=(Source("returns-headphones#2", "Returning headphones › Opened", 39, 92),),
        )
    ],
)


def thread_handler(store: StoreLike, identity: Identity) -> HTTPRouteHandler:
    """Return the handler over a store."""

    @get(
        "/v1/threads/{thread:str}",
        sync_to_thread=True,
        **documented(ThreadBody, example=EXAMPLE, refuses=(404,)),
    )
    def read_thread(request: Request[Any, Any, Any], thread: ThreadId) -> Response[bytes]:
        """Read a conversation again, as it was said."""
        turns = store.conversation(thread, principal=identity.of(request))
        if turns is None:
            detail = "There is no such conversation."
            raise Refused(Problem(404, "no_such_thread", detail, "Ask to start one: POST /v1/ask"))
        return answer_json(ThreadBody(thread, list(turns)))

    return read_thread

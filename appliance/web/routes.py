"""What the server answers: routes for machines, one page for people."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import File, Stream
from litestar.types import ControllerRouterHandler

from appliance.web import examples
from appliance.web.answers import answer_json
from appliance.web.asks import AskBody, Asking, Asks, frames, parse_ask
from appliance.web.feedback import feedback_handler
from appliance.web.health import health_handlers
from appliance.web.identity import Identity, RoleQuery, named_role
from appliance.web.late import late_handler
from appliance.web.monitoring import monitoring_handlers
from appliance.web.openai import openai_handlers
from appliance.web.openapi import (
    EVENT_STREAM,
    Events,
    describe,
    documented,
    path_parameter,
)
from appliance.web.problems import Problem, ProblemBody, Refused
from appliance.web.products import product_handler
from appliance.web.shapes import (
    ExamplesBody,
    PassageBody,
    ReplyBody,
    RouteBody,
    SentenceBody,
    SourcesBody,
    passage_body,
)
from appliance.web.sign_in import Door, sign_in_handlers
from appliance.web.store import StoreLike
from appliance.web.threads import thread_handler

PartName = Annotated[str, path_parameter("A file of the page.", "page.css")]
PassageId = Annotated[str, path_parameter("Id of a source.", "returns-headphones#2")]
PAGES = Path(__file__).parent / "pages"


# What is told in the events of an answer as it is spoken.
TOLD = (RouteBody, SourcesBody, SentenceBody, ReplyBody, ProblemBody)


def handlers(store: StoreLike, asks: Asks, door: Door) -> list[ControllerRouterHandler]:
    """Return the handlers over a store."""
    identity = door.identity
    told = [
        *sign_in_handlers(door),
        _ask_handler(store, asks, identity),
        feedback_handler(store, identity, asks.pace),
        thread_handler(store, identity),
        late_handler(store, identity),
        product_handler(store, identity, asks.pace),
        *openai_handlers(store, asks, identity),
        _passage_handler(store, identity),
        _examples_handler(store),
        *health_handlers(store, identity),
        *monitoring_handlers(store, asks.desk, identity),
    ]
    return [
        *told,
        _openapi_handler(store, identity, told),
        _page_handler(),
        _part_handler(),
    ]


def _ask_handler(store: StoreLike, asks: Asks, identity: Identity) -> HTTPRouteHandler:
    @post(
        "/v1/ask",
        status_code=200,
        **documented(
            ReplyBody,
            example=examples.REPLY,
            takes=(AskBody, AskBody(examples.QUESTION)),
            streams=Events(examples.ASK_EVENT, TOLD),
            refuses=(400, 404, 413, 429),
        ),
    )
    async def ask(request: Request[Any, Any, Any]) -> Response[Any]:
        """Ask a question; with `Accept: text/event-stream` it is answered as it is spoken.

        Events: `route`, `sources`, `sentence` for each governed one, then `done` with the reply or
        `error` with a problem. Each sentence stands in the journal before it is sent.
        """
        body = parse_ask(await request.body(), max_chars=store.settings.max_ask_chars)
        look = partial(identity.of, request, role=body.role)
        asker = await asyncio.to_thread(look)
        asking = Asking(body.text, asker, thread=body.thread or store.new_id())
        if _wants_events(request):
            return Stream(frames(await asks.stream(asking, look=look)), media_type=EVENT_STREAM)
        return answer_json(await asks.reply(asking, look=look))

    return ask


def _wants_events(request: Request[Any, Any, Any]) -> bool:
    try:
        return request.accept.best_match([MediaType.JSON, EVENT_STREAM]) == EVENT_STREAM
    except OverflowError:  # Litestar counts in q=1e999, which is no quality (RFC 9110, 12.4.2)
        return False


def _passage_handler(store: StoreLike, identity: Identity) -> HTTPRouteHandler:
    @get(
        "/v1/passages/{passage_id:path}",
        sync_to_thread=True,
        **documented(PassageBody, example=examples.PASSAGE, refuses=(400, 404)),
    )
    def passage(
        request: Request[Any, Any, Any], passage_id: PassageId, role: RoleQuery = ""
    ) -> Response[bytes]:
        """Open a source: the passage an answer cites."""
        reader = identity.of(request, role=named_role(role))
        found = store.index.passage(passage_id.lstrip("/"))
        if found is None:
            detail = "No passage has this id in the release this store runs."
            raise Refused(Problem(404, "no_such_passage", detail, "Ask again for today's source."))
        if found.audience not in reader.role.audiences:
            detail = f"This passage is for a {found.audience} to read."
            raise Refused(Problem(403, "not_for_this_role", detail, f"Ask a {found.audience}."))
        return answer_json(passage_body(found))

    return passage


def _examples_handler(store: StoreLike) -> HTTPRouteHandler:
    @get(
        "/v1/examples",
        sync_to_thread=False,
        **documented(ExamplesBody, example=examples.EXAMPLES, is_public=True),
    )
    def list_examples() -> Response[bytes]:
        """Return a few things to try."""
        return answer_json(ExamplesBody(list(store.examples())))

    return list_examples


def _openapi_handler(
    store: StoreLike, identity: Identity, told: Sequence[HTTPRouteHandler]
) -> HTTPRouteHandler:
    @cache
    def document() -> bytes:
        max_chars = store.settings.max_ask_chars
        plain = describe(told, max_ask_chars=max_chars, is_open=identity.is_open)
        return msgspec.json.encode(plain)

    @get("/openapi.json", sync_to_thread=True, include_in_schema=False)
    def openapi() -> Response[bytes]:
        return Response(document(), media_type=MediaType.JSON)

    return openapi


def _part_handler() -> HTTPRouteHandler:
    # Known by name when the server starts: no name that is asked for ever reaches the file system.
    parts = {path.name: path for path in PAGES.iterdir() if path.is_file()}

    @get("/page/{name:str}", sync_to_thread=False, include_in_schema=False)
    def part(name: PartName) -> File:
        if name not in parts:
            raise Refused(Problem(404, "not_found", "Not Found.", "The page's own parts are here."))
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return File(parts[name], media_type=kind, content_disposition_type="inline")

    return part


def _page_handler() -> HTTPRouteHandler:
    @get("/", sync_to_thread=False, include_in_schema=False)
    def page() -> File:
        return File(
            PAGES / "index.html", media_type=MediaType.HTML, content_disposition_type="inline"
        )

    return page

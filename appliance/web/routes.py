"""What the server answers: four routes for machines, one page for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import File, Stream
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler

from appliance.records import Role
from appliance.web.asks import Asks, parse_ask
from appliance.web.problems import Problem, Refused
from appliance.web.shapes import passage_json
from appliance.web.store import StoreLike

PAGES = Path(__file__).parent / "pages"
EVENT_STREAM = "text/event-stream"


def handlers(store: StoreLike, asks: Asks) -> list[ControllerRouterHandler]:
    """Return the handlers over a store."""
    return [
        _ask_handler(store, asks),
        _passage_handler(store),
        _examples_handler(store),
        _health_handler(store),
        _page_handler(),
        create_static_files_router("/page", directories=[PAGES], include_in_schema=False),
    ]


def _ask_handler(store: StoreLike, asks: Asks) -> HTTPRouteHandler:
    @post("/v1/ask", status_code=200)
    async def ask(request: Request[Any, Any, Any]) -> Response[Any]:
        _refuse_foreign_origin(request)
        body = parse_ask(await request.body(), max_chars=store.settings.max_ask_chars)
        wanted = request.accept.best_match([MediaType.JSON, EVENT_STREAM])
        if wanted == EVENT_STREAM:
            return Stream(await asks.stream(body), media_type=EVENT_STREAM)
        return _json(await asks.reply(body))

    return ask


def _passage_handler(store: StoreLike) -> HTTPRouteHandler:
    @get("/v1/passages/{passage_id:path}", sync_to_thread=True)
    def passage(
        passage_id: FromPath[str], role: FromQuery[str] = Role.ASSOCIATE.value
    ) -> Response[bytes]:
        found = store.index.passage(passage_id.lstrip("/"))
        if found is None:
            detail = "No passage has this id in the release this store runs."
            raise Refused(Problem(404, "no_such_passage", detail, "Ask again for today's source."))
        if found.audience not in _role(role).audiences:
            detail = f"This passage is for a {found.audience} to read."
            raise Refused(Problem(403, "not_for_this_role", detail, f"Ask a {found.audience}."))
        return _json(passage_json(found))

    return passage


def _examples_handler(store: StoreLike) -> HTTPRouteHandler:
    @get("/v1/examples", sync_to_thread=False)
    def examples() -> Response[bytes]:
        return _json({"examples": list(store.examples())})

    return examples


def _health_handler(store: StoreLike) -> HTTPRouteHandler:
    @get("/health", sync_to_thread=True)
    def health() -> Response[bytes]:
        found = store.health()
        status = 200 if found["live"] and found["ready"] else 503
        return _json({**found, "store": store.settings.store}, status=status)

    return health


def _page_handler() -> HTTPRouteHandler:
    @get("/", sync_to_thread=False, include_in_schema=False)
    def page() -> File:
        return File(
            PAGES / "index.html", media_type=MediaType.HTML, content_disposition_type="inline"
        )

    return page


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError as exc:
        roles = ", ".join(r.value for r in Role)
        raise Refused(Problem(400, "bad_role", "No such role.", f"Roles: {roles}.")) from exc


def _refuse_foreign_origin(request: Request[Any, Any, Any]) -> None:
    """Refuse an ask that another site's page sends through an associate's browser."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        detail = "The ask came from a page of another site."
        raise Refused(Problem(403, "foreign_origin", detail, "Ask from the store's own page."))


def _json(plain: dict[str, Any], *, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(plain), status_code=status, media_type=MediaType.JSON)

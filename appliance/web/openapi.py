"""The OpenAPI document: Litestar's own, completed with the bodies its handlers read and stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import msgspec
from litestar import Litestar, MediaType
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, Example, Reference, SecurityScheme
from litestar.params import PathParameter
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from appliance.web.identity import DEVICE_COOKIE, SESSION_COOKIE
from appliance.web.problems import MEDIA_TYPE, Problem, ProblemBody

EVENT_STREAM = "text/event-stream"
# Keys of a handler's `opt`.
TAKES, STREAMS, IS_PUBLIC, OR_PROBLEM = "takes", "streams", "is_public", "or_problem"
REF = "#/components/schemas/{name}"
DESCRIPTION = (
    "The store's AI server. Every answer shows where it comes from. Errors are problem documents"
    " (RFC 9457): go by `code`, show `detail` and `hint`."
)
# What any route can answer besides its own: a foreign page or name, a bug, a disk that fails.
ALWAYS = (403, 500, 503)
PROBLEMS: Mapping[int, tuple[str, Problem]] = {
    400: (
        "The request does not say what this route needs.",
        Problem(400, "not_json", "The body is not JSON: it was cut short.", "Send JSON."),
    ),
    401: (
        "The device is not paired, or nobody is signed in on it.",
        Problem(401, "not_signed_in", "Nobody is signed in on this device.", "Sign in."),
    ),
    403: (
        "Not for this page, this name or this role.",
        Problem(403, "role_not_yours", "You are signed in as associate.", "Leave the role out."),
    ),
    404: (
        "There is none, or it is somebody else's: which of the two is not told.",
        Problem(404, "no_such_thread", "There is no such conversation.", "Start one."),
    ),
    413: (
        "More than is read.",
        Problem(413, "ask_too_long", "The question has 2,400 characters; 2,000 are read."),
    ),
    429: (
        "Too often; `Retry-After` says when there is room.",
        Problem(429, "too_many_asks", "60 asks within a minute.", "Wait.", retry_after_s=2),
    ),
    500: (
        "A bug of the store's server.",
        Problem(500, "bug", "The store's server has a bug: KeyError.", "Please report it."),
    ),
    503: (
        "The queue is full (`Retry-After` says until when), or the disk takes no write.",
        Problem(503, "engine_busy", "40 asks are in hand.", "Ask again.", retry_after_s=2),
    ),
}


@dataclass(frozen=True, slots=True)
class Events:
    """A stream of server-sent events, for the document."""

    example: Mapping[str, str]  # one event
    data: tuple[type, ...]  # shapes of events' data
    end: str = ""  # data of the last event, when it is no JSON


def documented(
    answer: type | None,
    *,
    example: object,
    refuses: Sequence[int] = (),
    takes: tuple[type, object] | None = None,
    streams: Events | None = None,
    media_type: str = MediaType.JSON,
    problem: type = ProblemBody,
    is_public: bool = False,
) -> dict[str, Any]:
    """Return a handler's arguments that tell what it takes and answers.

    Args:
        answer: Shape of a 200's body.
        example: One such body.
        refuses: Statuses of its problems besides `ALWAYS`, and 401 unless it is public.
        takes: Shape of the request's body and an example, for a handler that reads it itself.
        streams: What it can answer instead, event by event.
        media_type: Of the answer.
        problem: Shape of its problems.
        is_public: Whether anyone may ask it.
    """
    statuses = sorted({*refuses, *ALWAYS, *(() if is_public else (401,))})
    responses = {
        200: _spec("What was asked for.", answer, example, media_type=media_type),
        **{status: _problem_spec(status, problem) for status in statuses},
    }
    return {
        "responses": responses,
        "opt": {TAKES: takes, STREAMS: streams, IS_PUBLIC: is_public},
    }


def path_parameter(description: str, example: str) -> PathParameter:
    """Return what is told of a part of a path."""
    return PathParameter(description=description, examples=[Example(value=example)])


def documented_health(answer: type, *, example: object) -> dict[str, Any]:
    """Return the arguments of a handler that tells how the store stands: 503 is an answer too."""
    kwargs = documented(answer, example=example, is_public=True)
    not_ready = _spec("It would answer nothing.", answer, example, media_type=MediaType.JSON)
    return {
        "responses": {**kwargs["responses"], 503: not_ready},
        "opt": {**kwargs["opt"], OR_PROBLEM: 503},
    }


def describe(
    handlers: Sequence[ControllerRouterHandler], *, max_ask_chars: int, is_open: bool
) -> dict[str, Any]:
    """Return the document over handlers.

    Litestar serves its document on a router that also wants `/`, which is the page's: so the
    document is made by an application that is never served, and a handler of ours hands it out.

    Args:
        handlers: All of the server's.
        max_ask_chars: Characters of a question that are read.
        is_open: Whether a request without a token is the demo's.
    """
    app = Litestar(handlers, openapi_config=_config(is_open), logging_config=None)
    document = app.openapi_schema.to_schema()
    for path, method, handler in _operations(app):
        _complete(document["paths"][path][method], handler)
    document["components"]["schemas"].update(_schemas(app))
    ask = document["components"]["schemas"]["AskBody"]["properties"]["text"]
    ask["maxLength"] = max_ask_chars
    return document


def _config(is_open: bool) -> OpenAPIConfig:
    cookie = "Set by pairing and signing in; HttpOnly."
    schemes: dict[str, SecurityScheme | Reference] = {
        "bearer": SecurityScheme(
            "http", scheme="bearer", description="The token of a session or of a key."
        ),
        "device": SecurityScheme(
            "apiKey", name=DEVICE_COOKIE, security_scheme_in="cookie", description=cookie
        ),
        "session": SecurityScheme(
            "apiKey", name=SESSION_COOKIE, security_scheme_in="cookie", description=cookie
        ),
    }
    security: list[dict[str, list[str]]] = [{"bearer": []}, {"device": [], "session": []}]
    return OpenAPIConfig(
        title="Backroom",
        version=version("backroom"),
        description=DESCRIPTION,
        components=Components(security_schemes=schemes),
        security=[*security, {}] if is_open else security,
        render_plugins=[JsonRenderPlugin()],
        use_handler_docstrings=True,
    )


def _operations(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for method, (handler, _) in route.route_handler_map.items():
            if handler.resolve_include_in_schema():
                yield route.path_format, method.lower(), handler


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler) -> None:
    """Add to an operation what Litestar cannot see: what the handler reads, streams and heads.

    Litestar adds a 400 in a shape of its own to every handler with parameters; ours are texts, and
    whether one is wrong the handler tells.
    """
    told = {str(status) for status in handler.responses or {}}
    operation["responses"] = {s: r for s, r in operation["responses"].items() if s in told}
    if takes := handler.opt.get(TAKES):
        kind, example = takes
        content = {"schema": {"$ref": REF.format(name=kind.__name__)}, "example": _plain(example)}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    if streams := handler.opt.get(STREAMS):
        content = operation["responses"]["200"]["content"]
        content[EVENT_STREAM] = {"schema": _event_schema(streams), "example": streams.example}
    if status := handler.opt.get(OR_PROBLEM):
        schema = {"$ref": REF.format(name=ProblemBody.__name__)}
        example = PROBLEMS[status][1].plain()
        content = operation["responses"][str(status)]["content"]
        content[MEDIA_TYPE] = {"schema": schema, "example": example}
    if handler.opt.get(IS_PUBLIC):
        operation["security"] = []
    for status in {"429", "503"}.intersection(operation["responses"]):
        header = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds to wait."}
        operation["responses"][status].setdefault("headers", {})["Retry-After"] = header


def _event_schema(events: Events) -> dict[str, Any]:
    """Return the schema of one event: before OpenAPI 3.2 a stream's schema is that of its items."""
    shapes = {"anyOf": [{"$ref": REF.format(name=kind.__name__)} for kind in events.data]}
    data: dict[str, Any] = {"contentMediaType": "application/json", "contentSchema": shapes}
    if events.end:
        data = {"anyOf": [{"const": events.end}, data]}
    properties = {"event": {"type": "string"}, "data": {"type": "string", **data}}
    return {"type": "object", "properties": properties, "required": ["data"]}


def _schemas(app: Litestar) -> dict[str, Any]:
    """Return the schemas of all shapes, from the library that reads and writes them."""
    kinds: list[object] = []
    for _, _, handler in _operations(app):
        kinds += [spec.data_container for spec in (handler.responses or {}).values()]
        kinds += [takes[0]] if (takes := handler.opt.get(TAKES)) else []
        kinds += streams.data if (streams := handler.opt.get(STREAMS)) else []
    shapes = [k for k in dict.fromkeys(kinds) if isinstance(k, type) and issubclass(k, Struct)]
    _, schemas = msgspec.json.schema_components(shapes, ref_template=REF)
    return schemas


def _problem_spec(status: int, kind: type) -> ResponseSpec:
    description, problem = PROBLEMS[status]
    plain = msgspec.convert(problem.plain(), ProblemBody)
    return _spec(description, kind, plain, media_type=MEDIA_TYPE)


def _spec(description: str, kind: type | None, example: object, *, media_type: str) -> ResponseSpec:
    return ResponseSpec(
        data_container=kind,
        description=description,
        media_type=media_type,
        examples=[Example(value=_plain(example))],
        generate_examples=False,
    )


def _plain(example: object) -> Any:
    return msgspec.to_builtins(example)

"""The web application over a wired store, and the server that runs it."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import uvicorn
from litestar import Litestar, Request
from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from appliance.errors import StoreError
from appliance.web.asks import BYTES_PER_CHAR, OTHER_BYTES, Asks
from appliance.web.desk import Desk
from appliance.web.drain import Drain
from appliance.web.listen import BACKLOG, address, listen
from appliance.web.monitoring import count_responses
from appliance.web.origin import refuse_foreign
from appliance.web.pace import pace_of
from appliance.web.problems import answer_problem
from appliance.web.quiet_log import answer_loop_fault, quieten
from appliance.web.routes import handlers
from appliance.web.sign_in import open_door
from appliance.web.sockets import BoundedProtocol, SocketBounds, bounds_here
from appliance.web.store import StoreLike

log = logging.getLogger("backroom.web")
# Of the sockets there may be, these are heard; a request on one more is answered 503 and closed.
HEARD = 0.8
GRACE_S = 10  # an ask's own deadline: after it nobody can still wait for an answer
# The page asks nobody but the store, and nothing but the page's own files runs in it.
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def serve(store: StoreLike, *, announce: Callable[[str], None] | None = None) -> None:
    """Serve the store until SIGINT or SIGTERM, then let running asks finish.

    Args:
        store: The wired store; whoever opened it closes it.
        announce: Called with the page's address once a browser can connect.

    Raises:
        BadInput: The host or port cannot be listened on.
    """
    settings = store.settings
    _raise_file_limit()
    with listen(settings.host, settings.port) as listener:
        server = uvicorn.Server(configuration(store))
        if announce is not None:
            announce(address(listener))
        with suppress(KeyboardInterrupt):  # uvicorn raises SIGINT again after its clean stop
            server.run(sockets=[listener])


def _raise_file_limit() -> None:
    """Let this process hold as many sockets as the machine allows it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS states a limit it does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def configuration(store: StoreLike, *, bounds: SocketBounds | None = None) -> uvicorn.Config:
    """Return the server's settings; no access log, for an address can hold what was looked up.

    Args:
        store: The wired store.
        bounds: Of its sockets; by this process's limit of open files if None.
    """
    bounds = bounds or bounds_here()
    config = uvicorn.Config(
        Drain(create_app(store)),
        http=partial(BoundedProtocol, bounds=bounds),  # type: ignore[arg-type]
        backlog=BACKLOG,
        log_level="warning",
        access_log=False,
        ws="none",
        # Headers that any peer can write decide nothing here: not who is throttled, nor "https".
        proxy_headers=False,
        limit_concurrency=max(1, int(bounds.most * HEARD)),
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    quieten()  # after uvicorn has set its loggers up
    return config


def create_app(store: StoreLike) -> Litestar:
    """Return the application over a wired store; whoever opened the store closes it."""
    settings = store.settings
    desk = Desk(at_once=settings.asks_at_once, waiting=settings.queue_asks)
    door = open_door(store)

    @asynccontextmanager
    async def finish_asks(_app: Litestar) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(answer_loop_fault)
        await asyncio.to_thread(_forget_dead, store)
        yield
        await asyncio.to_thread(door.desk.close)
        await asyncio.to_thread(desk.close)

    def refuse(request: Request[Any, Any, Any]) -> None:
        refuse_foreign(request, host=settings.host, public_name=settings.public_name)

    return Litestar(
        handlers(store, Asks(store, desk, pace_of(settings)), door),
        lifespan=[finish_asks],
        before_request=refuse,
        before_send=[_add_headers, count_responses(store)],
        exception_handlers={Exception: answer_problem},
        request_max_body_size=settings.max_ask_chars * BYTES_PER_CHAR + OTHER_BYTES,
        logging_config=None,
        openapi_config=None,
    )


def _forget_dead(store: StoreLike) -> None:
    """Drop sessions and codes that hold no more; a disk that takes no write stops no server."""
    try:
        store.sessions.forget_dead()
        store.devices.forget_codes()
    except StoreError as exc:
        log.warning("%s: %s", exc.code, exc)


async def _add_headers(message: Message, _scope: Scope) -> None:
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in HEADERS.items():
            headers[name] = value

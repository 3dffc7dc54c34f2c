"""`GET /v1/wake`: the stream over which a push reaches a store in seconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler, get
from litestar.response import Stream

from sync.hub.parts import Hub
from sync.hub.wakes import events
from sync.wire import WAKE

MISSED_FOR = timedelta(seconds=10)  # what was wished while a store opened its next stream


def wake_handlers(hub: Hub) -> list[HTTPRouteHandler]:
    """Return the handlers over a hub."""

    @get(WAKE)
    async def wake(request: Request[Any, Any, Any]) -> Stream:
        """Open the stream of a device; it ends with its token, or when the device opens another."""
        caller = await hub.door.device(request)
        stream = hub.wakes.open(caller)
        since = hub.clock.now() - MISSED_FOR
        for wish in hub.signals.wishes_for(caller.store, caller.ring, since=since):
            stream.tell(wish)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        body = events(hub.wakes, stream, hub.clock)
        return Stream(body, media_type="text/event-stream", headers=headers)

    return [wake]

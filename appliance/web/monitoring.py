"""`/metrics`, `/v1/status` and `/manager`: how the store is doing, and to whom.

Whoever can ask as a manager may read the figures: a signed-in manager, a manager's key (what a
Prometheus sends as its bearer token), and on this machine alone the demo.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import File
from litestar.types import Message, Scope

from appliance.monitoring.monitor import AtDesk
from appliance.records import Role
from appliance.web.desk import Desk
from appliance.web.examples import METRICS, STATUS
from appliance.web.identity import Identity
from appliance.web.openapi import documented
from appliance.web.shapes import StatusBody
from appliance.web.store import StoreLike

TEXT = "text/plain; version=0.0.4"  # of Prometheus; Litestar adds the charset
PAGE = Path(__file__).parent / "pages" / "manager.html"


def monitoring_handlers(store: StoreLike, desk: Desk, identity: Identity) -> list[HTTPRouteHandler]:
    """Return the handlers over a store's monitoring."""
    return [
        _metrics_handler(store, desk, identity),
        _status_handler(store, desk, identity),
        _manager_handler(),
    ]


def count_responses(store: StoreLike) -> Callable[[Message, Scope], Any]:
    """Return a hook that counts each response by its status (Litestar's `before_send`)."""

    async def count(message: Message, _scope: Scope) -> None:
        if message["type"] == "http.response.start":
            store.monitoring.metrics.responded(message["status"])

    return count


def _metrics_handler(store: StoreLike, desk: Desk, identity: Identity) -> HTTPRouteHandler:
    @get(
        "/metrics",
        sync_to_thread=True,
        media_type=TEXT,
        **documented(str, example=METRICS, media_type="text/plain"),
    )
    def metrics(request: Request[Any, Any, Any]) -> bytes:
        """Every figure, in Prometheus' text format; for a manager."""
        identity.of(request, role=Role.MANAGER)
        return store.monitoring.exposition(_at(desk))

    return metrics


def _status_handler(store: StoreLike, desk: Desk, identity: Identity) -> HTTPRouteHandler:
    @get("/v1/status", sync_to_thread=True, **documented(StatusBody, example=STATUS))
    def status(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """How the store stands now and how its last hour went, minute by minute; for a manager."""
        identity.of(request, role=Role.MANAGER)
        return store.monitoring.status(_at(desk))

    return status


def _manager_handler() -> HTTPRouteHandler:
    @get("/manager", sync_to_thread=False, include_in_schema=False)
    def manager() -> File:
        # The page itself holds nothing: it asks /v1/status, which is for a manager.
        return File(PAGE, media_type=MediaType.HTML, content_disposition_type="inline")

    return manager


def _at(desk: Desk) -> AtDesk:
    return AtDesk(desk.taken, desk.limit)

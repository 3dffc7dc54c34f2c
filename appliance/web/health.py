"""`GET /health`, `/health/live`, `/health/ready`: whether the store answers, and why not."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from appliance.records import Role
from appliance.web import examples
from appliance.web.answers import answer_json
from appliance.web.identity import Identity
from appliance.web.openapi import documented, documented_health
from appliance.web.shapes import HealthBody, LiveBody, ReadyBody
from appliance.web.store import StoreLike

TO_ANYONE = ("live", "ready", "level")
TO_ASKERS = (*TO_ANYONE, "store", "release", "line", "specialist")


def health_handlers(store: StoreLike, identity: Identity) -> list[HTTPRouteHandler]:
    """Return the handlers over a store."""
    return [_health_handler(store, identity), _live_handler(), _ready_handler(store, identity)]


def _health_handler(store: StoreLike, identity: Identity) -> HTTPRouteHandler:
    @get("/health", sync_to_thread=True, **documented_health(HealthBody, example=examples.HEALTH))
    def health(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Tell how the store stands: 503 while it would answer nothing.

        Anyone hears `live`, `ready` and `level`; who may ask hears which store and release this is
        as well, and a manager why it is not ready and what it keeps.
        """
        is_managers = identity.may(request, Role.MANAGER)
        found = store.health(is_counted=is_managers)
        if not is_managers:
            told = TO_ASKERS if identity.may(request, Role.ASSOCIATE) else TO_ANYONE
            found = {name: found[name] for name in told}
        return answer_json(found, status=200 if found["live"] and found["ready"] else 503)

    return health


def _live_handler() -> HTTPRouteHandler:
    @get(
        "/health/live",
        sync_to_thread=False,
        **documented(LiveBody, example=LiveBody(True), is_public=True),
    )
    def live() -> dict[str, bool]:
        """Whether the process answers at all; asks nothing else."""
        return {"live": True}

    return live


def _ready_handler(store: StoreLike, identity: Identity) -> HTTPRouteHandler:
    @get(
        "/health/ready",
        sync_to_thread=True,
        **documented_health(ReadyBody, example=ReadyBody(True)),
    )
    def ready(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        """Whether an ask would be answered: 503 when the disk takes no write or no engine works."""
        found = store.health(is_counted=False)
        told = {"ready": found["ready"]}
        if identity.may(request, Role.MANAGER):
            told["faults"] = found["faults"]
        return Response(told, status_code=200 if found["ready"] else 503)

    return ready

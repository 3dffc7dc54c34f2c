"""The gateway as a part of the hub (`sync.hub.extensions`): its handlers and its job."""

from __future__ import annotations

from litestar.handlers import HTTPRouteHandler

from sync.hub.gateway.deferred import Deferred
from sync.hub.gateway.gateway import open_gateway
from sync.hub.gateway.handlers import chat_handlers
from sync.hub.gateway.settings import GatewaySettings
from sync.hub.jobs import Job
from sync.hub.parts import Hub

DEFERRED_S = 20.0  # between looks at the asks that stores kept


def handlers(hub: Hub) -> list[HTTPRouteHandler]:
    """Return the gateway's handlers."""
    return chat_handlers(hub, open_gateway(hub.settings, hub.ledger, hub.clock))


def jobs(hub: Hub) -> list[Job]:
    """Return the job that has the generalist answer the asks that stores kept."""
    settings = GatewaySettings.of(hub.settings)
    if not settings.answers_deferred or not settings.upstreams:
        return []
    work = Deferred(hub.settings, hub.ledger, hub.clock)
    return [Job("deferred asks", DEFERRED_S, work.step)]

"""Parts of the hub that others build: how their handlers and jobs are registered.

A part is a module with either or both of

    def handlers(hub: Hub) -> list[HTTPRouteHandler]  # each asks hub.door whose request it is
    def jobs(hub: Hub) -> list[Job]  # done by one worker at a time: sync.hub.jobs

What a part holds on to is let go by an async function in a handler's `opt[ON_STOP]`.

Its tables go into a migration of its own (`migrations/versions/NNNN_what.py`), its settings into a
table of `hub.toml` that it checks itself: `hub.settings.parts["gateway"]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from litestar.handlers import HTTPRouteHandler

from sync.hub.jobs import Job
from sync.hub.parts import Hub

PARTS: tuple[str, ...] = ("sync.hub.gateway.part", "sync.hub.rollouts")
ON_STOP = "on_stop"


def part_handlers(hub: Hub) -> list[HTTPRouteHandler]:
    """Return the handlers of all parts."""
    modules = [import_module(name) for name in PARTS]
    return [h for module in modules if hasattr(module, "handlers") for h in module.handlers(hub)]


def part_jobs(hub: Hub) -> list[Job]:
    """Return the jobs of all parts."""
    modules = [import_module(name) for name in PARTS]
    return [job for module in modules if hasattr(module, "jobs") for job in module.jobs(hub)]


async def stop_parts(handlers: Sequence[HTTPRouteHandler]) -> None:
    """Let the parts let go of what they hold, when a worker ends."""
    for handler in handlers:
        if ON_STOP in handler.opt:
            await handler.opt[ON_STOP]()

"""The hub's web application."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders
from litestar.handlers import HTTPRouteHandler, get
from litestar.types import Message, Scope

from appliance.web.quiet_log import answer_loop_fault
from sync.hub.batches import batch_handlers
from sync.hub.beats import beat_handlers
from sync.hub.bodies import MOST_BYTES
from sync.hub.enrol import enrol_handlers
from sync.hub.extensions import part_handlers, part_jobs, stop_parts
from sync.hub.jobs import Jobs
from sync.hub.late import answer_handlers
from sync.hub.metrics import metrics_handlers
from sync.hub.parts import Hub
from sync.hub.problems import answer_problem
from sync.hub.pushes import Pushes
from sync.hub.repository import repository_handlers
from sync.hub.wake_stream import wake_handlers
from sync.hub.watch import watch_jobs
from sync.wire import HEALTH

HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


def create_app(hub: Hub) -> Litestar:
    """Return the application over a hub; whoever opened the hub closes it."""
    handlers = all_handlers(hub)

    @asynccontextmanager
    async def work_beside(_app: Litestar) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(answer_loop_fault)
        holder = f"{os.getpid()}-{secrets.token_hex(4)}"
        jobs = Jobs(hub.ledger, hub.clock, holder, [*watch_jobs(hub), *part_jobs(hub)])
        pushes = Pushes(hub.settings.repository_folder, hub.signals)
        beside = (hub.signals.follow(), pushes.follow(), hub.counts.follow(), jobs.run())
        tasks = [asyncio.create_task(work) for work in beside]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await stop_parts(handlers)

    return Litestar(
        handlers,
        lifespan=[work_beside],
        before_send=[_add_headers],
        exception_handlers={Exception: answer_problem},
        request_max_body_size=MOST_BYTES,
        logging_config=None,
        openapi_config=None,
    )


def all_handlers(hub: Hub) -> list[HTTPRouteHandler]:
    """Return every handler. All but enrolment, token and health ask the door whose request it is.

    A test walks them (tests/flow/test_hub_door.py): one that forgets to ask fails it.
    """
    return [
        _health(),
        *enrol_handlers(hub),
        *beat_handlers(hub),
        *wake_handlers(hub),
        *batch_handlers(hub),
        *answer_handlers(hub),
        *repository_handlers(hub),
        *metrics_handlers(hub),
        *part_handlers(hub),
    ]


def _health() -> HTTPRouteHandler:
    @get(HEALTH, sync_to_thread=False)
    def health() -> dict[str, bool]:
        """Whether the process answers at all; strangers hear no more."""
        return {"live": True}

    return health


async def _add_headers(message: Message, _scope: Scope) -> None:
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in HEADERS.items():
            headers[name] = value

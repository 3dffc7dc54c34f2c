"""`GET /metrics` for operators: requests counted and timed, and how the stores stand."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler, get
from sqlalchemy import Connection, Table, func, select

from sync.hub import tables
from sync.hub.counts import Counts
from sync.hub.late import DEFERRED
from sync.hub.parts import Hub
from sync.wire import ANSWERS, BATCHES, BEAT, CHAT, ENROL, HEALTH, REPOSITORY, TOKEN, WAKE

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[..., Awaitable[None]]

METRICS = "/metrics"
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)
REQUESTS, SECONDS = "backroom_hub_requests_total", "backroom_hub_request_seconds"
PATHS = {
    "enrol": ENROL,
    "token": TOKEN,
    "beat": BEAT,
    "wake": WAKE,
    "batches": BATCHES,
    "answers": ANSWERS,
    "chat": CHAT,
    "tuf": REPOSITORY,
    "health": HEALTH,
}
UNTIMED = {"wake", "chat"}  # they last as long as somebody listens


class Metered:
    """ASGI middleware: counts each request, and times those that are not streams."""

    def __init__(self, app: App, counts: Counts) -> None:
        """Stand before `app`."""
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and count it by what it was for and how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, what = time.perf_counter(), _what(scope["path"])

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                self._counts.add(f'{REQUESTS}{{what="{what}",status="{status}"}}')
                if what not in UNTIMED:
                    self._time(what, time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, counted)

    def _time(self, what: str, seconds: float) -> None:
        bucket = next((f"{b:g}" for b in BUCKETS_S if seconds <= b), "+Inf")
        self._counts.add(f'{SECONDS}_bucket{{what="{what}",le="{bucket}"}}')


def _what(path: str) -> str:
    return next((name for name, begin in PATHS.items() if path.startswith(begin)), "other")


def metrics_handlers(hub: Hub) -> list[HTTPRouteHandler]:
    """Return the handlers over a hub."""

    @get(METRICS)
    async def metrics(request: Request[Any, Any, Any]) -> Response[str]:
        """Tell an operator's program the counts, and how the stores stand, for Prometheus."""
        await hub.door.operator(request)
        text = await hub.ledger.reading(exposition)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return [metrics]


def exposition(connection: Connection) -> str:
    """Return every count and gauge in Prometheus' text format."""
    series = {row.name: int(row.value) for row in connection.execute(select(tables.counts))}
    lines = [*_counters(series), *_histogram(series), *_gauges(connection)]
    return "\n".join(lines) + "\n"


def _counters(series: dict[str, int]) -> list[str]:
    lines, last = [], ""
    for name in sorted(n for n in series if not n.startswith(SECONDS)):
        metric = name.partition("{")[0]
        if metric != last:
            lines.append(f"# TYPE {metric} counter")
            last = metric
        lines.append(f"{name} {series[name]}")
    return lines


def _histogram(series: dict[str, int]) -> list[str]:
    lines = [f"# TYPE {SECONDS} histogram"]
    for what in (*PATHS, "other"):
        total = 0
        found = []
        for bucket in (*(f"{b:g}" for b in BUCKETS_S), "+Inf"):
            total += series.get(f'{SECONDS}_bucket{{what="{what}",le="{bucket}"}}', 0)
            found.append(f'{SECONDS}_bucket{{what="{what}",le="{bucket}"}} {total}')
        if total:
            lines += [*found, f'{SECONDS}_count{{what="{what}"}} {total}']
    return lines


def _gauges(connection: Connection) -> list[str]:
    alarms, items = tables.alarms.c, tables.items.c
    owed = select(func.count()).where(items.kind == DEFERRED, items.answered_at.is_(None))
    return [
        *_by(connection, tables.devices, "state", name="backroom_hub_devices", label="state"),
        *_by(connection, tables.beats, "level", name="backroom_hub_stores", label="level"),
        *_by(connection, tables.beats, "live", name="backroom_hub_live", label="release"),
        *_by(connection, tables.batches, "state", name="backroom_hub_batches", label="state"),
        *_by(
            connection,
            tables.alarms,
            "kind",
            name="backroom_hub_alarms",
            label="kind",
            where=alarms.closed_at.is_(None),
        ),
        "# TYPE backroom_hub_owed_asks gauge",
        f"backroom_hub_owed_asks {connection.execute(owed).scalar() or 0}",
    ]


def _by(
    connection: Connection, table: Table, column: str, *, name: str, label: str, where: Any = True
) -> list[str]:
    query = select(table.c[column], func.count()).group_by(table.c[column])
    if where is not True:
        query = query.where(where)
    rows = sorted(connection.execute(query).all())
    return [f"# TYPE {name} gauge"] + [
        f'{name}{{{label}="{_escaped(str(value))}"}} {number}' for value, number in rows
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

"""The store's figures for Prometheus: a registry of its own, filled by every ask.

What only stands at a moment (queues, levels, breakers) is set when somebody scrapes.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from appliance.meter import STAGES
from appliance.monitoring.breaker import State, Tally
from appliance.monitoring.history import is_fallback, times_told
from appliance.monitoring.pressure import Pressure, Vitals
from appliance.ports import Load
from appliance.records import Attempt, LaneName, Reply

# Orchestration is to take 8 ms, 25 at worst (DESIGN.md, 10), an ask 2 s, 10 at worst.
BUCKETS_S = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0),
)
STATES = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


@dataclass(frozen=True, slots=True)
class Moment:
    """How things stand at one moment; what could not be read is None."""

    pressure: Pressure
    vitals: Vitals | None  # None: nobody watches this machine
    breakers: dict[LaneName, Tally]
    engine: Load
    is_engine_alive: bool
    asks_in_hand: int
    most_asks: int
    spooled: int | None = None
    spool_dropped: int | None = None
    info: dict[str, str] = field(default_factory=dict)


class Metrics:
    """Counters, histograms and gauges of one store."""

    def __init__(self) -> None:
        self._scrape = threading.Lock()  # one moment at a time is set and told
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        self._counted()
        self._momentary()

    def _counted(self) -> None:
        registry = self.registry
        self._stage = Histogram(
            "backroom_stage_seconds",
            "Time of one ask under one of the names of orchestration work, and the model's.",
            ["stage"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._ask = Histogram(
            "backroom_ask_seconds", "Time of a whole ask.", buckets=BUCKETS_S, registry=registry
        )
        self._tokens = _counter(registry, "tokens", "Tokens of the models.", "lane", "kind")
        self._attempts = _counter(
            registry, "attempts", "Lanes tried, by what came of it.", "lane", "outcome"
        )
        self._replies = _counter(registry, "replies", "Replies, by who answered.", "lane")
        self._fallbacks = _counter(
            registry, "fallbacks", "Replies of another lane than the first.", "wanted", "lane"
        )
        self._cut = _counter(registry, "replies_cut", "Replies cut to one sentence.", "lane")
        self._errors = _counter(registry, "errors", "Asks without a reply, by code.", "code")
        self._responses = _counter(registry, "responses", "HTTP responses, by status.", "status")
        for stage in STAGES:
            self._stage.labels(stage)

    def _momentary(self) -> None:
        registry = self.registry
        self._level = _gauge(registry, "pressure_level", "0 calm, 1 tight, 2 critical.")
        self._reading = _gauge(registry, "vitals", "The last reading of the machine.", "figure")
        self._breaker = _gauge(registry, "breaker_state", "0 closed, 1 half-open, 2 open.", "lane")
        self._opened = _gauge(registry, "breaker_opened", "Times it opened since start.", "lane")
        self._engine = _gauge(registry, "engine", "Asks and cells of the specialist.", "figure")
        self._alive = _gauge(registry, "engine_alive", "1 while the engine works.")
        self._desk = _gauge(registry, "asks_in_hand", "Asks running or waiting at the desk.")
        self._most = _gauge(registry, "asks_in_hand_limit", "Asks the desk takes at once.")
        self._spooled = _gauge(registry, "spool_items", "Items owed to headquarters.")
        self._dropped = _gauge(registry, "spool_dropped_items", "Items ever dropped: no room.")
        self._info = _gauge(registry, "info", "What runs here.", "release", "model", "store")

    def answered(self, reply: Reply) -> None:
        """Count a reply, but for what `spent` counts of it."""
        for stage, ms in times_told(reply):
            self._stage.labels(stage).observe(ms / 1000)
        self._replies.labels(reply.lane.value).inc()
        if is_fallback(reply):
            self._fallbacks.labels(reply.lanes[0].lane.value, reply.lane.value).inc()
        if reply.is_brief:
            self._cut.labels(reply.lane.value).inc()
        for attempt in reply.attempts:
            self._attempted(attempt)

    def spent(self, *, monitoring_ms: float, whole_ms: float) -> None:
        """Count what is known last of a reply: the time it was monitored, and its whole time."""
        self._stage.labels("monitoring").observe(monitoring_ms / 1000)
        self._ask.observe(whole_ms / 1000)

    def failed(self, code: str) -> None:
        """Count an ask that got no reply."""
        self._errors.labels(code).inc()

    def responded(self, status: int) -> None:
        """Count an HTTP response."""
        self._responses.labels(str(status)).inc()

    def text(self, moment: Moment) -> bytes:
        """Return everything in Prometheus' text format."""
        with self._scrape:
            self._set(moment)
            return generate_latest(self.registry)

    def _attempted(self, attempt: Attempt) -> None:
        lane, tokens = attempt.lane.value, attempt.tokens
        self._attempts.labels(lane, attempt.outcome).inc()
        if tokens.prompt:
            self._tokens.labels(lane, "prompt").inc(tokens.prompt)
            self._tokens.labels(lane, "reused").inc(tokens.reused)
            self._tokens.labels(lane, "generated").inc(tokens.generated)

    def _set(self, moment: Moment) -> None:
        self._level.set(int(moment.pressure.level))
        for name, value in vital_figures(moment.vitals).items():
            self._reading.labels(name).set(value)
        for lane, tally in moment.breakers.items():
            self._breaker.labels(lane.value).set(STATES[tally.state])
            self._opened.labels(lane.value).set(tally.opened)
        load = moment.engine
        self._engine.labels("running").set(load.running)
        self._engine.labels("waiting").set(load.waiting)
        self._engine.labels("cells_reserved").set(load.cells_reserved)
        self._engine.labels("cells").set(load.cells)
        self._engine.labels("failures").set(load.failures)
        self._alive.set(moment.is_engine_alive)
        self._desk.set(moment.asks_in_hand)
        self._most.set(moment.most_asks)
        if moment.spooled is not None:
            self._spooled.set(moment.spooled)
        if moment.spool_dropped is not None:
            self._dropped.set(moment.spool_dropped)
        if moment.info:
            self._info.clear()  # one release is told at a time, also after a switch
            self._info.labels(**moment.info).set(1)


def vital_figures(vitals: Vitals | None) -> dict[str, float]:
    """Return a reading's figures by their names; what the machine does not tell is left out."""
    if vitals is None:
        return {}
    found = {
        "memory_available_share": vitals.memory_available_share,
        "disk_free_mib": vitals.disk_free_mib,
        "temperature_c": vitals.temperature_c,
        "steal_share": vitals.steal_share,
        "cpu_share": vitals.cpu_share,
        "process_mib": vitals.process_mib,
    }
    return {name: round(value, 4) for name, value in found.items() if value is not None}


def _counter(registry: CollectorRegistry, name: str, about: str, *labels: str) -> Counter:
    return Counter(f"backroom_{name}", about, labels, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, about: str, *labels: str) -> Gauge:
    return Gauge(f"backroom_{name}", about, labels, registry=registry)

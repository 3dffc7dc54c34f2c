"""What a beat tells of the store: from its monitoring inside it, from its journal beside it."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from appliance.config import Settings
from appliance.errors import StoreError
from appliance.monitoring.sketch import Sketch
from appliance.ports import Clock
from appliance.records import LaneName
from appliance.store.db import Database

if TYPE_CHECKING:
    from appliance.standing import StandingStore

MOST_ROWS = 2_000  # of the journal, looked at for one beat
LOOK_S = 2.0  # for the store's server to say how it is
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a store is now."""

    level: str = "unknown"
    ready: bool = False
    faults: tuple[str, ...] = ()
    uptime_s: float = 0.0
    errors: int = 0  # asks without a reply since its start
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    shares: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What was said since a row of the journal."""

    row: int  # up to which it was looked at
    head: Mapping[str, object]  # sequence and hash of the journal's last row
    asks: int = 0
    lanes: Mapping[str, int] = field(default_factory=dict)
    calibration: Mapping[str, float] = field(default_factory=dict)
    p50_ms: float = 0.0
    p95_ms: float = 0.0


class Figures(Protocol):
    """Looks at the store."""

    def standing(self) -> Standing:
        """Return how it is; never raises for a store that is ill."""
        ...


@dataclass(frozen=True, slots=True)
class InsideFigures:
    """Of the store whose server this process is."""

    store: StandingStore

    def standing(self) -> Standing:
        """Return how it is."""
        monitoring = self.store.monitoring
        health = self.store.health(is_counted=False)
        hour = monitoring.history.plain()["together"]
        began_at, now = monitoring.began_at, monitoring.clock.now()
        del hour["stages"]
        return Standing(
            level=monitoring.guard.pressure.level.word,
            ready=bool(health["ready"]),
            faults=tuple(health["faults"]),
            uptime_s=max(0.0, (now - began_at).total_seconds()),
            errors=sum(hour["errors"].values()),
            p50_ms=hour["p50_ms"] or 0.0,
            p95_ms=hour["p95_ms"] or 0.0,
            shares=hour["shares"],
        )


@dataclass(frozen=True, slots=True)
class BesideFigures:
    """Of a store whose server is another process on this machine."""

    settings: Settings
    clock: Clock

    def standing(self) -> Standing:
        """Return how it is."""
        import httpx  # noqa: PLC0415

        address = f"http://{self.settings.host}:{self.settings.port}/health"
        try:
            answer = httpx.get(address, timeout=LOOK_S, trust_env=False)
            found = answer.json()
            return Standing(level=str(found["level"]), ready=bool(found["ready"]))
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as exc:
            why = f"The store's server does not answer at {address}: {type(exc).__name__}."
            return Standing(faults=(why,))


@dataclass(frozen=True, slots=True)
class JournalFigures:
    """What the journal tells; the same inside and beside."""

    database: Database

    def since(self, row: int) -> Told:
        """Return what was said after a row; of -1 nothing but where the journal ends.

        Raises:
            StoreError: The database could not be read.
        """
        head = self._head()
        if row < 0:
            return Told(int(str(head.get("sequence", 0))), head)
        rows = self.database.rows(
            "SELECT sequence, kind, json_extract(body, '$.reply.lane'),"
            " json_extract(body, '$.reply.confidence'), json_extract(body, '$.reply.times_ms'),"
            " json_extract(body, '$.verdict') FROM journal WHERE sequence > ?"
            " AND kind IN ('reply', 'feedback') ORDER BY sequence LIMIT ?",
            (row, MOST_ROWS),
        )
        last = int(rows[-1][0]) if len(rows) == MOST_ROWS else int(str(head.get("sequence", row)))
        return _told(last, head, rows)

    def _head(self) -> dict[str, object]:
        rows = self.database.rows(
            "SELECT sequence, hash FROM journal ORDER BY sequence DESC LIMIT 1"
        )
        return {"sequence": rows[0][0], "hash": rows[0][1]} if rows else {"sequence": 0, "hash": ""}


def _told(last: int, head: Mapping[str, object], rows: list[tuple[object, ...]]) -> Told:
    lanes, whole = Counter[str](), Sketch()
    answered, expected, down = 0, 0.0, 0
    for _, kind, lane, confidence, times, verdict in rows:
        if kind == "feedback":
            down += verdict == "down"
            continue
        lanes[str(lane)] += 1
        whole.add(sum(ms for _, ms in json.loads(str(times or "[]"))))
        if lane != LaneName.HANDOFF:
            answered += 1
            expected += float(str(confidence or 0.0))
    return Told(
        row=last,
        head=head,
        asks=lanes.total(),
        lanes=dict(lanes),
        calibration={"answered": answered, "expected": round(expected, 4), "down": down},
        p50_ms=whole.quantile(0.5) or 0.0,
        p95_ms=whole.quantile(0.95) or 0.0,
    )


def read_told(figures: JournalFigures, row: int) -> Told | None:
    """Return what was said after a row, or None where the journal cannot be read now."""
    try:
        return figures.since(row)
    except StoreError as exc:
        log.warning("agent: the journal cannot be read for the beat: %s", exc)
        return None

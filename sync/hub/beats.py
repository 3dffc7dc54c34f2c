"""`POST /v1/beat`: how every store is, and what is wished of it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler, post
from sqlalchemy import Connection, bindparam, select

from sync.hub.alarms import DROPS, EXPIRED, JOURNAL_BACK
from sync.hub.bodies import MOST_BYTES, answered, count, read_record, words
from sync.hub.book import BeatBook, Entry, slot_of
from sync.hub.door import Caller
from sync.hub.parts import Hub
from sync.hub.tables import beats
from sync.wire import BEAT, Beat, BeatAnswer, Wish

JITTER = 0.1  # of the interval, so that stores that began together drift apart
SAID_FOR = 1.5  # intervals: a wish is told in beats for so long, for an answer can get lost
# Words of a store's fault that tell of its trusted metadata: `sync.errors.StaleMetadata`.
METADATA, PAST = "metadata", ("expired", "past its date", "stale")
FIND_BEFORE = select(
    beats.c.received_at,
    beats.c.boot,
    beats.c.sequence,
    beats.c.dropped,
    beats.c.journal,
    beats.c.journal_hash,
).where(beats.c.device == bindparam("device"))


@dataclass(frozen=True, slots=True)
class Before:
    """What the device's newest beat said."""

    received_at: datetime
    boot: str
    sequence: int
    dropped: int
    journal: int
    journal_hash: str


def beat_handlers(hub: Hub) -> list[HTTPRouteHandler]:
    """Return the handlers over a hub."""
    book = BeatBook(hub.ledger)
    draw = random.Random().uniform  # noqa: S311 - spreads load, guards nothing

    @post(BEAT, request_max_body_size=MOST_BYTES)
    async def beat(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Keep a store's beat, and answer with the time and what is wished of it."""
        caller, before = await hub.door.reading(request, find_before)
        told = await read_record(request, Beat)
        now = hub.clock.now()
        if before is None or not is_old(told, before):
            await book.put(entry_of(told, caller, before, now=now))
        interval_s = hub.settings.beat_s * draw(1 - JITTER, 1 + JITTER)
        wishes = () if before is None else _wishes(hub, caller, before, now)
        return answered(BeatAnswer(now, interval_s, caller.ring, wishes))

    return [beat]


def is_old(told: Beat, before: Before) -> bool:
    """Tell whether a beat was heard before, or overtaken on its way."""
    return words(told.boot, 64) == before.boot and told.sequence <= before.sequence


def entry_of(told: Beat, caller: Caller, before: Before | None, *, now: datetime) -> Entry:
    """Return what the ledger keeps of a beat; pure."""
    level, live = words(told.level, 16), words(told.switch.live, 200)
    row = {
        "device": caller.device,
        "store": caller.store,
        "received_at": now,
        "boot": words(told.boot, 64),
        "sequence": count(told.sequence),
        "level": level,
        "live": live,
        "counter": count(told.switch.counter),
        "state": told.switch.state.value,
        "dropped": count(told.spool.get("dropped")),
        "journal": count(told.journal.get("sequence")),
        "journal_hash": words(str(told.journal.get("hash", "")), 128),
        "body": msgspec.json.encode(told).decode(),
    }
    slot = {
        "store": caller.store,
        "slot_at": slot_of(now),
        "beats": 1,
        "asks": count(told.asks),
        "errors": count(told.errors),
        "p50_ms": told.p50_ms,
        "p95_ms": told.p95_ms,
        "level": level,
        "live": live,
    }
    return Entry(row, slot, faults_of(told, before))


def faults_of(told: Beat, before: Before | None) -> Mapping[str, str]:
    """Return the alarms that a beat raises, kind and reason; pure."""
    found = {}
    if any(METADATA in fault and any(word in fault for word in PAST) for fault in told.faults):
        found[EXPIRED] = "The store's trusted metadata has expired: it takes no new release."
    if before is None:
        return found
    dropped = count(told.spool.get("dropped"))
    if dropped > before.dropped:
        lost = dropped - before.dropped
        found[DROPS] = f"Its spool was full: {lost:,} items were dropped since the beat before."
    at, digest = count(told.journal.get("sequence")), words(str(told.journal.get("hash", "")), 128)
    if told.journal and at < before.journal:
        found[JOURNAL_BACK] = f"Its journal ended at {before.journal:,} and now ends at {at:,}."
    elif told.journal and at == before.journal and digest != before.journal_hash:
        found[JOURNAL_BACK] = f"Row {at:,} of its journal is another than it was."
    return found


def find_before(connection: Connection, caller: Caller) -> tuple[Caller, Before | None]:
    """Return the caller, and what its newest beat said."""
    row = connection.execute(FIND_BEFORE, {"device": caller.device}).first()
    return caller, None if row is None else Before(*row)


def _wishes(hub: Hub, caller: Caller, before: Before, now: datetime) -> tuple[Wish, ...]:
    repeated = timedelta(seconds=hub.settings.beat_s * SAID_FOR)
    since = min(now, before.received_at) - repeated
    return hub.signals.wishes_for(caller.store, caller.ring, since=since)

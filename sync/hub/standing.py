"""How every store stands: what the table of `backroom hub stores` and a rollout go by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, and_, select

from sync.hub.alarms import open_alarms
from sync.hub.registry import REVOKED
from sync.hub.tables import beats, devices, stores
from sync.wire import Beat

NOT_ENROLLED = "not enrolled"


@dataclass(frozen=True, slots=True)
class StoreStanding:
    """One store, as headquarters knows it."""

    store: str
    ring: str
    device: str  # '' while none is enrolled
    state: str  # active | quarantined | revoked | not enrolled
    received_at: datetime | None  # when its newest beat came; None: none yet
    beat: Beat | None  # the newest; `.switch` says where it stands between releases
    alarms: tuple[str, ...]  # kinds of those that are open


def standings(connection: Connection, *, ring: str | None = None) -> list[StoreStanding]:
    """Return how the stores stand, all or a ring's, by number."""
    query = (
        select(
            stores.c.number,
            stores.c.ring,
            devices.c.id,
            devices.c.state,
            beats.c.received_at,
            beats.c.body,
        )
        .outerjoin(devices, and_(devices.c.store == stores.c.number, devices.c.state != REVOKED))
        .outerjoin(beats, beats.c.device == devices.c.id)
        .order_by(stores.c.number)
    )
    if ring is not None:
        query = query.where(stores.c.ring == ring)
    raised: dict[str, list[str]] = {}
    for alarm in open_alarms(connection):
        raised.setdefault(alarm.store, []).append(alarm.kind)
    had_one = set(connection.execute(select(devices.c.store).distinct()).scalars())
    absent = dict.fromkeys(had_one, REVOKED)
    return [
        StoreStanding(
            store=row.number,
            ring=row.ring,
            device=row.id or "",
            state=row.state or absent.get(row.number, NOT_ENROLLED),
            received_at=row.received_at,
            beat=None if row.body is None else msgspec.json.decode(row.body, type=Beat),
            alarms=tuple(raised.get(row.number, ())),
        )
        for row in connection.execute(query)
    ]

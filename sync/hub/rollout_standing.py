"""Where a rollout stands, read from the ledger alone: for commands and the console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from sync.hub import rollout_book as book
from sync.hub.rollout_book import Rollout
from sync.hub.rollout_views import Views
from sync.rollout.engine import Decision, decide, tallies
from sync.rollout.events import Status, progress
from sync.rollout.fates import Tally
from sync.rollout.quality import Halves
from sync.rollout.sightings import halves


@dataclass(frozen=True, slots=True)
class Standing:
    """A rollout now; `decision` is what the hub would do next."""

    status: Status
    decision: Decision
    tallies: Mapping[str, Tally]  # of the rings begun
    quality: Halves


def standing(connection: Connection, found: Rollout, *, now: datetime) -> Standing:
    """Return where a rollout stands; its quality is up to a minute old."""
    views = Views(found.id, book.read_sightings(connection, found.id))
    rings = [ring.ring for ring in found.plan.rings]
    stores = views.see(book.heard(connection, rings), found.plan.release)
    told = halves(found.plan, views.sightings, stores, began_at=found.started_at, now=now)
    stands = progress(found.plan, found.events)
    return Standing(
        status=stands.status,
        decision=decide(found.plan, found.events, stores, now=now, quality=told),
        tallies=tallies(found.plan, stands, stores, now),
        quality=told,
    )

"""The hub as one object: what its handlers and jobs share. Whoever opened it closes it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from appliance.clock import SystemClock
from appliance.ports import Clock
from appliance.web.limits import Buckets
from sync.hub.blobs import Blobs, open_blobs
from sync.hub.counts import Counts
from sync.hub.door import Door
from sync.hub.keys import make_private_folder, read_signer
from sync.hub.ledger import Ledger
from sync.hub.migrate import migrate
from sync.hub.pieces import Pieces
from sync.hub.settings import HubSettings
from sync.hub.signals import Signals
from sync.hub.tokens import Signer
from sync.hub.wakes import Wakes

MOST_ADDRESSES = 10_000  # whose tries are counted; the one longest unheard is forgotten


@dataclass(frozen=True, slots=True)
class Hub:
    """Everything a handler or a job needs.

    Attributes:
        door: Says whose request it is: `await hub.door.device(request)`, `.operator(request)`.
        ledger: `read`, `write` and, from the event loop, `reading`, `writing`.
        signals: What was wished of stores lately, as this worker knows it.
        wakes: The streams that this worker holds.
    """

    settings: HubSettings
    ledger: Ledger
    signer: Signer
    clock: Clock
    door: Door
    signals: Signals
    wakes: Wakes
    limits: Limits
    pieces: Pieces
    blobs: Blobs
    counts: Counts


@dataclass(frozen=True, slots=True)
class Limits:
    """How often somebody without an identity may come."""

    enrols: Buckets  # all together
    enrols_of: Buckets  # by address
    failures_of: Buckets  # by address: token requests that proved nothing


@contextmanager
def open_hub(settings: HubSettings, *, clock: Clock | None = None) -> Iterator[Hub]:
    """Open the hub of a home, its schema brought up to date.

    Raises:
        BadInput: The token key is missing or others can read it, or the database is a newer hub's.
        LedgerError: The database cannot be opened.
    """
    clock = clock or SystemClock()
    migrate(settings.database_url)
    signer = read_signer(settings.token_key_file)
    pieces, blobs = Pieces(settings.home / "incoming"), open_blobs(settings.blobs_place)
    for folder in (pieces.folder, getattr(blobs, "folder", None)):
        if folder is not None:  # what stores sent is for nobody else on this machine
            make_private_folder(folder)
    ledger = Ledger(settings.database_url)
    try:
        wakes = Wakes(most=settings.streams, per_s=settings.wakes_per_s)
        yield Hub(
            settings=settings,
            ledger=ledger,
            signer=signer,
            clock=clock,
            door=Door(ledger, signer, clock),
            signals=Signals(ledger, clock, wakes),
            wakes=wakes,
            limits=_limits(settings),
            pieces=pieces,
            blobs=blobs,
            counts=Counts(ledger),
        )
    finally:
        ledger.close()


def _limits(settings: HubSettings) -> Limits:
    def buckets(per_minute: float) -> Buckets:
        # Each worker counts for itself: together they let through what is set.
        share = per_minute / settings.workers
        burst = max(1, int(share))
        return Buckets(share, burst, most_keys=MOST_ADDRESSES, monotonic=time.monotonic)

    return Limits(
        enrols=buckets(settings.enrols_per_minute),
        enrols_of=buckets(settings.enrols_per_address),
        failures_of=buckets(settings.failures_per_address),
    )

"""What the hub does by itself, now and then: each job in one worker at a time, by a lease."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from appliance.errors import BackroomError
from appliance.ports import Clock
from sync.hub.ledger import Ledger
from sync.hub.tables import leases

log = logging.getLogger("backroom.hub")
LEASE_S = 12.0  # a worker that died holds the jobs at most so long
RENEW_S = 4.0
LOOK_S = 0.25
HUB_JOBS = "hub"  # one lease for all: one worker is the one that does them


@dataclass(frozen=True, slots=True)
class Job:
    """Something done again and again; it may block, and it raises only our own errors."""

    name: str
    every_s: float
    step: Callable[[], object]


@dataclass(slots=True)
class Jobs:
    """Runs jobs on the event loop's threads while this worker holds the lease."""

    ledger: Ledger
    clock: Clock
    holder: str  # this worker's name, like no other's
    jobs: list[Job]

    async def run(self) -> None:
        """Do them until cancelled; one that takes long keeps no other waiting."""
        due = {job.name: 0.0 for job in self.jobs}
        renew_at, is_holder = 0.0, False
        running: dict[str, asyncio.Task[None]] = {}
        while True:
            now = self.clock.monotonic()
            if now >= renew_at:
                is_holder, renew_at = await self._take(), now + RENEW_S
            for job in self.jobs if is_holder else ():
                last = running.get(job.name)
                if now >= due[job.name] and (last is None or last.done()):
                    due[job.name] = now + job.every_s
                    running[job.name] = asyncio.get_running_loop().create_task(self._do(job))
            await asyncio.sleep(LOOK_S)

    async def _take(self) -> bool:
        now = self.clock.now()
        try:
            if await self.ledger.reading(lambda c: _is_anothers(c, self.holder, now)):
                return False
            return await self.ledger.writing(lambda c: take_lease(c, HUB_JOBS, self.holder, now))
        except BackroomError as exc:
            log.warning("%s: the hub's jobs wait: %s", exc.code, exc)
            return False

    async def _do(self, job: Job) -> None:
        try:
            await asyncio.to_thread(job.step)
        except BackroomError as exc:
            log.warning("%s: job %s: %s", exc.code, job.name, exc)
        except Exception:
            # One job's bug must not stop the others, nor the stores' requests; it comes again.
            log.exception("Job %s has a bug.", job.name)


def take_lease(connection: Connection, job: str, holder: str, now: datetime) -> bool:
    """Take or renew a lease; return whether it is this holder's now."""
    until = now + timedelta(seconds=LEASE_S)
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = kind.insert(leases).values(job=job, holder=holder, until=until)
    connection.execute(new.on_conflict_do_nothing(index_elements=[leases.c.job]))
    free = or_(leases.c.holder == holder, leases.c.until < now)
    taking = update(leases).where(leases.c.job == job, free).values(holder=holder, until=until)
    return connection.execute(taking).rowcount == 1


def _is_anothers(connection: Connection, holder: str, now: datetime) -> bool:
    """Tell whether another worker holds the lease: reading that costs no write every time."""
    row = connection.execute(select(leases).where(leases.c.job == HUB_JOBS)).first()
    return row is not None and row.holder != holder and row.until >= now

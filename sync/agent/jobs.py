"""The agent's jobs on APScheduler: each alone, each with its fault told, none stops another."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from appliance.errors import BackroomError, LineResting
from appliance.recurring import recurring
from sync.agent.memory import Memory

log = logging.getLogger(__name__)

THREADS = 4
WATCH_S = 10.0  # between looks at whether the clock was put
IDLE = "idle"  # returned by a job that had nothing to do
JUMP_S = 30.0  # the clock was put: by more than it drifts in `WATCH_S`


@dataclass(frozen=True, slots=True)
class Job:
    """Something done again and again."""

    name: str
    work: Callable[[], Any]
    every_s: float
    jitter: float = 0.1  # of `every_s`: stores that began together drift apart
    first_s: float = 0.0  # after the start


@dataclass(slots=True)
class Jobs:
    """Runs jobs; a job never runs twice at once."""

    memory: Memory
    draw: Callable[[], float] = random.random  # spreads load, guards nothing
    monotonic: Callable[[], float] = time.monotonic
    _scheduler: Any = field(default=None, init=False)
    _offset_s: float = field(default=0.0, init=False)

    @contextmanager
    def running(self, jobs: tuple[Job, ...]) -> Iterator[None]:
        """Run these while the block does; the end waits for no job."""
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(THREADS)},
            # However late: what was due while the machine slept is done once, now.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        for job in jobs:
            self._scheduler.add_job(
                self._guarded(job),
                "interval",
                seconds=job.every_s,
                jitter=job.jitter * job.every_s or None,
                id=job.name,
                next_run_time=_in(job.first_s),
            )
        self._offset_s = self._clock_offset()
        self._scheduler.start()
        try:
            with recurring(self._watch, every_s=WATCH_S, name="agent-clock", is_begun=True):
                yield
        finally:
            self._scheduler.shutdown(wait=False)

    def soon(self, name: str, *, in_s: float = 0.0) -> None:
        """Run a job before its time, in so many seconds."""
        if self._scheduler is not None and self._scheduler.get_job(name) is not None:
            self._scheduler.modify_job(name, next_run_time=_in(in_s))

    def next_at(self, name: str) -> datetime | None:
        """Return when a job runs next, by this machine's clock."""
        job = self._scheduler.get_job(name) if self._scheduler is not None else None
        return job.next_run_time if job is not None else None

    def _guarded(self, job: Job) -> Callable[[], None]:
        def run() -> None:
            try:
                if job.work() is IDLE:
                    return  # nothing was tried, so what was wrong may still be
            except LineResting:
                return  # what is wrong was told when it broke
            except BackroomError as exc:
                if self.memory.known.faults.get(job.name) != str(exc):
                    log.warning("agent: %s: %s", job.name, exc)
                self.memory.fault(job.name, str(exc))
            except Exception as exc:  # the outermost loop: told, counted, tried again
                log.exception("agent: %s failed", job.name)
                self.memory.fault(job.name, f"{job.name} has a bug: {type(exc).__name__}.")
            else:
                self.memory.fault(job.name, "")

        return run

    def _watch(self) -> None:
        """Begin anew when the clock was put: the scheduler goes by it, and would wait for years."""
        offset_s = self._clock_offset()
        if abs(offset_s - self._offset_s) > JUMP_S:
            log.warning("agent: the clock was put by %.0f s", offset_s - self._offset_s)
            for job in self._scheduler.get_jobs():
                self.soon(job.id, in_s=self.draw())
        self._offset_s = offset_s

    def _clock_offset(self) -> float:
        return datetime.now(UTC).timestamp() - self.monotonic()


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)

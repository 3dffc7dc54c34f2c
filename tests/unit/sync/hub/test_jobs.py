from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.errors import BadInput
from sync.hub import jobs as jobs_module
from sync.hub.jobs import Job, Jobs
from sync.hub.ledger import Ledger
from sync.hub.migrate import migrate
from tests.fakes.clock import FakeClock


class Ticking(FakeClock):
    """Goes on a little each time it is looked at."""

    def monotonic(self) -> float:
        self.advance(0.3)
        return self.elapsed_s


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setattr(jobs_module, "LOOK_S", 0.001)
    migrate(f"sqlite:///{tmp_path / 'hub.db'}")
    ledger = Ledger(f"sqlite:///{tmp_path / 'hub.db'}")
    yield ledger
    ledger.close()


def run(*workers: Jobs, until: Callable[[], bool]) -> None:
    async def story() -> None:
        tasks = [asyncio.create_task(worker.run()) for worker in workers]
        async with asyncio.timeout(30):
            while not until():
                await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(story())


def test_a_job_is_done_again_and_again_by_the_one_worker_that_holds_the_lease(
    ledger: Ledger,
) -> None:
    clock, done = Ticking(), []
    workers = [
        Jobs(ledger, clock, name, [Job("count", 5.0, lambda name=name: done.append(name))])
        for name in ("a", "b")
    ]

    run(*workers, until=lambda: len(done) >= 5)

    assert len(set(done)) == 1


def test_a_job_that_fails_or_has_a_bug_comes_again_and_stops_no_other(ledger: Ledger) -> None:
    done: list[str] = []

    def fails() -> None:
        done.append("fails")
        raise BadInput("not now")

    def buggy() -> None:
        done.append("buggy")
        raise ZeroDivisionError

    names = ("fails", "buggy", "sound")
    steps = (fails, buggy, lambda: done.append("sound"))
    worker = Jobs(
        ledger, Ticking(), "a", [Job(n, 5.0, s) for n, s in zip(names, steps, strict=True)]
    )

    run(worker, until=lambda: all(done.count(name) >= 3 for name in names))

    assert set(done) == set(names)


def test_a_job_that_takes_long_runs_once_at_a_time_and_keeps_none_waiting(ledger: Ledger) -> None:
    gate = threading.Event()
    begun: list[int] = []
    quick: list[int] = []

    def slow() -> None:
        begun.append(1)
        gate.wait(20)

    def is_seen() -> bool:
        if len(quick) >= 5:
            gate.set()
        return gate.is_set()

    worker = Jobs(
        ledger,
        Ticking(),
        "a",
        [Job("slow", 1.0, slow), Job("quick", 1.0, lambda: quick.append(1))],
    )

    run(worker, until=is_seen)

    assert len(begun) <= 2

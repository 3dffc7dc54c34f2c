"""Stores in a real ledger that beat as they are told, and a real repository the hub signs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from sqlalchemy import delete, insert, select

from sync.hub import rollout_book as book
from sync.hub import tables
from sync.hub.ledger import Ledger
from sync.hub.migrate import migrate
from sync.hub.rollouts import Rollouts
from sync.publish.repository import Repository
from sync.rollout import words
from sync.rollout.events import Event
from sync.rollout.plan import Plan
from sync.wire import Beat, SwitchReport, SwitchState
from tests.builders.repositories import published, release, repository
from tests.fakes.clock import FakeClock

OLD, NEW = "v1", "v2"


@dataclass
class Fleet:
    ledger: Ledger
    repository: Repository
    clock: FakeClock
    sequences: dict[str, int] = field(default_factory=dict)

    def add(self, *stores: str, ring: str = "lab") -> None:
        now = self.clock.now()
        for store in stores:
            row = {"number": store, "ring": ring, "made_at": now}
            device = {"id": f"d{store}", "store": store, "public_key": b"k" * 32}
            device |= {"state": "active", "machine": "{}", "enrolled_at": now}
            self.ledger.write(
                lambda c, r=row, d=device: (
                    c.execute(insert(tables.stores), r),
                    c.execute(insert(tables.devices), d),
                )
            )

    def beat(
        self,
        store: str,
        state: SwitchState = SwitchState.SETTLED,
        *,
        live: str = NEW,
        **more: object,
    ) -> None:
        number = self.sequences[store] = self.sequences.get(store, 0) + 1
        candidate = "" if state is SwitchState.SETTLED else NEW
        report = SwitchReport(state, live, 1, candidate=candidate, why=str(more.pop("why", "")))
        now = self.clock.now()
        told = Beat("boot", number, now, "1", "lab", report, **more)  # type: ignore[arg-type]
        row = {
            "device": f"d{store}",
            "store": store,
            "received_at": now,
            "boot": "boot",
            "sequence": number,
            "level": "normal",
            "live": live,
            "counter": 1,
            "state": state.value,
            "dropped": 0,
            "journal": 0,
            "journal_hash": "",
            "body": msgspec.json.encode(told).decode(),
        }
        self.ledger.write(
            lambda c: (
                c.execute(delete(tables.beats).where(tables.beats.c.store == store)),
                c.execute(insert(tables.beats), row),
            )
        )

    def start(self, plan: Plan, *, by: str = "Ana", rollout: str = "r1") -> None:
        first = words.started(by=by, at=self.clock.now())
        self.ledger.write(lambda c: book.begin(c, rollout, plan, first))

    def say(self, event: Event) -> None:
        found = self.rollout()
        self.ledger.write(lambda c: book.append(c, found.id, event, number=len(found.log) + 1))

    def job(self) -> Rollouts:
        return Rollouts(self.ledger, self.repository, self.clock)

    def rollout(self, rollout: str = "r1") -> book.Rollout:
        found = self.ledger.read(lambda c: book.find_rollout(c, rollout))
        assert found is not None
        return found

    def wishes(self) -> list[tuple[str, str]]:
        query = select(tables.signals.c.kind, tables.signals.c.to_ring).order_by(
            tables.signals.c.id
        )
        return [tuple(row) for row in self.ledger.read(lambda c: c.execute(query).all())]

    def kinds(self) -> list[str]:
        return [written.event.kind.value for written in self.rollout().log]


@contextmanager
def fleet(folder: Path, url: str = "") -> Iterator[Fleet]:
    clock = FakeClock()
    repo = repository(folder, clock)
    for name, counter in ((OLD, 1), (NEW, 2)):
        published(repo, release(folder / name, name, counter))
    url = url or f"sqlite:///{folder / 'hub.db'}"
    migrate(url)
    ledger = Ledger(url)
    try:
        yield Fleet(ledger, repo, clock)
    finally:
        ledger.close()

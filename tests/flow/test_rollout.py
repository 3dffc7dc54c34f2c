"""A rollout through real hub processes, a real signed repository and stores at protocol level."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from sync.errors import NotPublished
from sync.hub import rollout_book as book
from sync.hub.ledger import Ledger
from sync.hub.rollout_commands import app
from sync.hub.settings import FILE_NAME, load_settings
from sync.publish.repository import Repository
from sync.rollout.events import EventKind
from sync.trust.ring import RingPointer
from sync.wire import SwitchReport, SwitchState, WishKind
from tests.builders.hub.homes import make_home
from tests.builders.hub.process import CLOCK, RunningHub, running, start, stop
from tests.builders.hub.store_end import StoreEnd
from tests.builders.repositories import PASSPHRASE, published, release, repository

OLD, NEW = "v1", "v2"
PLAN = """
release = "v2"
counter = 2
watch_s = 3600

[[rings]]
ring = "lab"
splay_s = 0
steps = [{ percent = 100, success = 1.0, fail_count = 1, soak_s = 0.5 }]

[[rings]]
ring = "all"
approval = true
splay_s = 0
steps = [{ percent = 100, fail_count = 1, soak_s = 0.5 }]
"""


@dataclass
class Chain:
    home: Path
    repository: Repository
    plan: Path

    def say(self, *words: str, ok: bool = True) -> str:
        """Run `backroom rollout …`; return what it prints."""
        found = CliRunner().invoke(app, [*words, "--home", str(self.home)])
        assert (found.exit_code == 0) is ok, f"{found.output}\n{found.exception}"
        return found.output if ok else str(found.exception)

    def pointer(self, ring: str) -> RingPointer | None:
        try:
            return self.repository.ring(ring)
        except NotPublished:
            return None

    def log(self) -> list[tuple[EventKind, str]]:
        ledger = Ledger(load_settings(self.home).database_url)
        try:
            found = ledger.read(book.latest_rollout)
            assert found is not None
            return [(event.kind, event.ring) for event in found.events]
        finally:
            ledger.close()


def chain(folder: Path) -> Chain:
    """Make a hub's home whose repository holds two releases, with the keys to point rings."""
    made = repository(folder, CLOCK)
    for name, counter in ((OLD, 1), (NEW, 2)):
        published(made, release(folder / name, name, counter))
    passphrase = folder / "keys" / "passphrase"
    passphrase.write_text(PASSPHRASE)
    passphrase.chmod(0o600)
    home = make_home(folder / "hub")
    (home / FILE_NAME).write_text(
        f'repository = "{folder / "repo"}"\n\n'
        f'[rollouts]\nstep_s = 0.2\nkeys = "{folder / "keys"}"\n'
    )
    plan = folder / "plan.toml"
    plan.write_text(PLAN)
    return Chain(home, made, plan)


@contextmanager
def entered(hub: RunningHub, number: str, ring: str) -> Iterator[StoreEnd]:
    store = hub.store(number, ring)
    try:
        yield store
    finally:
        store.client.close()


def settled() -> SwitchReport:
    return SwitchReport(SwitchState.SETTLED, NEW, 2, previous=OLD)


def until(is_so: Callable[[], bool]) -> bool:
    """Wait, within bounds, for what the hub's job does by itself."""
    for _ in range(600):
        if is_so():
            return True
        time.sleep(0.1)
    return False


def test_a_release_goes_from_ring_to_ring_and_a_failure_halts_it(tmp_path: Path) -> None:
    made = chain(tmp_path)
    with (
        running(made.home, "--workers", "2") as hub,
        entered(hub, "0001", "lab") as one,
        entered(hub, "0002", "lab") as two,
        entered(hub, "0003", "all") as three,
    ):
        for store in (one, two, three):
            store.beaten(switch=SwitchReport(SwitchState.SETTLED, OLD, 1))
        made.say("start", str(made.plan), "--as", "Ana")
        assert until(lambda: made.pointer("lab") is not None)
        assert made.pointer("all") is None

        one.beaten(switch=settled())
        two.beaten(switch=settled())
        assert until(lambda: "waits for approval" in made.say("status"))
        assert "somebody else approves" in made.say("approve", "--as", "ana", ok=False)
        made.say("approve", "--as", "Ben")
        assert until(lambda: made.pointer("all") is not None)

        back = SwitchReport(SwitchState.BACK, OLD, 1, candidate=NEW, why="3 crashes")
        three.beaten(switch=back)
        # Asked beat by beat: a wish is told for a beat and a half, and this machine may be slow.
        wished = (WishKind.PAUSE, "all")
        assert until(lambda: wished in [(w.kind, w.ring) for w in three.beaten(switch=back).wishes])
        assert until(lambda: "halted" in made.say("status"))
        assert until(lambda: {made.pointer(r).state for r in ("lab", "all")} == {"pause"})  # type: ignore[union-attr]

    assert made.log() == [
        (EventKind.STARTED, ""),
        (EventKind.ADVANCED, "lab"),
        (EventKind.APPROVED, "all"),
        (EventKind.ADVANCED, "all"),
        (EventKind.HALTED, ""),
    ]
    told = made.say("status")
    assert "0003: 3 crashes" in told
    assert "by Ben" in told


def test_a_hub_killed_again_and_again_takes_each_step_once(tmp_path: Path) -> None:
    made = chain(tmp_path)
    made.plan.write_text(PLAN.replace("approval = true\n", ""))
    hub = start(made.home)
    try:
        with entered(hub, "0001", "lab") as one, entered(hub, "0002", "all") as two:
            made.say("start", str(made.plan), "--as", "Ana")
            for pause_s in (0.0, 0.3, 0.9):
                time.sleep(pause_s)
                hub.kill()
                hub = start(made.home)
                for store in (one, two):
                    store.client.base_url = hub.url
                one.beaten(switch=settled())
            assert until(lambda: made.pointer("all") is not None)
            two.beaten(switch=settled())
            assert until(lambda: "watched until" in made.say("status"))
            made.say("finish", "--as", "Ana")
            assert until(lambda: "over since" in made.say("status"))
    finally:
        stop(hub)

    assert made.log() == [
        (EventKind.STARTED, ""),
        (EventKind.ADVANCED, "lab"),
        (EventKind.ADVANCED, "all"),
        (EventKind.DONE, ""),
    ]


def test_what_cannot_be_signed_is_not_started(tmp_path: Path) -> None:
    made = chain(tmp_path)
    made.plan.write_text(PLAN.replace("counter = 2", "counter = 3"))
    wrong = made.say("start", str(made.plan), "--as", "Ana", ok=False)
    made.plan.write_text(PLAN.replace('"v2"', '"v9"'))
    unknown = made.say("start", str(made.plan), "--as", "Ana", ok=False)
    made.repository.promote(RingPointer("all", NEW, 2))
    made.plan.write_text(PLAN.replace('"v2"', '"v1"').replace("counter = 2", "counter = 1"))
    older = made.say("start", str(made.plan), "--as", "Ana", ok=False)
    (tmp_path / "keys" / "keys.json").unlink()
    made.plan.write_text(PLAN)
    keyless = made.say("start", str(made.plan), "--as", "Ana", ok=False)

    assert "has counter 2, the plan says 3" in wrong
    assert "v9" in unknown
    assert "Ring all is at v2" in older
    assert "no keys" in keyless
    assert "no rollout yet" in made.say("status")
    assert "No rollout is open" in made.say("halt", "--as", "Ana", ok=False)

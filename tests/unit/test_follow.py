from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.backroom import Store
from appliance.codec import to_plain
from appliance.config import Settings
from appliance.errors import DamagedRelease, EngineError, StoreError
from appliance.follow import Follower
from appliance.live import HEALTHY_S, OWN, SWITCH, Live, Slot, read_standing
from appliance.release import Release
from appliance.store.home import Home, open_home
from tests.builders.stores import Parts
from tests.fakes.clock import FakeClock
from tests.fakes.monitoring import IdleModel

V1, V2 = Slot("v1", 1), Slot("v2", 2)


class Chain:
    """Releases that open or not, as the test says; each a whole store over one home."""

    def __init__(self, home: Path) -> None:
        self.clock = FakeClock()
        self.settings = Settings(home=home, release=home / "installed")
        self.home: Home = open_home(self.settings, self.clock)
        self.faults: dict[str, Exception] = {}
        self.opened: list[str] = []
        self.closed: list[str] = []

    def open(self, slot: Slot) -> Store:
        self.opened.append(slot.id)
        if slot.id in self.faults:
            raise self.faults[slot.id]
        store = Parts.at(self.settings.home, self.clock).store(self.settings.home)
        manifest = replace(store.release.manifest, id=slot.id, counter=slot.counter)
        store.resources.callback(self.closed.append, slot.id)
        return replace(store, release=Release(store.release.folder, manifest))

    @contextmanager
    def standing(self) -> Iterator[Follower]:
        follower = Follower(self.settings, self.clock, open_slot=self.open, home=lambda: self.home)
        try:
            yield follower
        finally:
            follower.close()

    def name(self, live: Slot, previous: Slot | None, turn: int, state: str = "live") -> None:
        said = to_plain(Live(live, previous, turn, state))
        beside = self.settings.home / ".switch"
        beside.write_text(json.dumps(said), encoding="utf-8")
        beside.replace(self.settings.home / SWITCH)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    made = Chain(tmp_path)
    yield made
    made.home.close()


def test_a_store_that_never_switched_opens_what_it_was_installed_with_and_writes_nothing(
    chain: Chain,
) -> None:
    with chain.standing() as follower:
        follower.look()
        assert follower.store.place.slot == OWN
    assert not (chain.settings.home / "standing.json").exists()


def test_a_store_that_never_switched_tells_the_fault_of_its_release(chain: Chain) -> None:
    chain.faults[""] = DamagedRelease("cut short")
    with pytest.raises(DamagedRelease, match="cut short"), chain.standing():
        pass


def test_what_goes_live_answers_and_what_was_is_closed(chain: Chain) -> None:
    chain.name(V1, None, 1, "settled")
    with chain.standing() as follower:
        chain.name(V2, V1, 2)
        follower.look()
        assert follower.store.release.manifest.id == "v2"
        assert chain.closed == ["v1"]
        assert read_standing(chain.settings.home).stands == V2


def test_a_release_is_said_to_answer_only_once_it_does(chain: Chain) -> None:
    chain.name(V1, None, 1, "settled")
    said = []
    with chain.standing() as follower:
        chain.name(V2, V1, 2)
        real = follower._open

        def watched(slot: Slot) -> Store:
            said.append(read_standing(chain.settings.home))
            return real(slot)

        follower._open = watched
        follower.look()
        said.append(read_standing(chain.settings.home))
    assert [(s.stands, s.is_open) for s in said] == [(V2, False), (V2, True)]


def test_an_ask_that_runs_ends_on_the_release_it_began_on(chain: Chain) -> None:
    chain.name(V1, None, 1, "settled")
    with chain.standing() as follower:
        chain.name(V2, V1, 2)
        follows = threading.Thread(target=follower.look)
        with follower.store.held() as old:
            follows.start()
            until = time.monotonic() + 30
            while follower.store.release.manifest.id != "v2" and time.monotonic() < until:
                time.sleep(0.001)
            assert chain.closed == []
            assert old.ask("can headphones be returned").release  # the old engine still works
        follows.join(10)
        assert chain.closed == ["v1"]


def test_a_release_that_does_not_open_leaves_the_old_one_answering_and_says_why(
    chain: Chain,
) -> None:
    chain.name(V1, None, 1, "settled")
    chain.faults["v2"] = EngineError("no such architecture")
    with chain.standing() as follower:
        chain.name(V2, V1, 2)
        follower.look()
        follower.look()
        assert follower.store.release.manifest.id == "v1"
        said = read_standing(chain.settings.home)
        assert (said.stands, said.turn, said.left) == (V1, 2, "no such architecture")
        assert chain.opened.count("v2") == 1  # not again and again


def test_a_release_left_is_not_opened_by_the_next_start_either(chain: Chain) -> None:
    chain.name(V1, None, 1, "settled")
    chain.faults["v2"] = EngineError("no such architecture")
    with chain.standing() as follower:
        chain.name(V2, V1, 2)
        follower.look()
    chain.faults.clear()
    with chain.standing() as follower:
        assert follower.store.place.slot == V1


@pytest.mark.parametrize("state", ["live", "probation", "settled"])
def test_a_start_that_finds_the_live_release_damaged_opens_the_one_before(
    chain: Chain, state: str
) -> None:
    chain.name(V2, V1, 2, state)
    chain.faults["v2"] = DamagedRelease("index.db is cut short")
    with chain.standing() as follower:
        assert follower.store.place.slot == V1
        said = read_standing(chain.settings.home)
    assert (said.stands, said.turn, said.left) == (V1, 2, "index.db is cut short")


def test_any_fault_of_a_release_leads_on_and_the_installed_one_is_the_last(chain: Chain) -> None:
    chain.name(V2, V1, 2)
    chain.faults |= {"v2": ValueError("a format of next year"), "v1": DamagedRelease("gone")}
    with chain.standing() as follower:
        assert follower.store.place.slot == OWN
    assert chain.opened == ["v2", "v1", ""]


def test_a_disk_that_refuses_is_no_releases_fault(chain: Chain) -> None:
    chain.name(V2, V1, 2)
    chain.faults["v2"] = StoreError("the disk is full")
    with pytest.raises(StoreError), chain.standing():
        pass
    assert chain.opened == ["v2"]


def test_a_crash_loop_on_trial_falls_back_by_itself(chain: Chain) -> None:
    chain.name(V2, V1, 2)
    for _ in range(3):  # each ends without `close`: killed
        follower = Follower(
            chain.settings, chain.clock, open_slot=chain.open, home=lambda: chain.home
        )
        assert follower.store.place.slot == V2
    with chain.standing() as follower:
        assert follower.store.place.slot == V1
        assert "3 starts" in read_standing(chain.settings.home).left


def test_ends_in_order_are_no_crash_loop(chain: Chain) -> None:
    chain.name(V2, V1, 2)
    for _ in range(8):
        with chain.standing() as follower:
            assert follower.store.place.slot == V2


def test_a_healthy_while_is_noted_and_crashes_before_it_are_forgotten(chain: Chain) -> None:
    chain.name(V2, V1, 2)
    with chain.standing() as follower:
        follower.look()
        assert not read_standing(chain.settings.home).is_healthy
        chain.clock.advance(HEALTHY_S)
        follower.look()
        assert read_standing(chain.settings.home).is_healthy
        assert read_standing(chain.settings.home).starts == 0


def test_an_engine_that_dies_on_trial_takes_the_store_back(chain: Chain) -> None:
    chain.name(V1, None, 1, "settled")
    with chain.standing() as follower:
        chain.name(V2, V1, 2)
        follower.look()
        model = follower.store.current.model
        assert isinstance(model, IdleModel)
        model.is_alive = False
        follower.look()
        assert follower.store.place.slot == V1
        assert read_standing(chain.settings.home).left == "its engine died"


def test_going_back_to_what_stands_already_opens_nothing(chain: Chain) -> None:
    chain.name(V1, None, 1, "settled")
    chain.faults["v2"] = EngineError("no")
    with chain.standing() as follower:
        chain.name(V2, V1, 2)
        follower.look()
        chain.name(V1, None, 3, "back")
        follower.look()
        said = read_standing(chain.settings.home)
    assert (said.stands, said.turn, said.left) == (V1, 3, "")
    assert chain.opened == ["v1", "v2"]


def test_a_folder_that_holds_another_release_is_not_opened_as_this_one(chain: Chain) -> None:
    chain.name(V1, None, 1, "settled")
    real = chain.open
    with chain.standing() as follower:
        chain.name(V2, V1, 2)
        follower._open = lambda slot: real(replace(slot, id="v9"))
        follower.look()
        assert follower.store.place.slot == V1
        assert "lies the release v9" in read_standing(chain.settings.home).left
    assert "v9" in chain.closed


def test_a_home_that_cannot_be_written_stops_no_answer(
    chain: Chain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    chain.name(V1, None, 1, "settled")
    with chain.standing() as follower:
        chain.name(V2, V1, 2)

        def refuse(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("appliance.follow.write_standing", refuse)
        follower.look()
        follower.look()
        assert follower.store.place.slot == V1
        assert caplog.text.count("could not be followed") == 1
        monkeypatch.undo()
        follower.look()  # the disk is mended
        assert follower.store.place.slot == V2


def test_what_a_kill_left_of_a_write_is_cleared_at_the_next_start(chain: Chain) -> None:
    left = chain.settings.home / ".standing.json.4711.part"
    left.write_text('{"stan', encoding="utf-8")
    chain.name(V1, None, 1, "settled")
    with chain.standing():
        assert not left.exists()


def test_figures_go_on_over_a_switch(chain: Chain) -> None:
    chain.name(V1, None, 1, "settled")
    with chain.standing() as follower:
        follower.store.ask("can headphones be returned")
        follower.store.monitoring.metrics.responded(200)
        assert follower.store.journal.count() == 1


def test_an_ask_a_release_fails_is_counted_against_it_and_one_that_is_empty_is_not(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    with chain.standing() as follower:
        with pytest.raises(Exception, match="empty"):
            follower.store.ask("  ")

        def broken(*_: object, **__: object) -> None:
            raise KeyError("weights")

        monkeypatch.setattr(Store, "ask", broken)
        with pytest.raises(KeyError):
            follower.store.ask("can headphones be returned")
        rows = chain.home.database.rows(
            "SELECT name, value FROM counters WHERE name LIKE 'failed%'"
        )
    assert rows == [("failed  KeyError", 1)]

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Settings
from appliance.errors import LineDown
from appliance.live import OWN, Slot, Standing, read_live, write_standing
from appliance.release import Manifest
from appliance.store.home import open_home
from sync.errors import CannotWrite, FetchFailed, PointerRefused, Untrusted
from sync.fetch.client import ReleaseClient
from sync.switch.record import SwitchRecord, read_record, write_record
from sync.switch.rehearsal import Rehearsal
from sync.switch.slots import Slots
from sync.switch.switcher import Switcher, SwitchLimits
from sync.trust.ring import begins_after_s
from sync.wire import SwitchReport
from sync.wire import SwitchState as S
from tests.builders.repositories import published
from tests.builders.switches import (
    QUICK,
    ROOMY,
    Chain,
    stands,
    switcher,
    tiny_release,
)
from tests.fakes.clock import FakeClock

GIB = 2**30
LARGE = {"specialist/specialist.gguf": b"GGUF" + bytes(3 * 2**20)}


class Cut(Exception):
    """Past all the tries of a download."""


class Line:
    """A client whose line a test cuts."""

    def __init__(self, client: ReleaseClient) -> None:
        self.client, self.is_down = client, False
        self.cut_after: int | None = None  # bytes
        self.fetches = 0

    def look(self, ring: str) -> Any:
        if self.is_down:
            raise FetchFailed("the line is down")
        return self.client.look(ring)

    def fetch(self, *args: Any, progress: Any, **how: Any) -> Any:
        self.fetches += 1

        def cut(came: int, planned: int) -> None:
            progress(came, planned)
            if self.cut_after is not None and came >= self.cut_after:
                raise Cut

        try:
            return self.client.fetch(*args, progress=cut, **how)
        except Cut:
            raise FetchFailed("the line was cut") from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


class Store:
    """A store installed with v1, its switch, and a ring at headquarters."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(datetime(2026, 11, 27, 3, 0, tzinfo=UTC))  # 22:00 in New York
        self.folder = folder
        releases = [tiny_release(folder / f"v{n}", f"v{n}", n) for n in (1, 2, 3)]
        self.chain = Chain.at(folder / "hq", self.clock, *releases)
        self.home, self.installed = folder / "home", releases[0]
        self.line = Line(self.chain.client(self.home))
        self.switch = self.switcher()

    def switcher(self, **options: Any) -> Switcher:
        return switcher(self.home, self.installed, self.clock, **options)

    def step(self, seconds: float = 0.0, **how: Any) -> SwitchReport:
        self.clock.advance(seconds)
        return self.switch.step(self.line, **how)

    def at_probation(self) -> SwitchReport:
        self.chain.promote("v2")
        self.step()
        stands(self.home)
        return self.step()

    @property
    def folders(self) -> set[str]:
        found = self.home / "releases"
        return {p.name for p in found.iterdir()} if found.exists() else set()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_a_store_at_its_rings_release_is_settled_and_keeps_nothing(store: Store) -> None:
    store.chain.promote("v1")
    told = store.step()
    assert (told.state, told.live, told.counter) == (S.SETTLED, "v1", 1)
    assert store.folders == set()


def test_a_promotion_goes_live_in_one_step_where_nothing_has_to_wait(store: Store) -> None:
    store.chain.promote("v2")
    told = store.step()
    assert (told.state, told.live, told.previous) == (S.LIVE, "v2", "v1")
    assert read_live(store.home).live == Slot("v2", 2)
    assert store.folders == {"v2"}


def test_a_release_is_on_probation_once_the_store_says_that_it_stands(store: Store) -> None:
    store.chain.promote("v2")
    store.step()
    assert store.step(60).state is S.LIVE  # nobody said so yet
    write_standing(store.home, Standing(Slot("v2", 2), False, turn=1))
    assert store.step(60).state is S.LIVE  # it is being opened
    assert store.folders == {"v2"}
    stands(store.home)
    assert store.step().state is S.PROBATION


def test_a_release_settles_after_so_long_a_time_of_standing_healthy(store: Store) -> None:
    store.at_probation()
    for _ in range(12):
        store.step(299)
    assert store.step().state is S.PROBATION
    assert store.step(299).state is S.SETTLED


def test_time_in_which_the_store_was_not_healthy_is_no_probation(store: Store) -> None:
    store.at_probation()
    stands(store.home, healthy=False)
    for _ in range(40):
        store.step(299)
    assert store.step().state is S.PROBATION


def test_a_probation_goes_on_over_a_restart_of_the_agent(store: Store) -> None:
    store.at_probation()
    for _ in range(13):
        store.switch = store.switcher()
        store.step()
        store.step(299)
    assert store.switch.report().state is S.SETTLED


def test_a_clock_of_1970_or_2040_neither_ends_nor_lengthens_a_probation(store: Store) -> None:
    store.at_probation()
    for year in (1970, 2040, 1970):
        store.clock.at = datetime(year, 1, 2, tzinfo=UTC)
        assert store.step(299, is_looking=False).state is S.PROBATION
    for _ in range(10):
        store.step(299, is_looking=False)
    assert store.switch.report().state is S.SETTLED


def test_the_two_releases_before_stay_until_the_next_one_settled_in_their_place(
    store: Store,
) -> None:
    store.at_probation()
    store.step(3700)
    store.chain.promote("v3")
    store.step()
    assert store.folders == {"v2", "v3"}
    stands(store.home)
    store.step()
    assert store.folders == {"v2", "v3"}
    assert store.switch.report().previous == "v2"


# ── what does not fit, or does not do ────────────────────────────────────────────────────────────


def test_a_release_that_does_not_fit_is_refused_before_a_byte_of_it_is_fetched(
    store: Store,
) -> None:
    store.switch = store.switcher(machine_of=lambda _: replace(ROOMY, disk_free_bytes=1))
    store.chain.promote("v2")
    told = store.step()
    assert (told.state, told.live) == (S.REFUSED, "v1")
    assert "MiB of disk" in told.why
    assert store.line.fetches == 0


def test_where_room_was_made_it_is_taken_later_by_itself(store: Store) -> None:
    free = [1]
    store.switch = store.switcher(machine_of=lambda _: replace(ROOMY, disk_free_bytes=free[0]))
    store.chain.promote("v2")
    store.step()
    free[0] = GIB
    assert store.step(60).state is S.REFUSED
    assert store.step(3600).state is S.LIVE


def test_a_release_that_rehearses_badly_never_goes_live_and_is_not_tried_again(
    store: Store,
) -> None:
    store.switch = store.switcher(rehearse=lambda _: Rehearsal("it was ended by SIGSEGV"))
    store.chain.promote("v2")
    assert store.step().why == "it was ended by SIGSEGV"
    store.switch = store.switcher()
    assert store.step(50_000).state is S.REFUSED
    store.step()
    assert store.folders == set()  # it can come again when somebody says so


def test_a_release_that_the_store_left_by_itself_is_back_with_the_reason(store: Store) -> None:
    store.chain.promote("v2")
    store.step()
    stands(store.home, left="3 starts without 60 s of health", on=OWN)
    told = store.step()
    assert (told.state, told.live, told.candidate) == (S.BACK, "v1", "v2")
    assert told.why == "3 starts without 60 s of health"
    assert store.step(50_000).state is S.BACK  # and is not offered again on the same word


def test_a_release_that_settled_and_rotted_is_back_too(store: Store) -> None:
    store.at_probation()
    store.step(3700)
    stands(store.home, left="index.db is cut short", on=OWN)
    assert (store.step().state, store.switch.report().live) == (S.BACK, "v1")


def test_what_a_release_does_worse_takes_it_back(store: Store) -> None:
    home = open_home(Settings(home=store.home), store.clock)
    store.at_probation()
    for _ in range(3):
        home.count_failure("v2", "engine_error")
    told = store.step(30)
    assert (told.state, told.live, told.why) == (S.BACK, "v1", "3 of 3 asks failed")
    home.close()


def test_errors_of_an_earlier_time_are_not_held_against_it(store: Store) -> None:
    home = open_home(Settings(home=store.home), store.clock)
    for _ in range(9):
        home.count_failure("v2", "engine_error")
    store.at_probation()
    assert store.step(30).state is S.PROBATION
    home.close()


# ── the line ─────────────────────────────────────────────────────────────────────────────────────


def test_with_the_line_down_nothing_begins_and_the_fault_is_told(store: Store) -> None:
    store.chain.promote("v2")
    store.line.is_down = True
    with pytest.raises(LineDown):
        store.step()
    assert store.switch.report().state is S.SETTLED


def test_a_cut_download_goes_on_where_it_was_and_not_at_once(store: Store) -> None:
    store.switch = store.switcher(limits=replace(QUICK, again_s=30.0))
    store.chain.promote("v2")
    store.line.cut_after = 1
    with pytest.raises(FetchFailed):
        store.step()
    assert store.switch.report().state is S.DOWNLOADING
    assert store.switch.report().why == "the line was cut"
    store.line.cut_after = None
    assert store.step(29).state is S.DOWNLOADING
    assert store.step(1).state is S.LIVE
    assert store.line.fetches == 2


def test_what_has_come_goes_live_in_its_hour_also_with_the_line_down(store: Store) -> None:
    store.chain.promote("v2", window="23:00-05:00")
    assert store.step().state is S.REHEARSED
    store.line.is_down = True
    store.clock.advance(3600)
    with pytest.raises(LineDown):  # told: the agent shows that the ring was not heard
        store.step()
    assert store.switch.report().state is S.LIVE


def test_metadata_past_its_date_stops_a_new_release_and_touches_nothing_that_stands(
    store: Store,
) -> None:
    store.chain.promote("v2")
    store.clock.advance(400 * 86_400)
    with pytest.raises(Untrusted):
        store.step()
    assert store.switch.report().live == "v1"


def test_a_stop_ends_a_download_and_the_next_agent_goes_on(store: Store) -> None:
    store.chain.promote("v2")
    real = store.line.client.fetch

    def fetch(*args: Any, progress: Any, **how: Any) -> Any:
        store.switch.stop()
        return real(*args, progress=progress, **how)

    store.line.fetch = fetch  # type: ignore[method-assign]
    assert store.step().state is S.DOWNLOADING
    store.line.fetch = real  # type: ignore[method-assign]
    store.switch = store.switcher()
    assert store.step().state is S.LIVE


# ── the ring ─────────────────────────────────────────────────────────────────────────────────────


def test_a_store_outside_the_percent_takes_nothing(store: Store) -> None:
    store.chain.promote("v2", percent=0.0)
    assert store.step().state is S.SETTLED


def test_a_pause_holds_what_is_on_its_way_and_go_lets_it_on(store: Store) -> None:
    store.chain.promote("v2", window="23:00-05:00")
    assert store.step().state is S.REHEARSED
    store.chain.repo.pause("stable")
    store.clock.advance(3600)
    assert store.step().state is S.REHEARSED
    store.chain.promote("v2", window="23:00-05:00")
    assert store.step().state is S.LIVE


def test_the_hubs_unsigned_word_can_only_stop(store: Store) -> None:
    is_paused = [True]
    store.switch = store.switcher(is_paused=lambda: is_paused[0])
    store.chain.promote("v2")
    assert store.step().state is S.OFFERED
    is_paused[0] = False
    assert store.step().state is S.LIVE


def test_a_newer_release_takes_the_place_of_one_on_its_way(store: Store) -> None:
    store.chain.promote("v2", window="23:00-05:00")
    store.step()
    store.chain.promote("v3")
    told = store.step()
    assert (told.live, told.previous) == ("v3", "v1")
    stands(store.home)
    store.step()
    assert store.folders == {"v3"}


def test_what_the_ring_no_longer_names_is_given_up(store: Store) -> None:
    store.chain.promote("v2", window="23:00-05:00")
    store.step()
    store.chain.promote("v3", percent=0.0)
    assert store.step().state is S.SETTLED
    store.step()
    assert store.folders == set()


def test_a_ring_that_goes_back_during_a_probation_is_followed_at_once(store: Store) -> None:
    store.at_probation()
    store.chain.repo.rollback("stable", "v1")
    told = store.step()
    assert (told.state, told.live) == (S.BACK, "v1")
    assert "went back to v1" in told.why


def test_a_ring_that_goes_back_later_leads_over_the_same_checks(store: Store) -> None:
    store.at_probation()
    store.step(3700)
    stands(store.home)
    store.chain.repo.rollback("stable", "v1")
    told = store.step()
    assert (told.state, told.live, told.previous) == (S.LIVE, "v1", "v2")


def test_a_release_may_follow_one_that_is_still_on_trial(store: Store) -> None:
    store.at_probation()
    store.chain.promote("v3")
    told = store.step()
    assert (told.state, told.live, told.previous) == (S.LIVE, "v3", "v2")


def test_a_store_begins_at_its_place_in_the_splay(store: Store) -> None:
    pointer = store.chain.promote("v2", splay_s=7200.0)
    begins_s = begins_after_s(pointer, Settings(home=store.home).store)
    assert begins_s > 60
    assert store.step().state is S.FITS
    assert store.step(begins_s - 1).state is S.FITS
    assert store.step(2).state is S.LIVE


def test_a_clock_that_is_put_back_ends_the_wait_of_a_splay(store: Store) -> None:
    store.chain.promote("v2", splay_s=7200.0)
    store.step()
    store.clock.at = datetime(1970, 1, 2, tzinfo=UTC)
    assert store.step(is_looking=False).state is S.LIVE


def test_a_full_download_waits_for_the_window_where_the_ring_says_so(store: Store) -> None:
    published(store.chain.repo, tiny_release(store.folder / "v4", "v4", 4, parts=LARGE))
    store.chain.promote("v4", full_fallback="window", window="23:00-05:00")
    told = store.step()
    assert told.state is S.DOWNLOADING
    assert "no delta" in told.why
    assert store.step(3600).state is S.LIVE


def test_a_full_download_that_is_never_allowed_is_refused(store: Store) -> None:
    published(store.chain.repo, tiny_release(store.folder / "v4", "v4", 4, parts=LARGE))
    store.chain.promote("v4", full_fallback="never")
    told = store.step()
    assert told.state is S.REFUSED
    assert "no delta" in told.why


# ── customers ────────────────────────────────────────────────────────────────────────────────────


def test_nothing_goes_live_while_a_customer_is_being_served(store: Store) -> None:
    home = open_home(Settings(home=store.home), store.clock)
    store.switch = store.switcher(limits=replace(QUICK, quiet_s=20.0))
    store.chain.promote("v2")
    assert store.step().state is S.REHEARSED
    for _ in range(6):
        home.journal.append("reply", {"id": "r"})
        assert store.step(10).state is S.REHEARSED
    assert store.step(20).state is S.LIVE
    home.close()


def test_a_store_that_is_never_quiet_switches_all_the_same_after_a_while(store: Store) -> None:
    home = open_home(Settings(home=store.home), store.clock)
    store.switch = store.switcher(limits=SwitchLimits(quiet_s=20.0, most_wait_s=600.0))
    store.chain.promote("v2")
    states = []
    for _ in range(61):
        home.journal.append("reply", {"id": "r"})
        states.append(store.step(10).state)
    assert states[-2:] == [S.REHEARSED, S.LIVE]
    home.close()


# ── the disk ─────────────────────────────────────────────────────────────────────────────────────


def test_a_release_whose_part_rots_before_it_rehearses_comes_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.chain.promote("v2")
    rotten = iter([True])
    checked = Slots.check

    def check(slots: Slots, slot: Slot) -> Manifest:
        if read_record(store.home).state is S.VERIFIED and next(rotten, False):
            (slots.whole(slot) / "index.db").write_bytes(b"cut")
        return checked(slots, slot)

    monkeypatch.setattr(Slots, "check", check)
    told = store.step()
    assert told.state is S.REFUSED
    assert "index.db is 3 bytes" in told.why
    assert store.step(3601).state is S.LIVE


def test_an_installed_release_among_the_others_is_never_removed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (store.home / "releases").mkdir(parents=True)
    store.installed = Path(shutil.copytree(store.installed, store.home / "releases" / "v1"))
    store.switch = store.switcher()
    store.at_probation()
    store.step(3700)
    store.chain.promote("v3")
    store.step()
    stands(store.home)
    store.step()
    assert store.folders == {"v1", "v2", "v3"}


def test_where_the_record_cannot_be_written_nothing_has_changed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.chain.promote("v2")

    def full(*_: object) -> None:
        raise CannotWrite("the disk is full")

    monkeypatch.setattr("sync.switch.switcher.write_record", full)
    with pytest.raises(CannotWrite):
        store.step()
    assert not (store.home / "switch.json").exists()
    monkeypatch.undo()
    assert store.step().state is S.LIVE


def test_a_damaged_record_is_begun_anew_from_what_stands(store: Store) -> None:
    store.at_probation()
    (store.home / "switch.json").write_text("{", encoding="utf-8")
    assert read_record(store.home).live == Slot("v2", 2)
    assert store.step().live == "v2"


def test_two_processes_do_not_switch_at_once(store: Store) -> None:
    store.chain.promote("v2")
    with store.switcher()._alone() as is_mine:
        assert is_mine
        assert store.step().state is S.SETTLED
    assert store.step().state is S.LIVE


# ── a release that a person names ────────────────────────────────────────────────────────────────


def test_a_release_from_a_stick_takes_the_same_way_without_the_rings_hours(store: Store) -> None:
    store.chain.promote("v1", window="23:00-05:00", splay_s=7200.0)
    assert store.switch.offer(store.line, "v2").state is S.OFFERED
    assert store.step(is_looking=False).state is S.LIVE


def test_an_older_release_from_a_stick_is_refused(store: Store) -> None:
    write_record(store.home, SwitchRecord(live=Slot("v3", 3)))
    with pytest.raises(PointerRefused):
        store.switch.offer(store.line, "v2")


def test_a_stick_interrupts_no_trial(store: Store) -> None:
    store.at_probation()
    assert store.switch.offer(store.line, "v3").state is S.PROBATION

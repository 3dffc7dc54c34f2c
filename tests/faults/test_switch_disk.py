"""A disk that fills up under a switch: the store answers on, and the switch goes on once it can."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.follow import stand
from appliance.standing import StandingStore
from sync.errors import CannotWrite
from sync.switch import way
from sync.switch.switcher import Switcher
from sync.wire import SwitchState as S
from tests.builders.disks import small_disk
from tests.builders.switches import QUICK, RING, ROOMY, Chain, demo_release, rehearsed

QUESTION = "what time do we close on sunday"


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    releases = [demo_release(tmp_path / f"v{n}", f"v{n}", n) for n in (1, 2)]
    made = Chain.at(tmp_path / "hq", SystemClock(), *releases)
    made.promote("v2")
    return made


def _switch(settings: Settings) -> Switcher:
    return Switcher(
        settings,
        SystemClock(),
        ring=RING,
        limits=QUICK,
        rehearse=rehearsed,
        machine_of=lambda _: ROOMY,  # it seemed to fit
    )


@pytest.mark.parametrize("floor_mib", [64, 0])
def test_a_download_that_fills_the_disk_gives_its_room_back_to_the_journal(
    tmp_path: Path, chain: Chain, monkeypatch: pytest.MonkeyPatch, floor_mib: int
) -> None:
    # 64: it stops before the disk is full. 0: it runs into the wall, and clears away after itself.
    monkeypatch.setattr(way.Way, "_progress", _to_the_wall if not floor_mib else way.Way._progress)
    with small_disk(tmp_path / "disk", size="30m") as disk:
        home = disk / "store"
        settings = Settings(home=home, release=chain.folder.parent / "v1")
        with stand(settings, every_s=0.05) as store:
            told = _switch(settings).step(chain.client(home))
            assert (told.state, told.live) == (S.REFUSED, "v1")
            assert told.why
            assert not (home / "releases" / "v2.incoming").exists()
            assert store.ask(QUESTION).release == "v1"

            subprocess.run(["mount", "-o", "remount,size=300m", str(disk)], check=True)
            chain.promote("v2")  # a new word; the old one would be tried again in an hour
            assert _switch(settings).step(chain.client(home)).live == "v2"
            store_follows(store, "v2")
            assert store.ask(QUESTION).release == "v2"


def _to_the_wall(self: way.Way, came: int, planned: int) -> None:
    """Watch no disk."""


def test_on_a_full_disk_nothing_begins_and_once_there_is_room_it_goes_on(
    tmp_path: Path, chain: Chain
) -> None:
    with small_disk(tmp_path / "disk", size="300m") as disk:
        home, ballast = disk / "store", disk / "ballast"
        settings = Settings(home=home, release=chain.folder.parent / "v1")
        with stand(settings, every_s=0.05) as store:
            fill(ballast)
            with pytest.raises(CannotWrite):
                _switch(settings).step(chain.client(home))
            assert store.release.manifest.id == "v1"
            ballast.unlink()
            assert _switch(settings).step(chain.client(home)).live == "v2"
            store_follows(store, "v2")
            assert store.ask(QUESTION).release == "v2"


def fill(ballast: Path) -> None:
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4_096)):
            pass


def store_follows(store: StandingStore, release: str) -> None:
    until = time.monotonic() + 60
    while store.release.manifest.id != release:
        assert time.monotonic() < until
        time.sleep(0.02)

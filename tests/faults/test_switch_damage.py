"""Releases damaged or foreign, before they go live and long after: the store answers on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from appliance.clock import SystemClock
from appliance.config import DEMO_RELEASE, Settings
from appliance.follow import stand
from appliance.live import read_standing
from appliance.standing import StandingStore
from sync.switch.rehearsal import Rehearse
from sync.switch.switcher import Switcher
from sync.wire import SwitchReport
from sync.wire import SwitchState as S
from tests.builders.releases import Damage, cut, damage, flipped, gone
from tests.builders.switches import QUICK, RING, ROOMY, Chain, demo_release, rehearsed

QUESTION = "what time do we close on sunday"
LONGEST_S = 120.0


class Shop:
    """A store installed with v1, and headquarters with a v2 of some kind."""

    def __init__(self, folder: Path, v2: Path) -> None:
        self.home = folder / "store"
        v1 = demo_release(folder / "v1", "v1", 1)
        self.settings = Settings(home=self.home, release=v1)
        self.chain = Chain.at(folder / "hq", SystemClock(), v1, v2)
        self.chain.promote("v2")
        self.client = self.chain.client(self.home)

    def switch(self, *, is_rehearsed: bool = False) -> Switcher:
        return Switcher(
            self.settings,
            SystemClock(),
            ring=RING,
            limits=QUICK,
            rehearse=Rehearse(self.settings) if is_rehearsed else rehearsed,
            machine_of=lambda _: ROOMY,
        )


def follows(store: StandingStore, release: str) -> None:
    until = time.monotonic() + LONGEST_S
    while store.release.manifest.id != release and time.monotonic() < until:
        time.sleep(0.02)
    assert store.ask(QUESTION).release == release


def reach(switch: Switcher, shop: Shop, state: S) -> SwitchReport:
    until, report = time.monotonic() + LONGEST_S, switch.step(shop.client)
    while report.state is not state and time.monotonic() < until:
        time.sleep(0.05)
        report = switch.step(shop.client)
    assert report.state is state, report
    return report


def test_a_model_file_that_is_none_fails_its_rehearsal_and_never_goes_live(tmp_path: Path) -> None:
    # Signed and whole, as somebody at headquarters made it: no digest can tell.
    parts = {"specialist/specialist.gguf": b"GGUF" + bytes(range(256)) * 4_000}
    shop = Shop(tmp_path, demo_release(tmp_path / "v2", "v2", 2, parts=parts))
    with stand(shop.settings, every_s=0.05) as store:
        report = shop.switch(is_rehearsed=True).step(shop.client)
        assert (report.state, report.live) == (S.REFUSED, "v1")
        assert "GGUF" in report.why or "specialist" in report.why
        assert store.ask(QUESTION).release == "v1"


def test_one_that_no_rehearsal_caught_does_not_open_and_the_old_one_goes_on(tmp_path: Path) -> None:
    parts = {"router/drafts.json": b"{}"}
    shop = Shop(tmp_path, demo_release(tmp_path / "v2", "v2", 2, parts=parts))
    with stand(shop.settings, every_s=0.05) as store:
        report = reach(shop.switch(), shop, S.BACK)
        assert (report.live, report.candidate) == ("v1", "v2")
        assert report.why
        assert store.ask(QUESTION).release == "v1"


@pytest.mark.parametrize(
    ("part", "how"),
    [
        ("index.db", gone),
        ("index.db", flipped),
        ("specialist/specialist.gguf", cut),
        ("manifest.json", gone),
        ("manifest.json", cut),
    ],
)
def test_a_live_release_that_rots_is_left_at_the_next_start_and_headquarters_is_told(
    tmp_path: Path, part: str, how: Damage
) -> None:
    shop = Shop(tmp_path, demo_release(tmp_path / "v2", "v2", 2))
    switch = shop.switch()
    with stand(shop.settings, every_s=0.05) as store:
        reach(switch, shop, S.PROBATION)
        follows(store, "v2")
    damage(shop.home / "releases" / "v2", part, how)
    before = (DEMO_RELEASE / "index.db").read_bytes()
    with stand(shop.settings, every_s=0.05) as store:
        assert store.ask(QUESTION).release == "v1"
        assert part.rsplit("/", 1)[-1] in read_standing(shop.home).left
        report = switch.step(shop.client)
        assert (report.state, report.live, report.candidate) == (S.BACK, "v1", "v2")
    assert (DEMO_RELEASE / "index.db").read_bytes() == before  # parts are shared, never written

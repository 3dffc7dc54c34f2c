"""A switch on a machine whose clock is wrong: 1970, then today, then 2040, then back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.config import Settings
from appliance.follow import stand
from sync.errors import StaleMetadata
from sync.switch.switcher import Switcher
from sync.wire import SwitchState as S
from tests.builders.switches import QUICK, RING, ROOMY, Chain, demo_release, rehearsed
from tests.fakes.clock import FakeClock

QUESTION = "what time do we close on sunday"
TODAY = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)


def test_a_wrong_clock_neither_loses_a_switch_nor_keeps_the_store_from_answering(
    tmp_path: Path,
) -> None:
    clock = FakeClock(TODAY)
    releases = [demo_release(tmp_path / f"v{n}", f"v{n}", n) for n in (1, 2)]
    chain = Chain.at(tmp_path / "hq", clock, *releases)
    chain.promote("v2", splay_s=3600.0, window="09:00-11:00")
    home = tmp_path / "store"
    settings = Settings(home=home, release=releases[0])
    client = chain.client(home)
    switch = Switcher(
        settings, clock, ring=RING, limits=QUICK, rehearse=rehearsed, machine_of=lambda _: ROOMY
    )
    with stand(settings, clock=clock, every_s=9_999) as store:
        assert switch.step(client).state is S.FITS  # waits for its place in the splay

        clock.at = datetime(2040, 3, 1, 3, 0, tzinfo=UTC)
        with pytest.raises(StaleMetadata):  # the metadata is long past its date: nothing new
            switch.step(client)
        assert store.ask(QUESTION).release == "v1"

        clock.at = datetime(1970, 1, 1, 15, 30, tzinfo=UTC)
        # To be early in a splay is no harm; the window is the clock's, whatever it says: 10:30.
        assert switch.step(client).state is S.LIVE
    with stand(settings, clock=clock, every_s=9_999) as store:
        assert store.ask(QUESTION).release == "v2"
        assert switch.step(client).state is S.PROBATION
        clock.advance(90)
        for at in (TODAY, datetime(2040, 3, 1, tzinfo=UTC), TODAY):
            clock.at = at
            assert switch.step(client, is_looking=False).state is S.PROBATION
            assert store.ask(QUESTION).release == "v2"

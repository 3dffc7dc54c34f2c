"""What beats tell is added up, whatever a broken or hostile store writes into one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.rollout.fates import StoreView
from sync.rollout.plan import Plan, Ring, Step
from sync.rollout.quality import Halves, worse
from sync.rollout.sightings import Sighting, halves, seen
from sync.wire import Beat, SwitchReport, SwitchState

AT = datetime(2026, 11, 27, tzinfo=UTC)
PLAN = Plan("v2", 2, (Ring("lab", (Step(100),)),))


def told_of(live: str, beats: int = 10, **figures: Any) -> tuple[Sighting, StoreView]:
    """Return a store after so many beats, all alike."""
    report = SwitchReport(SwitchState.SETTLED, live, 2)
    view = StoreView(live, "lab", 0.0, beat_at=AT, report=report)
    sighting = Sighting()
    for number in range(1, beats + 1):
        beat = Beat("boot", number, AT, "1", "lab", report, **figures)
        sighting = seen(sighting, beat, release="v2", view=view)
    return sighting, view


def found_of(new: dict[str, Any], before: dict[str, Any]) -> Halves:
    stores = [told_of("v2", **new), told_of("v1", **before)]
    sightings = {view.store: sighting for sighting, view in stores}
    began_at, now = AT - timedelta(hours=1), AT
    return halves(PLAN, sightings, [v for _, v in stores], began_at=began_at, now=now)


def test_a_release_on_which_every_ask_ends_in_an_error_is_found() -> None:
    """It leaves no reply, and so no ask, to be counted by."""
    found = found_of({"asks": 0, "errors": 50}, {"asks": 50, "errors": 0})

    assert worse(found, PLAN.quality).startswith("errors: 100.0% of asks")


@pytest.mark.parametrize(
    "figures",
    [
        {"asks": 1, "p95_ms": 1e300},
        {"asks": 2**62, "errors": -(2**62)},
        {"asks": -(2**62), "errors": 2**62},
        {"asks": 1, "calibration": {"answered": 1e308, "expected": 1e308, "down": 1e308}},
        {"asks": 1, "calibration": {"answered": -1e308, "expected": 1e308, "down": -1e308}},
    ],
)
def test_figures_that_cannot_be_meant_stop_no_arithmetic(figures: dict[str, Any]) -> None:
    well = {"asks": 50, "errors": 0, "p95_ms": 900.0}
    limits = replace(PLAN.quality, least_stores=1)

    for found in (found_of(figures, well), found_of(well, figures)):
        assert isinstance(worse(found, limits), str)

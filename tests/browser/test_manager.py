"""The manager's page in real Chromium, over the real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Settings
from appliance.monitoring.pressure import Pressure
from appliance.records import LaneName
from tests.builders.chromium import needs_chromium, opened
from tests.builders.vitals import some_vitals
from tests.fakes.store import FakeStore

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect


pytestmark = needs_chromium


@pytest.fixture
def store(request: pytest.FixtureRequest) -> FakeStore:
    settings = getattr(request, "param", Settings(home=Path("/nowhere")))
    store = FakeStore(settings=settings)
    for minute in range(5):
        for text in ("opened headphones?", "hours", "price of the kettle")[: 1 + minute % 3]:
            store.ask(text)
        press(store, memory_available_share=0.5, process_mib=300.0 + 20 * minute)
        store.clock.advance(61)
    return store


def press(store: FakeStore, **figures: float) -> None:
    vitals = some_vitals(**figures)
    store.monitoring.press(vitals, Pressure().next(vitals))


@pytest.fixture
def page(chromium: Any, store: FakeStore) -> Iterator[Any]:
    with opened(chromium, store, path="/manager") as page:
        yield page


def test_the_hour_is_told_in_figures_and_plots_and_fits_a_handheld(page: Any) -> None:
    expect(page.locator("#figures div", has_text="asks, last hour").locator("dd")).to_have_text("9")
    expect(page.locator(".plot")).to_have_count(6)
    expect(page.get_by_role("img", name="Asks a minute, last hour: at most 3")).to_be_visible()
    expect(page.locator("#stages li", has_text="context stitching")).to_contain_text("42 %")
    expect(page.locator("#lanes li", has_text="Quote")).to_contain_text("5, 56 %")
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0


def test_pressure_and_an_open_breaker_are_told_with_their_reasons(
    page: Any, store: FakeStore
) -> None:
    expect(page.locator(".level-word")).to_have_text("calm")

    press(store, memory_available_share=0.03)
    for _ in range(4):
        store.monitoring.guard.heard(LaneName.GENERALIST, seconds=0.1, failed=True)
    page.reload()

    expect(page.locator("#level")).to_contain_text("3% of memory is available")
    expect(page.locator("#level")).to_contain_text("the specialist")
    expect(page.locator("#lanes li", has_text="Headquarters")).to_contain_text(
        "Resting: 4 failed of its last 4 tries"
    )


@pytest.mark.parametrize(
    "store", [Settings(home=Path("/nowhere"), sign_in="required")], indirect=True
)
def test_who_is_no_manager_is_told_so_and_sees_no_figure(page: Any) -> None:
    expect(page.locator("#notice")).to_contain_text("This page is for a manager")
    expect(page.locator(".plot")).to_have_count(0)

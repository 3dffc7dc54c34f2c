"""`backroom status`: drawn from a running server, and plain about one that does not run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from appliance.cli import build
from appliance.config import Settings
from appliance.errors import BadInput
from appliance.monitoring.monitor import AtDesk
from appliance.monitoring.pressure import Pressure
from appliance.records import LaneName, Role
from appliance.status_commands import fetch_status
from appliance.status_page import draw, sparkline
from appliance.web.listen import address, listen
from tests.builders.vitals import some_vitals
from tests.fakes.server import running
from tests.fakes.store import FakeStore


@pytest.fixture
def store(request: pytest.FixtureRequest) -> FakeStore:
    return FakeStore(settings=getattr(request, "param", Settings(home=Path("/nowhere"))))


@pytest.fixture
def url(store: FakeStore) -> Iterator[str]:
    with running(store) as url:
        yield url


def page(status: dict[str, Any], **fault: str) -> str:
    console = Console(width=110)
    with console.capture() as capture:
        console.print(draw(status, address="http://127.0.0.1:8080", **fault))
    return capture.get()


def test_once_prints_the_running_stores_figures(url: str, store: FakeStore) -> None:
    store.ask("opened headphones?")
    result = CliRunner().invoke(build(), ["status", "--once", "--url", url])
    assert result.exit_code == 0, result.output
    for text in ("store 0001", "CALM", "context_stitching", "quote", "asks, last hour"):
        assert text in result.output


def test_what_the_release_promises_is_shown_where_it_promises_anything(store: FakeStore) -> None:
    status = store.monitoring.status(AtDesk())
    said = "Of what the store answers itself at p ≥ 0.900, at most 2.0% is wrong."
    assert status["promise"] == ""
    assert said in page({**status, "promise": said})


def test_a_pressed_store_says_what_is_shed_and_which_lane_rests(store: FakeStore) -> None:
    vitals = some_vitals(memory_available_share=0.03)
    store.monitoring.press(vitals, Pressure().next(vitals))
    for _ in range(4):
        store.monitoring.guard.heard(LaneName.GENERALIST, seconds=0.1, failed=True)

    text = page(store.monitoring.status(AtDesk()))

    assert "CRITICAL" in text
    assert "shed: drafting by the generalist, long answers, the specialist" in text
    assert "generalist: breaker open, 4 failed of its last 4 tries; next try in 15 s" in text


def test_a_store_that_stopped_answering_is_told_with_the_time_of_the_last_figures(
    store: FakeStore,
) -> None:
    text = page(store.monitoring.status(AtDesk()), fault="No store answers.")
    assert "No store answers. What follows is as of 19:02:00." in text


def test_nobody_at_that_address_is_told_with_the_next_command() -> None:
    listener = listen("127.0.0.1", 0)
    free = address(listener)
    listener.close()
    with pytest.raises(BadInput, match=f"No store answers at {free}") as caught:
        fetch_status(free)
    assert caught.value.hint == "Start it: backroom run"


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(BadInput, match="no web address"):
        fetch_status("file:///etc/passwd")


@pytest.mark.parametrize(
    "store", [Settings(home=Path("/nowhere"), sign_in="required")], indirect=True
)
def test_a_server_that_wants_a_sign_in_wants_a_managers_key(url: str, store: FakeStore) -> None:
    with pytest.raises(BadInput, match="not paired") as caught:
        fetch_status(url)
    assert "BACKROOM_TOKEN" in caught.value.hint

    _, key = store.devices.key("status", Role.MANAGER)
    assert fetch_status(url, token=key)["level"] == "calm"


def test_a_sparkline_rises_with_its_values_and_leaves_gaps() -> None:
    assert sparkline([1.0, None, 4.0, 8.0]) == "▁ ▄█"
    assert sparkline([None, 0.0]) == "  "

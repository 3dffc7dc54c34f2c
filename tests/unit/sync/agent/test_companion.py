"""The agent inside the store's server: one agent a home, and a line in any case."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.backroom import Store
from appliance.companions import load_companions
from appliance.config import Settings
from sync.agent import companion as inside
from sync.agent.companion import AgentCompanion
from sync.agent.folder import AgentFolder
from tests.builders.agents import enrolled
from tests.builders.stores import Parts
from tests.fakes.clock import FakeClock
from tests.fakes.hub import ScriptedHub

MESSAGES = ({"role": "user", "content": "How long?"},)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    parts = Parts.at(tmp_path, FakeClock())
    yield parts.store(tmp_path)
    parts.database.close()


def wait(is_so: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_store_that_is_not_enrolled_loads_no_agent(tmp_path: Path) -> None:
    assert load_companions(tmp_path).those == ()


def test_an_enrolled_store_beats_while_it_serves_and_has_a_line(
    hub: ScriptedHub, tmp_path: Path, store: Store
) -> None:
    folder = enrolled(tmp_path, hub.url)
    agent = AgentCompanion()

    line = agent.line(Settings(home=tmp_path))
    assert line is not None
    with agent.attend(store):  # type: ignore[arg-type]
        wait(lambda: hub.beats)
        assert folder.is_locked()
        assert "".join(line.stream(MESSAGES, deadline_s=10)) == "Within 30 days [1]."

    assert not folder.is_locked()
    assert hub.beats[0].level == "calm"
    assert hub.beats[0].ready


def test_a_store_whose_owner_wants_no_generalist_has_no_line(
    hub: ScriptedHub, tmp_path: Path
) -> None:
    folder = enrolled(tmp_path, hub.url)
    folder.settings.write_text("generalist = false\n")
    assert AgentCompanion().line(Settings(home=tmp_path)) is None


def test_while_another_process_is_the_agent_the_store_waits_and_then_takes_over(
    hub: ScriptedHub, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "TAKE_OVER_S", 0.05)
    folder = enrolled(tmp_path, hub.url)
    agent = AgentCompanion()
    agent.line(Settings(home=tmp_path))
    with AgentFolder(tmp_path).locked() as _, agent.attend(store):  # type: ignore[arg-type]
        time.sleep(0.3)
        assert hub.beats == []
    other = AgentFolder(tmp_path).locked()
    other.__enter__()
    with agent.attend(store):  # type: ignore[arg-type]
        other.__exit__(None, None, None)
        wait(folder.is_locked)

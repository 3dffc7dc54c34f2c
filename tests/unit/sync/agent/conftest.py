"""A scripted hub and an agent enrolled at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.agent.ends import Ends
from tests.builders.agents import agent_ends, enrolled
from tests.fakes.hub import ScriptedHub, scripted_hub


@pytest.fixture
def hub() -> Iterator[ScriptedHub]:
    with scripted_hub() as hub:
        yield hub


@pytest.fixture
def ends(hub: ScriptedHub, tmp_path: Path) -> Iterator[Ends]:
    enrolled(tmp_path, hub.url)
    with agent_ends(tmp_path) as ends:
        yield ends

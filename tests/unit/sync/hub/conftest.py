"""A hub in this process, on SQLite and on a real PostgreSQL, by a clock that goes when told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.hub.parts import Hub
from tests.builders.hub.databases import emptied, postgres_server
from tests.builders.hub.homes import hub_at, line_to, make_home
from tests.fakes.clock import FakeClock


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database; '' for the home's own file."""
    return "" if request.param == "sqlite" else emptied(request.getfixturevalue("postgres"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def hub(tmp_path: Path, database_url: str, clock: FakeClock) -> Iterator[Hub]:
    home = make_home(tmp_path / "hub", settings="enrols_per_address = 100\n")
    with hub_at(home, clock, database=database_url or None) as hub:
        yield hub


@pytest.fixture
def client(hub: Hub) -> Iterator[Any]:
    with line_to(hub) as client:
        yield client

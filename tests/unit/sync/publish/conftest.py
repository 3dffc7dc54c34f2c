"""A repository of one release with a pilot ring, made once and copied for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.fetch.client import ReleaseClient
from sync.publish.repository import Repository
from sync.trust.ring import RingPointer
from tests.builders.repositories import PARTS, copied, published, release, repository
from tests.fakes.clock import FakeClock


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("made")
    made = repository(folder, FakeClock())
    published(made, release(folder / "a", "rel-a", 1))
    made.promote(RingPointer("pilot", "rel-a", 1))
    return made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def repo(made: Repository, tmp_path: Path, clock: FakeClock) -> Repository:
    release(tmp_path / "a", "rel-a", 1)
    return copied(made, tmp_path, clock)


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """Return the folder of a second release, whose index is another."""
    index = PARTS["index.db"][:-700] + b"fresh! " * 100
    return release(tmp_path / "b", "rel-b", 2, {**PARTS, "index.db": index})


@pytest.fixture
def store(repo: Repository, tmp_path: Path, clock: FakeClock) -> ReleaseClient:
    """Return an old store's client, which has seen the repository as it began."""
    root = (repo.disk.metadata / "1.root.json").read_bytes()
    client = ReleaseClient(tmp_path / "tuf", repo.folder, root, clock=clock)
    client.look("pilot")
    return client

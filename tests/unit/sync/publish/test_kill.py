"""Killed at any write, before or after the rename: stores see the old repository or the new one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from appliance.release import check_parts
from sync.errors import NothingStaged
from sync.fetch.client import ReleaseClient
from sync.publish.repository import Repository
from sync.publish.rotation import rotate
from sync.trust.ring import RingPointer
from tests.builders.repositories import CHEAP, copied, key_folder
from tests.fakes.clock import FakeClock

MOST_WRITES = 40


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Counts renames under a folder, and ends the process at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.at, self.is_after, self.seen = -1, False, 0
        true_replace = Path.replace

        def replace(path: Path, target: Any) -> Path:
            if not Path(target).is_relative_to(folder):
                return true_replace(path, target)
            self.seen += 1
            if self.seen == self.at and not self.is_after:
                raise Killed
            done = true_replace(path, target)
            if self.seen == self.at:
                raise Killed
            return done

        monkeypatch.setattr(Path, "replace", replace)


def sign_and_publish(repo: Repository, folder: Path) -> None:
    repo.sign(folder / "b", previous=[folder / "a"])
    repo.publish()


def promote(repo: Repository, folder: Path) -> None:
    repo.promote(RingPointer("pilot", "rel-a", 1, percent=50))


def pause(repo: Repository, folder: Path) -> None:
    repo.pause("pilot")


def refresh(repo: Repository, folder: Path) -> None:
    repo.refresh(force=True)


def rotate_root(repo: Repository, folder: Path) -> None:
    rotate(repo, ["root"], scrypt_n=CHEAP)


def rotate_top(repo: Repository, folder: Path) -> None:
    rotate(repo, ["targets", "snapshot", "timestamp"], scrypt_n=CHEAP)


def rotate_delegated(repo: Repository, folder: Path) -> None:
    rotate(repo, ["content", "releases", "rings"], scrypt_n=CHEAP)


@pytest.mark.parametrize(
    "change",
    [sign_and_publish, promote, pause, refresh, rotate_root, rotate_top, rotate_delegated],
)
@pytest.mark.parametrize("is_after", [False, True])
def test_a_kill_at_any_write_leaves_a_repository_that_every_store_accepts(  # noqa: PLR0917
    made: Repository,
    newer: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Repository, Path], None],
    is_after: bool,
) -> None:
    clock = FakeClock()
    (tmp_path / "a").symlink_to(made.folder.parent / "a")
    for at in range(1, MOST_WRITES):
        folder = tmp_path / f"at-{at}"
        repo = copied(made, folder, clock)
        old = client(repo, folder / "old", clock)
        old.look("pilot")
        with monkeypatch.context() as patch:
            killer = Killer(patch, repo.folder)
            killer.at, killer.is_after = at, is_after
            try:
                change(repo, tmp_path)
                is_done = True
            except Killed:
                is_done = False

        for store in (old, client(repo, folder / "new", clock)):
            pointer = store.look("pilot")
            assert pointer.release == "rel-a"
            store.fetch(store.release("rel-a"), store.folder.parent / "release")
            assert check_parts(store.folder.parent / "release").id == "rel-a"
        if is_done:
            assert at > 1
            return
        again = Repository(repo.folder, keys=key_folder(repo.keys.folder), clock=clock)
        change(again, tmp_path) if change is not sign_and_publish else finish(again, tmp_path)
        assert old.look("pilot").release == "rel-a"
    pytest.fail(f"more than {MOST_WRITES} writes")


def finish(repo: Repository, folder: Path) -> None:
    """Run the same two commands again; publish has nothing to do when it was killed at its end."""
    repo.sign(folder / "b", previous=[folder / "a"])
    with suppress(NothingStaged):
        repo.publish()
    assert [r.id for r in repo.releases()] == ["rel-a", "rel-b"]


def client(repo: Repository, home: Path, clock: FakeClock) -> ReleaseClient:
    root = (repo.disk.metadata / "1.root.json").read_bytes()
    return ReleaseClient(home / "tuf", repo.folder, root, clock=clock)

"""Sticks, sweeping, and what a promotion costs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.release import check_parts
from sync.errors import BadRepository, NotPublished, StaleMetadata
from sync.fetch.client import ReleaseClient
from sync.publish.cost import release_cost
from sync.publish.media import copy_media
from sync.publish.repository import Repository
from sync.publish.rotation import rotate
from sync.publish.sweep import sweep
from sync.trust.ring import RingPointer
from tests.builders.disks import small_disk
from tests.builders.repositories import CHEAP, PARTS, release, repository
from tests.fakes.clock import FakeClock

DAY_S = 86_400


def from_stick(stick: Path, repo: Repository, home: Path, clock: FakeClock) -> ReleaseClient:
    root = (repo.disk.metadata / "1.root.json").read_bytes()
    return ReleaseClient(home / "stick-tuf", stick, root, clock=clock)


def test_a_stick_installs_with_the_same_checks_and_carries_one_release(
    repo: Repository, newer: Path, tmp_path: Path, clock: FakeClock
) -> None:
    repo.sign(newer, previous=[tmp_path / "a"])
    repo.publish()
    repo.promote(RingPointer("pilot", "rel-b", 2))
    rotate(repo, ["timestamp"], scrypt_n=CHEAP)

    media = copy_media(repo, tmp_path / "stick", release="rel-b")

    store = from_stick(tmp_path / "stick", repo, tmp_path, clock)
    pointer = store.look("pilot")
    store.fetch(store.release(pointer.release), tmp_path / "new", have=[tmp_path / "a"])
    assert check_parts(tmp_path / "new").id == media.release == "rel-b"
    stuck = {
        p.name.split(".", 1)[1] for p in (tmp_path / "stick/targets").rglob("*") if p.is_file()
    }
    assert not any(name.endswith(".zst") for name in stuck)
    assert sum(name == "index.db" for name in stuck) == 1
    assert "rel-a.json" not in stuck


def test_a_stick_is_good_for_as_long_as_its_timestamp(
    repo: Repository, tmp_path: Path, clock: FakeClock
) -> None:
    repo.timestamp(days=20)
    copy_media(repo, tmp_path / "stick", release="rel-a")

    clock.advance(19 * DAY_S)
    assert from_stick(tmp_path / "stick", repo, tmp_path, clock).look("pilot").release == "rel-a"
    clock.advance(2 * DAY_S)
    with pytest.raises(StaleMetadata):
        from_stick(tmp_path / "stick", repo, tmp_path, clock).look("pilot")


def test_a_damaged_stick_is_mended_by_copying_again(
    repo: Repository, tmp_path: Path, clock: FakeClock
) -> None:
    copy_media(repo, tmp_path / "stick", release="rel-a")
    (damaged,) = (tmp_path / "stick").rglob("*.index.db")
    damaged.write_bytes(b"?" * damaged.stat().st_size)

    copy_media(repo, tmp_path / "stick", release="rel-a")

    store = from_stick(tmp_path / "stick", repo, tmp_path, clock)
    store.look("pilot")
    store.fetch(store.release("rel-a"), tmp_path / "new")
    assert check_parts(tmp_path / "new").id == "rel-a"


def test_a_full_stick_and_a_missing_release_are_told(repo: Repository, tmp_path: Path) -> None:
    with pytest.raises(NotPublished):
        copy_media(repo, tmp_path / "stick", release="rel-z")
    with (
        small_disk(tmp_path / "small", size="200k") as small,
        pytest.raises(BadRepository, match="cannot be written"),
    ):
        copy_media(repo, small / "stick", release="rel-a")


def test_what_nothing_names_goes_after_its_time_and_nothing_else(
    repo: Repository, tmp_path: Path, clock: FakeClock, store: ReleaseClient
) -> None:
    for n in range(2, 5):
        parts = {**PARTS, "index.db": bytes([n]) * 70_000}
        repo.sign(release(tmp_path / f"r{n}", f"rel-{n}", n, parts), keep=1)
        repo.publish()
    now = clock.now().timestamp()
    for path in repo.folder.rglob("*"):
        os.utime(path, (now, now))
    assert sweep(repo) == (0, 0)

    clock.advance(15 * DAY_S)
    repo.refresh(force=True)
    files, size = sweep(repo)

    assert files > 10
    assert size > 140_000  # two indexes that nothing names
    assert store.look("pilot").release == "rel-a"
    for name in ("rel-a", "rel-4"):
        store.fetch(store.release(name), tmp_path / f"got-{name}")
    assert repo.disk.root_versions() == (1,)


def test_what_was_named_until_now_stays_for_who_is_reading_it(
    repo: Repository, newer: Path, clock: FakeClock, store: ReleaseClient, tmp_path: Path
) -> None:
    """Its days begin when nothing names it any more, however old it is."""
    long_ago = clock.now().timestamp() - 30 * DAY_S
    for path in repo.folder.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    before = repo.view()
    store.refresh()
    repo.sign(newer, keep=1)
    repo.publish()
    repo.promote(RingPointer("pilot", "rel-b", 2))
    repo.sign(release(tmp_path / "c", "rel-c", 3, {**PARTS, "index.db": b"c" * 70_000}), keep=1)
    repo.publish()

    sweep(repo)

    store.fetch(store.release("rel-a"), tmp_path / "got")
    assert (repo.disk.metadata / f"{before.snapshot.signed.version}.snapshot.json").is_file()


def test_what_is_being_signed_is_not_swept(repo: Repository, newer: Path, clock: FakeClock) -> None:
    repo.sign(newer)
    long_ago = clock.now().timestamp() - 30 * DAY_S
    for path in repo.folder.rglob("*"):
        os.utime(path, (long_ago, long_ago))

    sweep(repo)

    assert set(repo.publish()) == {"indexes", "releases"}


def test_the_cost_of_a_promotion_is_told_before_it(
    repo: Repository, newer: Path, tmp_path: Path
) -> None:
    repo.sign(newer, previous=[tmp_path / "a"])
    repo.publish()

    cost = release_cost(repo, ring="pilot", release="rel-b")
    fresh = release_cost(repo, ring="new", release="rel-b")

    assert (cost.live, cost.kept, cost.deltas, cost.full) == ("rel-a", 3, 1, 0)
    assert cost.line_bytes < 1_000
    assert cost.hours(3600) == cost.line_bytes / 3600 / 3600
    assert (fresh.live, fresh.full) == ("", 4)
    assert fresh.line_bytes == fresh.whole_bytes == sum(map(len, PARTS.values()))
    with pytest.raises(NotPublished):
        release_cost(repo, ring="pilot", release="rel-z")


def test_where_nothing_is_published_the_newest_release_is_none(
    tmp_path: Path, clock: FakeClock
) -> None:
    empty = repository(tmp_path, clock)

    with pytest.raises(NotPublished, match="no release yet"):
        empty.newest()

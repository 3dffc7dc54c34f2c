"""Signing, publishing, promoting, going back, staying fresh."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.errors import DamagedRelease
from sync.errors import (
    BadKey,
    BadRepository,
    NothingStaged,
    NotPublished,
    PointerRefused,
    Untrusted,
)
from sync.fetch.client import ReleaseClient
from sync.publish.keys import KeyFolder
from sync.publish.repository import Repository
from sync.trust.paths import back_target, part_target
from sync.trust.ring import RingPointer
from sync.trust.roles import CONTENT, RELEASES, ROLES
from tests.builders.repositories import PARTS, key_folder, published, release
from tests.fakes.clock import FakeClock

DAY_S = 86_400


def without(repo: Repository, *names: str) -> None:
    """Carry the files of these keys away."""
    for key in repo.keys.listed():
        if key.name in names:
            (repo.keys.folder / key.uri.removeprefix("file:")).unlink()
    repo.keys = key_folder(repo.keys.folder)


def test_a_signed_release_is_seen_by_nobody_before_it_is_published(
    repo: Repository, newer: Path, store: ReleaseClient
) -> None:
    repo.sign(newer)
    store.refresh()
    with pytest.raises(NotPublished):
        store.release("rel-b")

    assert set(repo.publish()) == {"indexes", "releases"}

    store.refresh()
    assert store.release("rel-b").manifest.counter == 2
    assert [r.id for r in repo.releases()] == ["rel-a", "rel-b"]
    with pytest.raises(NothingStaged):
        repo.publish()


def test_the_manifest_is_published_byte_for_byte(
    repo: Repository, newer: Path, store: ReleaseClient
) -> None:
    published(repo, newer)
    store.refresh()

    assert store.release("rel-b").content == (newer / "manifest.json").read_bytes()


def test_a_damaged_folder_is_not_signed(repo: Repository, newer: Path) -> None:
    (newer / "index.db").write_bytes(b"cut")

    with pytest.raises(DamagedRelease):
        repo.sign(newer)
    assert repo.disk.staged_roles() == {}


def test_an_id_means_one_content_for_ever_and_counters_rise(
    repo: Repository, tmp_path: Path
) -> None:
    other = {**PARTS, "prompts.toml": b"# another\n"}
    with pytest.raises(BadRepository, match="signed already"):
        repo.sign(release(tmp_path / "x", "rel-a", 1, other))
    with pytest.raises(BadRepository, match="must be higher"):
        repo.sign(release(tmp_path / "y", "rel-y", 1, other))
    assert repo.sign(tmp_path / "a").roles == ()


def test_a_part_that_would_leave_its_folder_is_not_signed(repo: Repository, tmp_path: Path) -> None:
    folder = release(tmp_path / "e", "rel-e", 2, {"ok.bin": b"x", "../escape.bin": b"y"})

    with pytest.raises(Untrusted, match=r"\.\./escape"):
        repo.sign(folder)


def test_a_delta_is_made_where_it_is_worth_it(
    repo: Repository, newer: Path, tmp_path: Path
) -> None:
    staged = repo.sign(newer, previous=[tmp_path / "a"])
    repo.publish()

    assert list(staged.deltas) == ["index.db"]
    assert staged.deltas["index.db"] < 1_000
    custom = repo.view().roles[RELEASES].signed.targets["releases/rel-b.json"].custom
    ((digest, (way,)),) = custom["deltas"].items()
    assert digest == repo.manifest("rel-b").parts["index.db"].sha256
    assert way["from"] == repo.manifest("rel-a").parts["index.db"].sha256
    assert way["bytes"] == staged.deltas["index.db"]
    assert way["target"] in repo.view().roles["indexes"].signed.targets


def test_two_people_sign_apart_and_half_is_not_published(
    repo: Repository, newer: Path, store: ReleaseClient
) -> None:
    keys = repo.keys.folder
    kept = {k.name: (keys / k.uri.removeprefix("file:")).read_bytes() for k in repo.keys.listed()}
    without(repo, "content")
    with pytest.raises(BadKey, match="indexes needs 1"):
        repo.sign(newer)
    repo.sign(newer, roles=[RELEASES])
    with pytest.raises(BadRepository, match="content key did not sign"):
        repo.publish()

    for key in repo.keys.listed():  # the other person's machine has the other key
        path = keys / key.uri.removeprefix("file:")
        if key.name == "content":
            path.write_bytes(kept["content"])
            path.chmod(0o600)
    without(repo, "releases")
    repo.sign(newer, roles=CONTENT)
    repo.publish()

    store.refresh()
    assert store.release("rel-b").manifest.id == "rel-b"


def test_two_releases_can_be_signed_before_one_publish(
    repo: Repository, newer: Path, tmp_path: Path
) -> None:
    third = release(tmp_path / "c", "rel-c", 3, {**PARTS, "index.db": b"third" * 20_000})
    repo.sign(newer)
    repo.sign(third)

    repo.publish()

    assert [r.id for r in repo.releases()] == ["rel-a", "rel-b", "rel-c"]


def test_old_releases_leave_the_metadata_unless_a_ring_is_at_them(
    repo: Repository, tmp_path: Path
) -> None:
    for n in range(2, 6):
        folder = release(
            tmp_path / f"r{n}", f"rel-{n}", n, {**PARTS, "index.db": bytes([n]) * 70_000}
        )
        staged = repo.sign(folder, keep=2)
        repo.publish()

    assert [r.id for r in repo.releases()] == ["rel-a", "rel-4", "rel-5"]
    assert staged.dropped == ("rel-3",)
    assert len(repo.view().roles["indexes"].signed.targets) == 3


def test_what_is_staged_by_a_stranger_is_not_published(repo: Repository, newer: Path) -> None:
    repo.sign(newer)
    path = repo.disk.staged / "releases.json"
    plain = json.loads(path.read_text())
    plain["signed"]["targets"] = {}
    path.write_text(json.dumps(plain))

    with pytest.raises(BadRepository, match="not signed by its key"):
        repo.publish()


@pytest.mark.parametrize("content", [b"", b"{}", b"<html>", b"[" * 9_000])
def test_what_is_staged_and_does_not_parse_is_told(
    repo: Repository, newer: Path, content: bytes
) -> None:
    repo.sign(newer)
    (repo.disk.staged / "releases.json").write_bytes(content)
    (repo.disk.staged / "stray.json").write_bytes(b"notes of somebody")

    with pytest.raises(BadRepository, match="damaged"):
        repo.publish()
    with pytest.raises(BadRepository, match="damaged"):
        repo.sign(newer)


def test_a_file_that_was_altered_in_the_repository_is_mended_by_signing_again(
    repo: Repository, newer: Path, store: ReleaseClient, tmp_path: Path
) -> None:
    published(repo, newer)
    part = repo.manifest("rel-b").parts["index.db"]
    repo.disk.file(part_target("index.db", part.sha256), part.sha256).write_bytes(b"?" * part.bytes)

    repo.sign(newer)

    store.refresh()
    assert store.fetch(store.release("rel-b"), tmp_path / "got").full == 4


def test_a_release_whose_file_went_missing_is_not_published(repo: Repository, newer: Path) -> None:
    repo.sign(newer)
    manifest = json.loads((newer / "manifest.json").read_text())
    digest = manifest["parts"]["index.db"]["sha256"]
    part = repo.disk.file(part_target("index.db", digest), digest)
    part.unlink()

    with pytest.raises(BadRepository, match="missing or cut"):
        repo.publish()


# ── rings ────────────────────────────────────────────────────────────────────────────────────────


def test_a_ring_points_where_it_was_told(repo: Repository, store: ReleaseClient) -> None:
    told = RingPointer("pilot", "rel-a", 1, percent=25, splay_s=60, window="22:00-05:00")

    signed = repo.promote(told)

    assert signed == replace(told, salt="rel-a", made_at=repo.clock.now())
    assert store.look("pilot") == signed == repo.ring("pilot")
    assert repo.rings() == (signed,)


@pytest.mark.parametrize(
    ("pointer", "fault"),
    [
        (RingPointer("pilot", "rel-z", 1), NotPublished),
        (RingPointer("pilot", "rel-a", 7), PointerRefused),
        (RingPointer("pilot", "rel-a", 1, percent=120), PointerRefused),
        (RingPointer("../x", "rel-a", 1), Untrusted),
    ],
)
def test_a_ring_is_not_pointed_at_what_stores_would_refuse(
    repo: Repository, pointer: RingPointer, fault: type[Exception]
) -> None:
    before = repo.view().versions()

    with pytest.raises(fault):
        repo.promote(pointer)

    assert repo.view().versions() == before


def test_a_pause_keeps_the_release_and_stops_it(repo: Repository, store: ReleaseClient) -> None:
    repo.pause("pilot")

    assert store.look("pilot").state == "pause"
    assert store.look("pilot").release == "rel-a"
    with pytest.raises(NotPublished):
        repo.pause("nobody")


def test_going_back_needs_the_release_managers_key_once(
    repo: Repository, newer: Path, store: ReleaseClient
) -> None:
    published(repo, newer)
    repo.promote(RingPointer("pilot", "rel-b", 2, splay_s=600, window="22:00-05:00"))
    with pytest.raises(PointerRefused):
        repo.promote(RingPointer("pilot", "rel-a", 1))
    repo.allow_back("pilot", "rel-a")
    without(repo, "releases", "targets", "content", "root-1", "root-2", "root-3")

    repo.rollback("pilot", "rel-a")

    pointer = store.look("pilot")
    assert (pointer.release, pointer.state, pointer.percent) == ("rel-a", "go", 100.0)
    assert (pointer.window, pointer.splay_s) == ("", 0.0)
    assert store.move(pointer, store.release("rel-a"), live_counter=2).is_back


def test_a_store_that_slept_through_one_way_back_takes_the_next(
    repo: Repository, newer: Path, store: ReleaseClient, tmp_path: Path
) -> None:
    published(repo, newer)
    published(repo, release(tmp_path / "c", "rel-c", 3, {**PARTS, "index.db": b"c" * 70_000}))
    repo.promote(RingPointer("pilot", "rel-c", 3))
    repo.rollback("pilot", "rel-b")
    repo.rollback("pilot", "rel-a")

    pointer = store.look("pilot")

    assert store.move(pointer, store.release("rel-a"), live_counter=3).is_back


@pytest.mark.parametrize("mistaken", ["rel-a", "rel-b"])
def test_what_is_not_older_is_not_gone_back_to(
    repo: Repository, newer: Path, mistaken: str
) -> None:
    """It would give all stores, at once, what the ring was stopped at."""
    published(repo, newer)
    if mistaken == "rel-b":
        repo.promote(RingPointer("pilot", "rel-b", 2, percent=5.0))
    stopped = repo.pause("pilot")

    with pytest.raises(PointerRefused, match="is not older"):
        repo.rollback("pilot", mistaken)
    with pytest.raises(PointerRefused, match="is not older"):
        repo.allow_back("pilot", mistaken)

    assert repo.ring("pilot") == stopped


def test_going_back_without_a_word_and_without_the_key_moves_nothing(
    repo: Repository, newer: Path
) -> None:
    published(repo, newer)
    repo.promote(RingPointer("pilot", "rel-b", 2))
    without(repo, "releases")

    with pytest.raises(BadKey, match="releases needs 1"):
        repo.rollback("pilot", "rel-a")

    assert repo.ring("pilot").release == "rel-b"


def test_a_word_given_while_a_release_is_staged_outlives_its_publish(
    repo: Repository, newer: Path, tmp_path: Path
) -> None:
    published(repo, newer)
    repo.promote(RingPointer("pilot", "rel-b", 2))
    repo.sign(release(tmp_path / "c", "rel-c", 3, {**PARTS, "index.db": b"c" * 70_000}))

    repo.allow_back("pilot", "rel-a")
    repo.publish()

    names = repo.view().roles[RELEASES].signed.targets
    assert {"releases/rel-c.json", back_target("pilot", "rel-a")} <= set(names)


# ── time ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_hub_keeps_the_online_roles_fresh_with_three_keys(
    repo: Repository, clock: FakeClock, store: ReleaseClient
) -> None:
    without(repo, "releases", "targets", "content", "root-1", "root-2", "root-3")
    assert repo.refresh() == ()

    for day in range(1, 120):
        clock.advance(DAY_S)
        repo.refresh()
        if day % 10 == 0:
            assert store.look("pilot").release == "rel-a"

    days = {expiry.role: expiry.days(clock.now()) for expiry in repo.expiries()}
    assert days["timestamp"] > 3 and days["snapshot"] > 14 and days["rings"] > 29  # noqa: PT018
    assert days["root"] < 730 - 118
    assert set(days) == set(ROLES)


@pytest.mark.parametrize("years", [-50, 14])
def test_what_was_signed_by_a_wrong_clock_is_signed_again(
    repo: Repository, clock: FakeClock, store: ReleaseClient, years: int
) -> None:
    wrong = FakeClock()
    wrong.advance(years * 365 * DAY_S)
    repo.clock = wrong
    repo.pause("pilot")
    repo.clock = clock

    assert repo.refresh() == ("rings", "snapshot", "timestamp")

    assert store.look("pilot").state == "pause"
    days = {expiry.role: expiry.days(clock.now()) for expiry in repo.expiries()}
    assert 6 < days["timestamp"] <= 7
    assert days["rings"] <= 60
    assert repo.refresh() == ()


def test_a_timestamp_can_live_as_long_as_the_post_takes(repo: Repository, clock: FakeClock) -> None:
    repo.timestamp(days=45)

    days = {expiry.role: expiry.days(clock.now()) for expiry in repo.expiries()}
    assert 44.9 < days["timestamp"] <= 45


def test_a_second_repository_is_not_begun_in_the_same_folder(repo: Repository) -> None:
    with pytest.raises(BadRepository, match="already"):
        repo.create()


def test_a_folder_that_is_none_is_told(tmp_path: Path, clock: FakeClock) -> None:
    none = Repository(tmp_path / "none", keys=KeyFolder(tmp_path, str), clock=clock)

    with pytest.raises(BadRepository, match="release init"):
        none.view()
    with pytest.raises(BadRepository, match="release init"):
        none.refresh()


def test_damaged_metadata_is_told_and_not_built_upon(repo: Repository) -> None:
    version = repo.view().versions()["snapshot"]
    (repo.disk.metadata / f"{version}.snapshot.json").write_bytes(b"{}")

    with pytest.raises(BadRepository, match="damaged"):
        repo.refresh(force=True)


def test_one_writer_at_a_time(repo: Repository) -> None:
    with repo.locked():
        other = Repository(repo.folder, keys=repo.keys, clock=repo.clock)
        with (
            pytest.raises(BadRepository, match="being written"),
            other.disk.locked(wait_s=0.1),
        ):
            pass

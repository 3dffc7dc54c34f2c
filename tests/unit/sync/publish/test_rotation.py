"""New keys and new terms: old stores follow, old keys are worth nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.errors import BadKey, BadRepository, Untrusted
from sync.fetch.client import ReleaseClient
from sync.publish.keys import HeldKey
from sync.publish.repository import Repository
from sync.publish.rotation import renew, rotate
from sync.trust.ring import RingPointer
from sync.trust.roles import DELEGATED, ROLES, ROOT
from tests.builders.repositories import CHEAP, PARTS, key_folder, published, release
from tests.fakes.clock import FakeClock

NAMES = [*ROLES, "root-3", "content"]


def carry_away(repo: Repository, keys: list[HeldKey]) -> None:
    """Take these key files off the machine."""
    for key in keys:
        (repo.keys.folder / key.uri.removeprefix("file:")).unlink()
    repo.keys = key_folder(repo.keys.folder)


@pytest.mark.parametrize("name", NAMES)
def test_an_old_store_follows_a_new_key_of_any_role_and_the_old_key_is_of_no_use(
    repo: Repository, store: ReleaseClient, tmp_path: Path, name: str
) -> None:
    before = repo.keys.listed()
    new = rotate(repo, [name], scrypt_n=CHEAP)
    replaced = {key.name for key in new}
    carry_away(repo, [key for key in before if key.name in replaced])

    assert store.look("pilot").release == "rel-a"
    published(repo, release(tmp_path / "c", "rel-c", 3, {**PARTS, "index.db": b"c" * 70_000}))
    repo.promote(RingPointer("pilot", "rel-c", 3))
    repo.refresh(force=True)
    rotate(repo, [name], scrypt_n=CHEAP)

    assert store.look("pilot").release == "rel-c"
    assert store.release("rel-c").manifest.counter == 3


def test_all_keys_at_once_and_a_store_that_slept_through_it(
    repo: Repository, store: ReleaseClient
) -> None:
    for _ in range(3):
        rotate(repo, ROLES, scrypt_n=CHEAP)

    assert store.look("pilot").release == "rel-a"
    assert repo.disk.root_versions() == (1, 2, 3, 4)


def test_root_wants_two_old_keys(repo: Repository) -> None:
    roots = [key for key in repo.keys.listed() if key.name in {"root-1", "root-2"}]
    carry_away(repo, roots)

    with pytest.raises(BadKey, match="root needs 2 of its keys"):
        rotate(repo, ["timestamp"], scrypt_n=CHEAP)

    assert repo.disk.root_versions() == (1,)
    repo.refresh(force=True)  # what is online goes on


def test_one_lost_root_key_is_replaced_by_the_other_two(
    repo: Repository, store: ReleaseClient
) -> None:
    carry_away(repo, [key for key in repo.keys.listed() if key.name == "root-3"])

    rotate(repo, ["root-3"], scrypt_n=CHEAP)

    assert store.look("pilot").release == "rel-a"
    root = repo.disk.root().signed
    assert len(root.roles[ROOT].keyids) == 3
    assert repo.keys.newest("root-3").public.keyid in root.roles[ROOT].keyids


@pytest.mark.parametrize("lost", [role for role in ROLES if role != ROOT])
def test_a_lost_key_is_replaced_without_it(
    repo: Repository, store: ReleaseClient, newer: Path, lost: str
) -> None:
    """A hub's disk dies with the online keys: the stores must not have to enrol again."""
    name = {"models": "content", "indexes": "content", "policy": "content"}.get(lost, lost)
    carry_away(repo, [key for key in repo.keys.listed() if key.name == name])

    rotate(repo, [lost], scrypt_n=CHEAP)

    assert store.look("pilot").release == "rel-a"
    published(repo, newer)
    repo.promote(RingPointer("pilot", "rel-b", 2))
    assert store.look("pilot").release == "rel-b"


def test_all_online_keys_that_died_with_the_hub_are_replaced_at_once(
    repo: Repository, store: ReleaseClient
) -> None:
    carry_away(repo, [key for key in repo.keys.listed() if "/online/" in f"/{key.uri[5:]}"])

    rotate(repo, ["rings", "snapshot", "timestamp"], scrypt_n=CHEAP)

    assert store.look("pilot").release == "rel-a"
    repo.refresh(force=True)
    assert store.look("pilot").release == "rel-a"


def test_a_thief_of_the_old_timestamp_key_is_refused_after_a_rotation(
    repo: Repository, store: ReleaseClient
) -> None:
    old = (repo.disk.metadata / "timestamp.json").read_bytes()
    rotate(repo, ["timestamp"], scrypt_n=CHEAP)
    store.look("pilot")

    (repo.disk.metadata / "timestamp.json").write_bytes(old)

    with pytest.raises(Untrusted):
        store.look("pilot")


def test_keys_are_not_changed_under_a_staged_release(repo: Repository, newer: Path) -> None:
    repo.sign(newer)

    with pytest.raises(BadRepository, match="release publish"):
        rotate(repo, ["content"], scrypt_n=CHEAP)


def test_what_is_no_role_is_told(repo: Repository) -> None:
    with pytest.raises(BadKey, match="No role or key is called mirrors"):
        rotate(repo, ["mirrors"])
    with pytest.raises(BadKey, match="No such role: mirrors"):
        renew(repo, ["mirrors"])
    with pytest.raises(BadKey, match="replaces one key"):
        rotate(repo, ["root"], given=repo.keys.newest("root-1"))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_signed_for_another_term_with_the_key_it_has(
    repo: Repository, store: ReleaseClient, clock: FakeClock, role: str
) -> None:
    before = {e.role: e for e in repo.expiries()}
    clock.advance(86_400)

    renew(repo, [role])

    after = {e.role: e for e in repo.expiries()}
    assert after[role].expires_at > before[role].expires_at
    assert after[role].version == before[role].version + 1
    for other in set(DELEGATED) - {role}:
        assert after[other] == before[other]
    assert store.look("pilot").release == "rel-a"

"""A repository, or a line, that lies: what each attack of TUF's list gets it, and what it does not.

The server is real and so are the signatures. Whatever happens, what is live is never touched.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Targets

from appliance.release import check_parts
from sync.errors import (
    CannotWrite,
    FetchFailed,
    NotPublished,
    PointerRefused,
    SlowRetrieval,
    StaleMetadata,
    Untrusted,
)
from sync.fetch.client import ReleaseClient
from sync.fetch.limits import FetchLimits
from sync.publish.published import json_bytes
from sync.publish.repository import Repository
from sync.publish.rotation import rotate
from sync.publish.signing import following, signed_bytes, target_of
from sync.trust.paths import part_target, release_target, ring_target
from sync.trust.ring import RingPointer
from sync.trust.roles import RELEASES, RINGS, TARGETS
from tests.builders.disks import small_disk
from tests.builders.repositories import CHEAP, PARTS, copied, published, release, repository
from tests.builders.web_folders import WebFolder, web_folder
from tests.fakes.clock import FakeClock

HASTY = FetchLimits(read_s=2.0, window_s=0.3, answer_s=0.5, least_bytes_s=2_000, tries=2)


class RealClock(FakeClock):
    """The fake date, and true seconds: for what is judged by how long it took."""

    def monotonic(self) -> float:
        import time

        return time.monotonic()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


SECOND = {**PARTS, "index.db": b"b" * 90_000}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository of two releases; the ring `pilot` points at the second."""
    folder = tmp_path_factory.mktemp("made")
    made = repository(folder, FakeClock())
    published(made, release(folder / "a", "rel-a", 1))
    published(made, release(folder / "b", "rel-b", 2, SECOND))
    made.promote(RingPointer("pilot", "rel-b", 2))
    return made


@pytest.fixture
def repo(made: Repository, tmp_path: Path, clock: FakeClock) -> Repository:
    release(tmp_path / "a", "rel-a", 1)
    release(tmp_path / "b", "rel-b", 2, SECOND)
    return copied(made, tmp_path, clock)


@pytest.fixture
def web(repo: Repository) -> Iterator[WebFolder]:
    with web_folder(repo.folder) as served:
        yield served


@pytest.fixture
def store(repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path) -> ReleaseClient:
    return client(repo, web, clock, tmp_path)


def client(
    repo: Repository,
    web: WebFolder,
    clock: FakeClock,
    home: Path,
    *,
    limits: FetchLimits | None = None,
) -> ReleaseClient:
    return ReleaseClient(
        home / "tuf",
        web.url,
        (repo.folder / "metadata/1.root.json").read_bytes(),
        clock=clock,
        limits=limits,
        sleep=lambda s: None,
    )


def trusted(home: Path) -> dict[str, bytes]:
    """Return the metadata a store trusts."""
    return {p.name: p.read_bytes() for p in (home / "tuf").glob("*.json")}


def sealed_rings(repo: Repository, pointer: RingPointer) -> None:
    """Sign a pointer as a thief of the online keys would: without this program's checks."""
    view = repo.view()
    content = json_bytes(pointer)
    path = ring_target(pointer.ring)
    digest = repo.disk.put_bytes(path, content)
    rings = following(view.roles[RINGS].signed, RINGS, repo.clock.now())
    rings.targets[path] = target_of(path, sha256=digest, length=len(content))
    targets = view.roles[TARGETS].signed
    file = signed_bytes(rings, RINGS, delegators=(targets,), keys=repo.keys)
    repo.commit(view, {RINGS: file})


# ── metadata ─────────────────────────────────────────────────────────────────────────────────────


def test_rollback_old_metadata_played_again_is_refused(
    repo: Repository, store: ReleaseClient, tmp_path: Path
) -> None:
    old = {p.name: p.read_bytes() for p in repo.disk.metadata.iterdir()}
    repo.promote(RingPointer("pilot", "rel-b", 2, percent=50))
    store.look("pilot")
    seen = trusted(tmp_path)

    repo.disk.metadata.joinpath("timestamp.json").write_bytes(old["timestamp.json"])

    with pytest.raises(Untrusted):
        store.look("pilot")
    assert trusted(tmp_path) == seen


def test_a_store_that_lost_power_still_knows_what_it_saw(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path
) -> None:
    old = repo.disk.metadata.joinpath("timestamp.json").read_bytes()
    repo.timestamp()
    client(repo, web, clock, tmp_path).look("pilot")
    repo.disk.metadata.joinpath("timestamp.json").write_bytes(old)

    with pytest.raises(Untrusted):
        client(repo, web, clock, tmp_path).look("pilot")


def test_freeze_a_repository_held_still_goes_stale_and_rings_the_alarm(
    store: ReleaseClient, clock: FakeClock, tmp_path: Path
) -> None:
    store.look("pilot")
    live = tmp_path / "live"
    store.fetch(store.release("rel-b"), live)
    clock.advance(365 * 86_400)

    with pytest.raises(StaleMetadata):
        store.look("pilot")

    assert store.alarms()[0].days < 0
    assert check_parts(live).id == "rel-b"


def test_mix_and_match_a_role_of_another_state_is_refused(
    repo: Repository, store: ReleaseClient
) -> None:
    version = repo.view().versions()["indexes"]
    older = repo.disk.metadata / f"{version - 1}.indexes.json"
    shutil.copy(older, repo.disk.metadata / f"{version}.indexes.json")
    store.look("pilot")

    with pytest.raises(Untrusted):
        store.release("rel-b")


@pytest.mark.parametrize("name", ["timestamp.json", "snapshot.json", "targets.json", "rings.json"])
def test_endless_metadata_is_cut_off_at_its_cap(
    store: ReleaseClient, web: WebFolder, name: str
) -> None:
    web.endless = name

    with pytest.raises(Untrusted):
        store.look("pilot")


def test_endless_root_is_cut_off_at_its_cap(
    repo: Repository, store: ReleaseClient, web: WebFolder
) -> None:
    rotate(repo, ["root-1"], scrypt_n=CHEAP)
    web.endless = "2.root.json"

    with pytest.raises(Untrusted):
        store.look("pilot")


def test_wrong_key_metadata_signed_by_a_stranger_is_refused(
    repo: Repository, store: ReleaseClient, tmp_path: Path
) -> None:
    store.look("pilot")
    seen = trusted(tmp_path)
    path = repo.disk.metadata / "timestamp.json"
    forged = Metadata.from_bytes(path.read_bytes())
    forged.signed.version += 1
    forged.sign(CryptoSigner(Ed25519PrivateKey.generate()))
    path.write_bytes(forged.to_bytes())

    with pytest.raises(Untrusted):
        store.look("pilot")
    assert trusted(tmp_path) == seen


def test_one_root_key_of_three_makes_no_root(repo: Repository, store: ReleaseClient) -> None:
    store.look("pilot")
    root = following(repo.disk.root().signed, "root", repo.clock.now())
    forged = Metadata(root)
    forged.sign(repo.keys.signer(root.roles["root"].keyids[0]))
    (repo.disk.metadata / "2.root.json").write_bytes(forged.to_bytes())

    with pytest.raises(Untrusted):
        store.look("pilot")


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b[: len(b) // 2],
        lambda b: b"<html>captive portal</html>",
        lambda b: b"[" * 10_000,
        lambda b: b.replace(b'"version":', b'"version":"x","was":'),
        lambda b: b.replace(b'"sig":"', b'"sig":"00'),
    ],
)
@pytest.mark.parametrize("name", ["timestamp.json", "snapshot.json", "rings.json"])
def test_damaged_metadata_is_refused_in_our_words(
    store: ReleaseClient, web: WebFolder, name: str, damage: Callable[[bytes], bytes]
) -> None:
    web.body = lambda path, content: damage(content) if path.endswith(name) else content

    with pytest.raises((Untrusted, FetchFailed)):
        store.look("pilot")

    web.body = lambda path, content: content
    assert store.look("pilot").release == "rel-b"


@pytest.mark.parametrize("is_rings_too", [False, True])
def test_fast_forward_is_healed_by_new_online_keys(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path, is_rings_too: bool
) -> None:
    kept = {p.name: p.read_bytes() for p in repo.disk.metadata.iterdir()}
    view = repo.view()
    view.timestamp.signed.version = view.snapshot.signed.version = 2**31
    changed = {}
    if is_rings_too:
        rings = following(view.roles[RINGS].signed, RINGS, clock.now(), version=2**31)
        by = (view.roles[TARGETS].signed,)
        changed[RINGS] = signed_bytes(rings, RINGS, delegators=by, keys=repo.keys)
    repo.commit(view, changed)
    client(repo, web, clock, tmp_path).look("pilot")  # the thief's version is what it trusts now

    for path in repo.disk.metadata.iterdir():  # headquarters goes back to its own copy
        path.unlink()
    for name, content in kept.items():
        (repo.disk.metadata / name).write_bytes(content)
    with pytest.raises(Untrusted):
        client(repo, web, clock, tmp_path).look("pilot")
    rotate(repo, ["rings", "snapshot", "timestamp"], scrypt_n=CHEAP)

    assert client(repo, web, clock, tmp_path).look("pilot").release == "rel-b"


# ── a stolen ring key ────────────────────────────────────────────────────────────────────────────


def test_a_stolen_ring_key_can_choose_among_signed_releases_going_forward(
    repo: Repository, store: ReleaseClient
) -> None:
    sealed_rings(repo, RingPointer("pilot", "rel-b", 2, percent=100))

    pointer = store.look("pilot")

    assert store.move(pointer, store.release("rel-b"), live_counter=1).release == "rel-b"


def test_a_stolen_ring_key_cannot_go_back(repo: Repository, store: ReleaseClient) -> None:
    sealed_rings(repo, RingPointer("pilot", "rel-a", 1))

    pointer = store.look("pilot")

    with pytest.raises(PointerRefused, match="older"):
        store.move(pointer, store.release("rel-a"), live_counter=2)


def test_a_stolen_ring_key_cannot_lie_about_the_counter(
    repo: Repository, store: ReleaseClient
) -> None:
    sealed_rings(repo, RingPointer("pilot", "rel-a", 99))

    pointer = store.look("pilot")

    with pytest.raises(PointerRefused, match="manifest says 1"):
        store.move(pointer, store.release("rel-a"), live_counter=2)


def test_a_stolen_ring_key_cannot_use_a_word_given_for_an_earlier_time(
    repo: Repository, store: ReleaseClient, tmp_path: Path
) -> None:
    repo.rollback("pilot", "rel-a")
    published(repo, release(tmp_path / "c", "rel-c", 3, {**PARTS, "index.db": b"c" * 90_000}))
    repo.promote(RingPointer("pilot", "rel-c", 3))
    sealed_rings(repo, RingPointer("pilot", "rel-a", 1))

    pointer = store.look("pilot")

    with pytest.raises(PointerRefused, match="older"):
        store.move(pointer, store.release("rel-a"), live_counter=3)


@pytest.mark.parametrize(
    "name", ["rel-x", "../../etc/passwd", "a/b", ".hidden", "", "-rf", "x" * 300]
)
def test_a_stolen_ring_key_cannot_name_what_is_not_signed(
    repo: Repository, store: ReleaseClient, name: str
) -> None:
    sealed_rings(repo, RingPointer("pilot", name, 9))

    with pytest.raises(Untrusted):
        store.release(store.look("pilot").release)


def test_one_rings_pointer_is_not_anothers(repo: Repository, store: ReleaseClient) -> None:
    sealed_rings(repo, RingPointer("pilot", "rel-b", 2))
    view = repo.view()
    rings = following(view.roles[RINGS].signed, RINGS, repo.clock.now())
    moved = rings.targets[ring_target("pilot")]
    content = repo.content(moved)
    repo.disk.put_bytes(ring_target("all"), content)
    rings.targets[ring_target("all")] = replace_path(moved, ring_target("all"))
    targets = view.roles[TARGETS].signed
    repo.commit(view, {RINGS: signed_bytes(rings, RINGS, delegators=(targets,), keys=repo.keys)})

    with pytest.raises(PointerRefused, match="pilot"):
        store.look("all")


def replace_path(target: object, path: str) -> object:
    return target_of(path, sha256=target.hashes["sha256"], length=target.length)  # type: ignore[attr-defined]


def test_a_ring_key_signs_nothing_outside_its_folder(
    repo: Repository, store: ReleaseClient
) -> None:
    view = repo.view()
    rings = following(view.roles[RINGS].signed, RINGS, repo.clock.now())
    path = release_target("rel-evil")
    digest = repo.disk.put_bytes(path, b"{}")
    rings.targets[path] = target_of(path, sha256=digest, length=2, custom={"counter": 9})
    targets = view.roles[TARGETS].signed
    repo.commit(view, {RINGS: signed_bytes(rings, RINGS, delegators=(targets,), keys=repo.keys)})
    store.look("pilot")

    with pytest.raises(NotPublished):
        store.release("rel-evil")


# ── releases and files ───────────────────────────────────────────────────────────────────────────


def forged_release(repo: Repository, manifest: dict[str, object], *, counter: int) -> str:
    """Sign a manifest with the release manager's key, unchecked; return its id."""
    view = repo.view()
    content = json.dumps(manifest).encode()
    path = f"releases/{manifest['id']}.json"
    digest = repo.disk.put_bytes(path, content)
    releases: Targets = following(view.roles[RELEASES].signed, RELEASES, repo.clock.now())
    releases.targets[path] = target_of(
        path, sha256=digest, length=len(content), custom={"counter": counter}
    )
    targets = view.roles[TARGETS].signed
    file = signed_bytes(releases, RELEASES, delegators=(targets,), keys=repo.keys)
    repo.commit(view, {RELEASES: file})
    return str(manifest["id"])


@pytest.mark.parametrize(
    "part",
    [
        "../../outside",
        "/etc/cron.d/x",
        "specialist/../../x",
        "a//b",
        ".hidden",
        "rules/.git",
        "manifest.json",
        "VERIFIED.json",
        "a\\b",
        "nul\0l",
        "a/b/c/d/e/f/g",
        "ü",
        "x" * 300,
        "index.db.",
    ],
)
def test_path_traversal_a_part_whose_name_leaves_its_folder_is_refused(
    repo: Repository, store: ReleaseClient, tmp_path: Path, part: str
) -> None:
    manifest = json.loads((tmp_path / "b/manifest.json").read_bytes())
    manifest["id"], manifest["parts"] = "rel-evil", {part: manifest["parts"]["index.db"]}
    forged = forged_release(repo, manifest, counter=2)
    store.look("pilot")

    with pytest.raises(Untrusted):
        store.release(forged)


def test_two_parts_that_are_one_file_where_case_is_ignored_are_refused(
    repo: Repository, store: ReleaseClient, tmp_path: Path
) -> None:
    manifest = json.loads((tmp_path / "b/manifest.json").read_bytes())
    manifest["id"] = "rel-evil"
    manifest["parts"]["INDEX.DB"] = manifest["parts"]["index.db"]
    forged = forged_release(repo, manifest, counter=2)
    store.look("pilot")

    with pytest.raises(Untrusted, match=r"INDEX\.DB"):
        store.release(forged)


def test_a_tuple_whose_parts_nobody_signed_is_refused(
    repo: Repository, store: ReleaseClient, tmp_path: Path
) -> None:
    manifest = json.loads((tmp_path / "b/manifest.json").read_bytes())
    manifest["id"] = "rel-evil"
    manifest["parts"]["index.db"] = {"sha256": "0" * 64, "bytes": 10}
    forged = forged_release(repo, manifest, counter=2)
    store.look("pilot")

    with pytest.raises(NotPublished):
        store.release(forged)


def test_a_signed_counter_that_is_not_the_manifests_is_refused(
    repo: Repository, store: ReleaseClient, tmp_path: Path
) -> None:
    manifest = json.loads((tmp_path / "a/manifest.json").read_bytes())
    manifest["id"] = "rel-evil"
    forged = forged_release(repo, manifest, counter=77)
    store.look("pilot")

    with pytest.raises(Untrusted, match="counter"):
        store.release(forged)


def test_a_stolen_content_key_cannot_put_another_file_in_a_release(
    repo: Repository, store: ReleaseClient
) -> None:
    part = repo.manifest("rel-b").parts["index.db"]
    path = part_target("index.db", part.sha256)
    view = repo.view()
    indexes = following(view.roles["indexes"].signed, "indexes", repo.clock.now())
    digest = repo.disk.put_bytes(path, b"evil index")
    indexes.targets[path] = target_of(path, sha256=digest, length=10)
    targets = view.roles[TARGETS].signed
    file = signed_bytes(indexes, "indexes", delegators=(targets,), keys=repo.keys)
    repo.commit(view, {"indexes": file})
    store.look("pilot")

    with pytest.raises(Untrusted, match=r"index\.db is signed as another file"):
        store.release("rel-b")


def test_arbitrary_file_a_part_altered_on_the_way_never_gets_its_name(
    store: ReleaseClient, web: WebFolder, tmp_path: Path
) -> None:
    web.body = lambda p, c: b"X" + c[1:] if p.endswith(".index.db") else c
    store.look("pilot")

    with pytest.raises(Untrusted, match="not the file that was signed"):
        store.fetch(store.release("rel-b"), tmp_path / "new")

    assert not (tmp_path / "new/index.db").exists()
    assert not (tmp_path / "new/manifest.json").exists()
    assert list((tmp_path / "new/.partial").iterdir()) == []


def test_an_altered_delta_costs_a_full_download_and_nothing_else(
    repo: Repository, store: ReleaseClient, web: WebFolder, tmp_path: Path
) -> None:
    newer = {**PARTS, "index.db": b"b" * 89_000 + b"new" * 300}
    repo.sign(release(tmp_path / "c", "rel-c", 3, newer), previous=[tmp_path / "b"])
    repo.publish()
    store.look("pilot")
    store.fetch(store.release("rel-b"), tmp_path / "old")
    web.status = {".zst": 404}

    fetched = store.fetch(store.release("rel-c"), tmp_path / "new", have=[tmp_path / "old"])

    assert (fetched.deltas, fetched.full) == (0, 1)
    assert check_parts(tmp_path / "new").id == "rel-c"


def test_an_endless_part_is_cut_off_at_its_signed_length(
    store: ReleaseClient, web: WebFolder, tmp_path: Path
) -> None:
    web.endless = ".index.db"
    store.look("pilot")

    with pytest.raises(Untrusted, match="goes on after 90,000 bytes"):
        store.fetch(store.release("rel-b"), tmp_path / "new")

    assert sum(p.stat().st_size for p in (tmp_path / "new").rglob("*") if p.is_file()) < 400_000


# ── the line ─────────────────────────────────────────────────────────────────────────────────────


def test_slow_retrieval_a_body_that_drips_is_given_up(
    repo: Repository, web: WebFolder, tmp_path: Path
) -> None:
    store = client(repo, web, RealClock(), tmp_path, limits=HASTY)
    web.drip_s = 0.01

    with pytest.raises(SlowRetrieval):
        store.look("pilot")


def test_slow_retrieval_a_head_that_drips_is_given_up(
    repo: Repository, web: WebFolder, tmp_path: Path
) -> None:
    store = client(repo, web, RealClock(), tmp_path, limits=HASTY)
    web.drip_s, web.drip_head = 0.01, True

    with pytest.raises(SlowRetrieval):
        store.look("pilot")


def test_our_own_bandwidth_bucket_is_not_taken_for_a_slow_server(
    repo: Repository, web: WebFolder, tmp_path: Path
) -> None:
    clock = FakeClock()
    store = ReleaseClient(
        tmp_path / "tuf",
        web.url,
        repo.root(),
        clock=clock,
        limiter=clock.advance,  # one byte a second
    )
    store.look("pilot")

    assert store.fetch(store.release("rel-b"), tmp_path / "new").full == len(PARTS)


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_download_cut_in_mid_body_goes_on(
    store: ReleaseClient, web: WebFolder, tmp_path: Path, knows_ranges: bool
) -> None:
    store.look("pilot")
    offered = store.release("rel-b")
    web.cut_after, web.cuts, web.knows_ranges = 40_000, 4, knows_ranges

    store.fetch(offered, tmp_path / "new")

    assert check_parts(tmp_path / "new").id == "rel-b"
    ranges = [line for line in web.file_requests() if "bytes=" in line]
    assert ranges


def test_after_a_restart_a_download_goes_on_where_it_was(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path
) -> None:
    def killed(came: int, planned: int) -> None:
        if came > 150_000:
            raise KeyboardInterrupt

    first = client(repo, web, clock, tmp_path)
    first.look("pilot")
    offered = first.release("rel-b")
    total = sum(part.bytes for part in offered.manifest.parts.values())
    with pytest.raises(KeyboardInterrupt):
        first.fetch(offered, tmp_path / "new", progress=killed)

    second = client(repo, web, clock, tmp_path)
    second.look("pilot")
    fetched = second.fetch(second.release("rel-b"), tmp_path / "new")

    assert fetched.line_bytes <= total - 150_000
    assert check_parts(tmp_path / "new").id == "rel-b"


def test_what_a_cut_left_behind_and_rotted_is_fetched_from_its_first_byte(
    store: ReleaseClient, web: WebFolder, tmp_path: Path
) -> None:
    store.look("pilot")
    offered = store.release("rel-b")
    part = offered.manifest.parts["index.db"]
    partial = tmp_path / "new/.partial" / part.sha256
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"rot" * 1_000)

    store.fetch(offered, tmp_path / "new")

    assert check_parts(tmp_path / "new").id == "rel-b"


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_refusal_is_told_with_its_status_and_what_came_is_kept(
    store: ReleaseClient, web: WebFolder, tmp_path: Path, status: int
) -> None:
    store.look("pilot")
    offered = store.release("rel-b")
    web.status = {".base.gguf": status}

    with pytest.raises(FetchFailed) as told:
        store.fetch(offered, tmp_path / "new")

    assert told.value.status == status
    assert (tmp_path / "new/index.db").exists()


def test_a_dead_line_is_a_failed_fetch(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path
) -> None:
    store = ReleaseClient(
        tmp_path / "tuf", "http://127.0.0.1:9", repo.root(), clock=clock, sleep=lambda s: None
    )

    with pytest.raises(FetchFailed):
        store.look("pilot")


# ── this machine ─────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_is_told_and_the_download_goes_on_when_there_is_room(
    repo: Repository, store: ReleaseClient, tmp_path: Path
) -> None:
    store.look("pilot")
    offered = store.release("rel-b")
    with small_disk(tmp_path / "disk", size="300k") as disk:
        hog = disk / "hog"
        hog.write_bytes(b"x" * 200_000)
        with pytest.raises(CannotWrite):
            store.fetch(offered, disk / "new")
        hog.unlink()
        with pytest.raises(CannotWrite):  # the model still does not fit: 262 kB and the index
            store.fetch(offered, disk / "new")
        assert not (disk / "new/manifest.json").exists()


@pytest.mark.parametrize(
    ("year_s", "is_stale"), [(-56 * 31_556_952, False), (14 * 31_556_952, True)]
)
def test_a_clock_in_1970_or_2040_stops_at_most_what_is_new(
    repo: Repository, web: WebFolder, tmp_path: Path, year_s: int, is_stale: bool
) -> None:
    clock = FakeClock()
    clock.advance(year_s)
    store = client(repo, web, clock, tmp_path)

    if is_stale:
        with pytest.raises(StaleMetadata):
            store.look("pilot")
    else:
        assert store.look("pilot").release == "rel-b"


def test_trusted_metadata_cut_by_a_power_failure_is_fetched_again(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path
) -> None:
    client(repo, web, clock, tmp_path).look("pilot")
    for name in ("timestamp.json", "snapshot.json", "rings.json"):
        (tmp_path / "tuf" / name).write_bytes(b"")

    assert client(repo, web, clock, tmp_path).look("pilot").release == "rel-b"


def test_a_pause_stops_and_names_the_release(repo: Repository, store: ReleaseClient) -> None:
    repo.pause("pilot")

    pointer = store.look("pilot")

    assert pointer == replace(pointer, state="pause", release="rel-b")

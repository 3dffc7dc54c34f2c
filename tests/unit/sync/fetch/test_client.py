"""The store's client against a real repository: in a directory, and behind a web server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.release import check_parts
from sync.errors import (
    NeedsFullDownload,
    NotPublished,
    PointerRefused,
    StaleMetadata,
    Untrusted,
)
from sync.fetch.client import ReleaseClient
from sync.fetch.limits import FetchLimits
from sync.fetch.offer import DeltaWay
from sync.fetch.verified import VerifiedFiles, check_release
from sync.publish.repository import Repository
from sync.trust.ring import RingPointer
from tests.builders.repositories import PARTS, copied, published, release, repository
from tests.builders.web_folders import WebFolder, web_folder
from tests.fakes.clock import FakeClock

NEWER = {**PARTS, "index.db": PARTS["index.db"][:-600] + b"fresh " * 100}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository with one release, at which the ring `pilot` points."""
    folder = tmp_path_factory.mktemp("made")
    made = repository(folder, FakeClock())
    published(made, release(folder / "a", "rel-a", 1))
    made.promote(RingPointer("pilot", "rel-a", 1))
    return made


@pytest.fixture
def repo(made: Repository, tmp_path: Path, clock: FakeClock) -> Repository:
    release(tmp_path / "a", "rel-a", 1)
    return copied(made, tmp_path, clock)


@pytest.fixture
def web(repo: Repository) -> Iterator[WebFolder]:
    with web_folder(repo.folder) as served:
        yield served


def client(repo: Repository, home: Path, source: str | Path, clock: FakeClock) -> ReleaseClient:
    return ReleaseClient(
        home / "tuf",
        source,
        (repo.folder / "metadata" / "1.root.json").read_bytes(),
        clock=clock,
        sleep=lambda s: None,
    )


def newer(repo: Repository, folder: Path) -> None:
    """Publish a second release, with a delta from the first, and promote it."""
    repo.sign(release(folder / "b", "rel-b", 2, NEWER), previous=[folder / "a"])
    repo.publish()
    repo.promote(RingPointer("pilot", "rel-b", 2))


@pytest.mark.parametrize("is_web", [True, False])
def test_a_store_downloads_a_whole_release(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path, is_web: bool
) -> None:
    store = client(repo, tmp_path, web.url if is_web else repo.folder, clock)

    pointer = store.look("pilot")
    offered = store.release(pointer.release)
    fetched = store.fetch(offered, tmp_path / "new")

    assert check_parts(tmp_path / "new").id == "rel-a"
    assert (tmp_path / "new/manifest.json").read_bytes() == (
        tmp_path / "a/manifest.json"
    ).read_bytes()
    assert fetched.full == len(PARTS)
    assert fetched.line_bytes == sum(map(len, PARTS.values()))
    assert store.move(pointer, offered, live_counter=0).release == "rel-a"


def test_parts_that_are_kept_are_linked_and_the_rest_comes_as_a_delta(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path
) -> None:
    newer(repo, tmp_path)
    store = client(repo, tmp_path, web.url, clock)
    store.look("pilot")
    store.fetch(store.release("rel-a"), tmp_path / "old")
    offered = store.release("rel-b")

    plan = store.plan(offered, tmp_path / "new", have=[tmp_path / "old"])
    fetched = store.fetch(offered, tmp_path / "new", have=[tmp_path / "old"])

    assert (fetched.kept, fetched.deltas, fetched.full) == (3, 1, 0)
    assert fetched.line_bytes == plan.line_bytes < 1_000
    assert check_parts(tmp_path / "new").id == "rel-b"
    old, new = (tmp_path / f / "specialist/base.gguf" for f in ("old", "new"))
    assert old.stat().st_ino == new.stat().st_ino


def test_a_damaged_kept_part_is_not_linked_but_fetched(
    repo: Repository, clock: FakeClock, tmp_path: Path
) -> None:
    store = client(repo, tmp_path, repo.folder, clock)
    store.look("pilot")
    store.fetch(store.release("rel-a"), tmp_path / "old")
    damaged = tmp_path / "old/specialist/base.gguf"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")

    fetched = store.fetch(store.release("rel-a"), tmp_path / "new", have=[tmp_path / "old"])

    assert (fetched.kept, fetched.full) == (3, 1)
    assert check_parts(tmp_path / "new").id == "rel-a"


def test_what_is_there_and_true_is_not_fetched_again(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path
) -> None:
    store = client(repo, tmp_path, web.url, clock)
    store.look("pilot")
    offered = store.release("rel-a")
    store.fetch(offered, tmp_path / "new")
    web.asked.clear()

    fetched = store.fetch(offered, tmp_path / "new")

    assert fetched.kept == len(PARTS)
    assert web.file_requests() == []


def test_a_large_part_without_a_delta_waits_where_full_downloads_are_not_allowed(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path
) -> None:
    large = {**PARTS, "specialist/base.gguf": bytes(range(256)) * 8192}
    published(repo, release(tmp_path / "l", "rel-l", 2, large))
    store = client(repo, tmp_path, web.url, clock)
    store.look("pilot")
    offered = store.release("rel-l")
    web.asked.clear()

    with pytest.raises(NeedsFullDownload, match=r"specialist/base\.gguf"):
        store.fetch(offered, tmp_path / "new", may_full=False)

    assert web.file_requests() == []


def test_metadata_past_its_date_stops_what_is_new_and_says_so(
    repo: Repository, clock: FakeClock, tmp_path: Path
) -> None:
    store = client(repo, tmp_path, repo.folder, clock)
    store.look("pilot")
    clock.advance(8 * 86_400)

    with pytest.raises(StaleMetadata):
        store.look("pilot")
    assert [alarm.role for alarm in store.alarms()] == ["timestamp"]

    repo.refresh()
    assert store.look("pilot").release == "rel-a"


def test_a_ring_that_is_not_there_is_told(
    repo: Repository, clock: FakeClock, tmp_path: Path
) -> None:
    with pytest.raises(NotPublished):
        client(repo, tmp_path, repo.folder, clock).look("nobody")


def test_a_store_goes_back_only_with_the_release_managers_word(
    repo: Repository, clock: FakeClock, tmp_path: Path
) -> None:
    newer(repo, tmp_path)
    store = client(repo, tmp_path, repo.folder, clock)
    store.look("pilot")
    older = store.release("rel-a")
    with pytest.raises(PointerRefused):
        store.move(RingPointer("pilot", "rel-a", 1), older, live_counter=2)

    repo.rollback("pilot", "rel-a")

    pointer = store.look("pilot")
    move = store.move(pointer, store.release("rel-a"), live_counter=2)
    assert (move.release, move.is_back) == ("rel-a", True)
    with pytest.raises(PointerRefused):
        store.move(pointer, store.release("rel-a"), live_counter=3)


def test_the_record_vouches_for_files_that_were_not_touched(
    repo: Repository, clock: FakeClock, tmp_path: Path
) -> None:
    store = client(repo, tmp_path, repo.folder, clock)
    store.look("pilot")
    store.fetch(store.release("rel-a"), tmp_path / "new.incoming")

    (tmp_path / "new.incoming").rename(tmp_path / "new")

    manifest = check_release(tmp_path / "new")
    record = VerifiedFiles(tmp_path / "new")
    assert all(record.is_known(name, part.sha256) for name, part in manifest.parts.items())
    (tmp_path / "new/index.db").write_bytes(PARTS["index.db"])  # the same bytes, another time
    again = VerifiedFiles(tmp_path / "new")
    assert not again.is_known("index.db", manifest.parts["index.db"].sha256)
    assert check_release(tmp_path / "new").id == "rel-a"


def test_every_request_carries_the_headers_asked_for_anew_and_every_byte_is_told(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path
) -> None:
    tokens = iter(range(1_000))
    told: list[int] = []
    store = ReleaseClient(
        tmp_path / "tuf",
        web.url,
        repo.disk.root().to_bytes(),
        clock=clock,
        headers=lambda: {"Authorization": f"Bearer {next(tokens)}"},
        limiter=told.append,
    )
    store.look("pilot")
    store.fetch(store.release("rel-a"), tmp_path / "new")

    sent = [headers["Authorization"] for headers in web.headers]
    assert sent == [f"Bearer {n}" for n in range(len(sent))]
    assert sum(told) >= sum(map(len, PARTS.values()))


def test_a_kept_part_on_another_file_system_is_copied(
    repo: Repository, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = client(repo, tmp_path, repo.folder, clock)
    store.look("pilot")
    store.fetch(store.release("rel-a"), tmp_path / "old")

    def refuse(*args: object, **options: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    fetched = store.fetch(store.release("rel-a"), tmp_path / "new", have=[tmp_path / "old"])

    assert fetched.kept == len(PARTS)
    assert check_parts(tmp_path / "new").id == "rel-a"


def test_a_signed_delta_that_leads_nowhere_costs_a_full_download(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path
) -> None:
    newer(repo, tmp_path)
    store = client(repo, tmp_path, web.url, clock)
    store.look("pilot")
    store.fetch(store.release("rel-a"), tmp_path / "old")
    offered = store.release("rel-b")
    part = offered.manifest.parts["index.db"]
    (way,) = offered.deltas[part.sha256]
    other = DeltaWay(offered.manifest.parts["specialist/base.gguf"].sha256, way.target, way.bytes)
    crossed = replace(offered, deltas={part.sha256: (other,)})

    fetched = store.fetch(crossed, tmp_path / "new", have=[tmp_path / "old"])

    assert (fetched.deltas, fetched.full) == (0, 1)
    assert check_parts(tmp_path / "new").id == "rel-b"


def test_a_folder_that_is_no_release_has_nothing_to_give(
    repo: Repository, clock: FakeClock, tmp_path: Path
) -> None:
    store = client(repo, tmp_path, repo.folder, clock)
    store.look("pilot")

    fetched = store.fetch(store.release("rel-a"), tmp_path / "new", have=[tmp_path / "nowhere"])

    assert fetched.full == len(PARTS)


def test_a_part_larger_than_this_store_takes_is_refused(
    repo: Repository, clock: FakeClock, tmp_path: Path
) -> None:
    root = repo.root()
    small = FetchLimits(part_bytes=1_000)
    store = ReleaseClient(tmp_path / "tuf", repo.folder, root, clock=clock, limits=small)
    store.look("pilot")

    with pytest.raises(Untrusted, match="at most 1,000"):
        store.release("rel-a")


def test_a_damaged_record_only_costs_time(
    repo: Repository, web: WebFolder, clock: FakeClock, tmp_path: Path
) -> None:
    store = client(repo, tmp_path, web.url, clock)
    store.look("pilot")
    offered = store.release("rel-a")
    store.fetch(offered, tmp_path / "new")
    web.asked.clear()
    for damage in (b"", b"{", b"[]", b'{"files": {"index.db": {}}}', b"[" * 9_000):
        (tmp_path / "new/verified.json").write_bytes(damage)

        assert store.fetch(offered, tmp_path / "new").line_bytes == 0

    assert web.file_requests() == []

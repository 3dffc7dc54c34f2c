from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from sync.hub.parts import Hub
from sync.hub.repository import place_of
from tests.builders.hub.homes import hub_at, line_to, make_home, store_at
from tests.builders.hub.store_end import StoreEnd
from tests.fakes.clock import FakeClock

Client = TestClient[Any]
PART = "/tuf/targets/models/abc/part.gguf"
CONTENT = bytes(range(256)) * 2_000


@pytest.fixture
def hub(tmp_path: Path, clock: FakeClock) -> Iterator[Hub]:
    with hub_at(make_home(tmp_path / "hub"), clock) as hub:
        part = hub.settings.repository_folder / "targets" / "models" / "abc" / "part.gguf"
        part.parent.mkdir(parents=True)
        part.write_bytes(CONTENT)
        yield hub


@pytest.fixture
def client(hub: Hub) -> Iterator[Client]:
    with line_to(hub) as client:
        yield client


@pytest.fixture
def store(hub: Hub, client: Client) -> StoreEnd:
    return store_at(hub, client)


def fetch(client: Client, store: StoreEnd, path: str = PART, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(path, headers={**store.headers, **named})


def test_a_file_comes_whole_with_its_length_and_tag(client: Client, store: StoreEnd) -> None:
    answer = fetch(client, store)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"]


def test_a_stranger_gets_nothing(client: Client) -> None:
    assert client.get(PART).status_code == 401
    assert client.get("/tuf/metadata/1.root.json").status_code == 401


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1000-", 1000, len(CONTENT)),
        ("bytes=-10", len(CONTENT) - 10, len(CONTENT)),
        ("bytes=300000-400000", 300_000, 400_001),
        ("bytes=5-99999999999", 5, len(CONTENT)),
        (f"bytes=-{len(CONTENT) * 2}", 0, len(CONTENT)),
    ],
)
def test_a_range_comes_alone(
    client: Client, store: StoreEnd, asked: str, first: int, end: int
) -> None:
    answer = fetch(client, store, range=asked)

    assert (answer.status_code, answer.content) == (206, CONTENT[first:end])
    assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("asked", ["bytes=512000-", "bytes=-0", "bytes=9-5"])
def test_a_range_outside_the_file_is_refused(client: Client, store: StoreEnd, asked: str) -> None:
    assert fetch(client, store, range=asked).status_code == 416


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "pages=1-2", "bytes=a-b", "bytes=-", ""])
def test_a_range_of_another_kind_is_passed_over(
    client: Client, store: StoreEnd, asked: str
) -> None:
    answer = fetch(client, store, range=asked)

    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_a_file_that_has_not_changed_is_not_sent_again(client: Client, store: StoreEnd) -> None:
    tag = fetch(client, store).headers["etag"]

    answer = fetch(client, store, if_none_match=tag)

    assert (answer.status_code, answer.content) == (304, b"")


def test_a_download_goes_on_only_in_the_file_it_began_in(
    hub: Hub, client: Client, store: StoreEnd
) -> None:
    tag = fetch(client, store).headers["etag"]
    same = fetch(client, store, range="bytes=9-", if_range=tag)
    part = hub.settings.repository_folder / "targets" / "models" / "abc" / "part.gguf"
    part.write_bytes(b"another file")

    changed = fetch(client, store, range="bytes=9-", if_range=tag)

    assert same.status_code == 206
    assert (changed.status_code, changed.content) == (200, b"another file")


@pytest.mark.parametrize(
    "path",
    [
        "/tuf/metadata/%2e%2e/%2e%2e/hub.toml",
        "/tuf/metadata/..%2f..%2fhub.toml",
        "/tuf/targets/../../keys/token.key",
        "/tuf/%2e%2e/hub.toml",
        "/tuf//etc/passwd",
        "/tuf/targets//etc/passwd",
        "/tuf/targets/%2fetc%2fpasswd",
        "/tuf/targets/models/abc/part.gguf%00.json",
        "/tuf/targets/models\\..\\..\\..\\hub.toml",
        "/tuf/targets/.hidden",
        "/tuf/targets/models",
        "/tuf/targets/models/",
        "/tuf/targets",
        "/tuf/metadata/" + "a" * 300,
        "/tuf/targets/" + "a/" * 300 + "b",
        "/tuf/blobs/x",
    ],
)
def test_no_path_leads_out_of_the_repository(client: Client, store: StoreEnd, path: str) -> None:
    answer = fetch(client, store, path)

    assert answer.status_code == 404
    assert "enrols" not in answer.text


def test_links_lead_nowhere(hub: Hub, client: Client, store: StoreEnd) -> None:
    targets = hub.settings.repository_folder / "targets"
    (targets / "file").symlink_to(hub.settings.token_key_file)
    (targets / "folder").symlink_to(hub.settings.home)
    os.mkfifo(targets / "pipe")

    for path in ("file", "folder/hub.toml", "pipe"):
        assert fetch(client, store, f"/tuf/targets/{path}").status_code == 404


def test_a_repository_reached_by_a_link_is_served(tmp_path: Path) -> None:
    real, linked = tmp_path / "real", tmp_path / "linked"
    (real / "metadata").mkdir(parents=True)
    (real / "metadata" / "timestamp.json").write_text("{}")
    linked.symlink_to(real)

    assert place_of(linked, "/metadata/timestamp.json") is not None

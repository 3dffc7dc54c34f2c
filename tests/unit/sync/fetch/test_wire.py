"""The wire: over HTTP and TLS, through a proxy, from a directory; told apart, bounded, closed."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.errors import FetchFailed, SlowRetrieval
from sync.fetch.limits import FetchLimits
from sync.fetch.wire import Wire, base_url, is_folder
from tests.builders.certificates import own_authority
from tests.builders.web_folders import WebFolder, web_folder
from tests.fakes.clock import FakeClock

CONTENT = bytes(range(256)) * 2_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "a folder"
    made.mkdir()
    (made / "file.bin").write_bytes(CONTENT)
    return made


@pytest.fixture
def web(folder: Path) -> Iterator[WebFolder]:
    with web_folder(folder) as served:
        yield served


def wire(**options: Any) -> Wire:
    clock = options.pop("clock", FakeClock())
    limits = options.pop("limits", FetchLimits())
    return Wire(limits=limits, monotonic=clock.monotonic, **options)


def test_a_file_is_read_over_http_and_from_a_directory(folder: Path, web: WebFolder) -> None:
    for source in (web.url, folder):
        url = f"{base_url(source)}/file.bin"
        assert wire().read(url, len(CONTENT)) == (CONTENT, False)
        assert wire().read(url, 1_000) == (CONTENT[:1_000], True)
    assert is_folder(base_url(folder))
    assert not is_folder(base_url(web.url + "/"))


def test_an_offset_is_kept_where_ranges_are_known_and_told_where_not(
    folder: Path, web: WebFolder
) -> None:
    for url in (f"{web.url}/file.bin", f"{base_url(folder)}/file.bin"):
        with wire().open(url, offset=500) as stream:
            assert (stream.offset, b"".join(stream.chunks)) == (500, CONTENT[500:])
    web.knows_ranges = False
    with wire().open(f"{web.url}/file.bin", offset=500) as stream:
        assert (stream.offset, b"".join(stream.chunks)) == (0, CONTENT)


def test_what_is_not_there_says_404_either_way(folder: Path, web: WebFolder) -> None:
    for url in (f"{web.url}/none", f"{base_url(folder)}/none"):
        with pytest.raises(FetchFailed) as told:
            wire().read(url, 10)
        assert told.value.status == 404


def test_a_directory_in_a_files_place_is_told(folder: Path) -> None:
    (folder / "sub").mkdir()

    with pytest.raises(FetchFailed, match="cannot be read"):
        wire().read(f"{base_url(folder)}/sub", 10)


def test_a_stick_with_a_pipe_in_a_files_place_keeps_nobody_waiting(folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    with pytest.raises(FetchFailed, match="is no file"):
        wire().read(f"{base_url(folder)}/pipe", 100)


def test_what_the_reader_raises_passes_through_untouched(folder: Path, web: WebFolder) -> None:
    for url in (f"{web.url}/file.bin", f"{base_url(folder)}/file.bin"):
        with pytest.raises(OSError, match="No space left"), wire().open(url):
            raise OSError(28, "No space left on device")


def test_the_chains_own_authority_is_trusted_only_when_it_is_named(
    folder: Path, tmp_path: Path
) -> None:
    context, pem = own_authority(tmp_path)
    with web_folder(folder, tls=context) as web:
        with pytest.raises(FetchFailed, match=r"(?i)certificate"):
            wire().read(f"{web.url}/file.bin", 10**6)
        trusting = wire(tls=lambda: ssl.create_default_context(cafile=str(pem)))
        assert trusting.read(f"{web.url}/file.bin", 10**6) == (CONTENT, False)


def test_a_proxy_is_used_when_it_is_named_and_the_environment_is_not_asked(
    web: WebFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    through = wire(proxy=web.url)
    assert through.read("http://hub.invalid/file.bin", 10**6) == (CONTENT, False)
    assert web.asked == ["GET http://hub.invalid/file.bin"]

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert wire().read(f"{web.url}/file.bin", 10**6) == (CONTENT, False)


def test_a_line_slower_than_the_least_is_given_up(web: WebFolder) -> None:
    ticks = iter(range(0, 10**6, 61))  # each look at the clock is a minute later
    slow = Wire(
        limits=FetchLimits(window_s=60, least_bytes_s=10**6, answer_s=10**6),
        monotonic=lambda: float(next(ticks)),
    )

    with pytest.raises(SlowRetrieval, match="bytes a second"):
        slow.read(f"{web.url}/file.bin", 10**6)


def test_a_wire_closed_by_another_thread_is_a_failed_fetch(web: WebFolder) -> None:
    closing = wire()
    with closing.open(f"{web.url}/file.bin") as stream:
        next(stream.chunks)
        thread = threading.Thread(target=closing.close)
        thread.start()
        thread.join()

    with pytest.raises(FetchFailed):
        closing.read(f"{web.url}/file.bin", 10**6)

"""A file is measured before llama.cpp sees it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from appliance.engines.gguf_header import read_header
from appliance.errors import DamagedRelease
from tests.builders.gguf_model import tiny_gguf


def cut(tmp_path: Path, size: int) -> Path:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny_gguf().read_bytes()[:size])
    return path


def test_a_whole_file_says_what_it_is() -> None:
    header = read_header(tiny_gguf())
    assert (header.architecture, header.name, header.kind) == ("qwen3", "tiny-random", "model")
    assert header.fields["qwen3.context_length"] == 2048
    assert header.size_bytes == tiny_gguf().stat().st_size


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedRelease, match=r"no-such\.gguf is missing"):
        read_header(tmp_path / "no-such.gguf")


def test_a_folder_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(DamagedRelease, match="is not a file"):
        read_header(tmp_path)


@pytest.mark.parametrize("content", [b"", b"GGU", b"PK\x03\x04zip", b"<!doctype html>"])
def test_another_kind_of_file_is_not_a_gguf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.gguf"
    path.write_bytes(content)
    with pytest.raises(DamagedRelease, match="is not a GGUF"):
        read_header(path)


@pytest.mark.parametrize("size", [8, 23, 24, 100, 3000])
def test_a_header_cut_short_is_noticed(tmp_path: Path, size: int) -> None:
    with pytest.raises(DamagedRelease, match=f"cut at {size:,} bytes, inside its header"):
        read_header(cut(tmp_path, size))


def test_weights_cut_by_one_byte_are_noticed(tmp_path: Path) -> None:
    size = tiny_gguf().stat().st_size
    with pytest.raises(DamagedRelease, match=f"cut at {size - 1:,} bytes; .* promises {size:,}"):
        read_header(cut(tmp_path, size - 1))


def test_a_version_of_the_future_is_refused(tmp_path: Path) -> None:
    path = cut(tmp_path, 4000)
    path.write_bytes(b"GGUF\x63\0\0\0" + path.read_bytes()[8:])
    with pytest.raises(DamagedRelease, match="version 99"):
        read_header(path)


@pytest.mark.parametrize("at", range(8, 600, 7))
def test_garbled_bytes_never_escape_as_another_error(tmp_path: Path, at: int) -> None:
    content = bytearray(tiny_gguf().read_bytes())
    content[at] ^= 0xFF
    path = tmp_path / "garbled.gguf"
    path.write_bytes(content)
    with contextlib.suppress(DamagedRelease):
        read_header(path)

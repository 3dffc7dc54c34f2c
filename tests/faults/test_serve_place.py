"""No place to serve from: a port in use, a home that takes no file; told, and nothing is left."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.builders.disks import make_read_only, small_disk
from tests.builders.server import Ended, ended


def check_words(start: Ended) -> str:
    assert start.status == 1
    assert "Traceback" not in start.said
    message, move = start.said.splitlines()[-2:]  # before them the log may tell of the machine
    assert move.startswith("→ ")
    return message


def test_a_port_somebody_has_is_named_and_they_keep_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        port = theirs.getsockname()[1]

        start = ended(tmp_path / "store", tmp_path / "log", "--port", str(port))

        assert f"Port {port} on 127.0.0.1 is already in use." in check_words(start)
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            theirs.accept()[0].close()


def test_a_home_that_is_a_file_is_told_and_the_file_stays(tmp_path: Path) -> None:
    home = tmp_path / "store"
    home.write_text("my notes")

    start = ended(home, tmp_path / "log")

    assert str(home) in check_words(start)
    assert home.read_text() == "my notes"


def test_a_read_only_home_is_told_and_takes_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="8m") as disk:
        (disk / "store").mkdir()
        make_read_only(disk)

        start = ended(disk / "store", tmp_path / "log")

        assert str(disk / "store") in check_words(start)
        assert list((disk / "store").iterdir()) == []


def test_a_full_disk_at_the_start_is_told_and_nothing_half_written_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="1m") as disk:
        start = ended(disk / "store", tmp_path / "log")

        message = check_words(start)
        assert str(disk / "store") in message
        assert "full" in message
        assert list((disk / "store").iterdir()) == []

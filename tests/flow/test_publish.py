"""`backroom release` from first key to a store that downloads the release, as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.clock import SystemClock
from appliance.errors import BackroomError
from appliance.release import check_parts
from sync.fetch.client import ReleaseClient
from sync.publish.commands import app
from sync.publish.keys import KeyFolder
from sync.publish.repository import Repository
from tests.builders.repositories import CHEAP, PARTS, release
from tests.builders.web_folders import web_folder

PASSPHRASE = "correct horse"


class Shell:
    """A person at headquarters, with a repository and its keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = folder / "repo"
        self.secret = folder / "passphrase"
        self.secret.write_text(f"{PASSPHRASE}\nsecond line\n")

    def __call__(self, *command: str, fails: bool = False, passphrase: str = "") -> str:
        is_file = "--passphrase-file" in command
        done = CliRunner().invoke(
            app,
            command,
            env={
                "BACKROOM_REPOSITORY": str(self.repo),
                "BACKROOM_PASSPHRASE": passphrase or ("" if is_file else PASSPHRASE),
            },
        )
        told = f"{done.output}\n{getattr(done.exception, 'code', '')} {done.exception or ''}"
        assert (done.exit_code != 0) is fails, told
        assert done.exception is None or isinstance(done.exception, (BackroomError, SystemExit))
        assert PASSPHRASE not in told
        return told


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a headquarters whose keys are sealed cheaply: a true one costs half a second a key."""
    shell = Shell(tmp_path_factory.mktemp("hq"))
    keys = KeyFolder(shell.folder / "repo.keys", lambda name: PASSPHRASE)
    keys.make(scrypt_n=CHEAP)
    Repository(shell.repo, keys=keys, clock=SystemClock()).create()
    release(shell.folder / "a", "rel-a", 1)
    newer = {**PARTS, "index.db": PARTS["index.db"][:-700] + b"fresh! " * 100}
    release(shell.folder / "b", "rel-b", 2, newer)
    shell("sign", str(shell.folder / "a"))
    shell("publish")
    shell("promote", "--ring", "pilot", "--release", "rel-a")
    return shell


def store(shell: Shell, home: Path, source: str | Path) -> ReleaseClient:
    root = (shell.repo / "metadata/1.root.json").read_bytes()
    return ReleaseClient(home / "tuf", source, root)


def test_a_release_goes_out_comes_in_by_delta_and_goes_back(shell: Shell, tmp_path: Path) -> None:
    with web_folder(shell.repo) as web:
        there = store(shell, tmp_path, web.url)
        pointer = there.look("pilot")
        there.fetch(there.release(pointer.release), tmp_path / "rel-a")

        told = shell("sign", str(shell.folder / "b"), "--from", str(shell.folder / "a"))
        assert "delta of index.db" in told
        assert "indexes, releases" in shell("publish")
        assert "1 come as deltas, 0 whole" in shell("cost", "--ring", "pilot")
        shell(
            *("promote", "--ring", "pilot", "--release", "rel-b", "--percent", "50"),
            *("--splay", "600", "--window", "22:00-05:00", "--full-fallback", "window"),
            *("--deadline", "2030-01-01T00:00:00"),
        )
        pointer = there.look("pilot")
        fetched = there.fetch(
            there.release("rel-b"), tmp_path / "rel-b", have=[tmp_path / "rel-a"], may_full=False
        )
        assert (pointer.release, pointer.percent, pointer.window) == ("rel-b", 50.0, "22:00-05:00")
        assert pointer.deadline_at is not None and pointer.deadline_at.tzinfo is not None  # noqa: PT018
        assert (fetched.kept, fetched.deltas, fetched.full) == (3, 1, 0)
        assert check_parts(tmp_path / "rel-b").id == "rel-b"

        assert "pointer_refused" in shell(
            "promote", "--ring", "pilot", "--release", "rel-a", fails=True
        )
        shell("pause", "--ring", "pilot")
        assert there.look("pilot").state == "pause"
        shell("rollback", "--ring", "pilot", "--release", "rel-a")
        pointer = there.look("pilot")
        assert there.move(pointer, there.release("rel-a"), live_counter=2).is_back


def test_status_tells_a_program_what_it_tells_a_person(shell: Shell) -> None:
    told = json.loads(shell("status", "--json"))

    assert told["releases"][0]["id"] == "rel-a"
    assert told["rings"][0]["ring"] == "pilot"
    assert "rel-a" in shell("status")


def test_the_doctor_says_what_ends_soon_and_fails(shell: Shell) -> None:
    assert "timestamp" in shell("doctor")
    assert "release refresh" in shell("doctor", "--within", "10", fails=True)
    assert "release renew targets" in shell("doctor", "--within", "400", fails=True)


def test_upkeep_leaves_a_repository_that_stores_follow(shell: Shell, tmp_path: Path) -> None:
    there = store(shell, tmp_path, shell.repo)
    there.look("pilot")

    shell("rotate", "root-2")
    shell("rotate", "rings", "snapshot", "timestamp")
    shell("renew", "targets", "releases")
    shell("refresh", "--force")
    shell("timestamp", "--days", "20")
    shell("media", str(tmp_path / "stick"), "--release", "rel-a")

    assert there.look("pilot").release
    assert store(shell, tmp_path / "other", tmp_path / "stick").look("pilot").release


def test_a_passphrase_is_never_taken_from_the_command_line(shell: Shell) -> None:
    told = shell("refresh", "--force", "--passphrase", "hunter22hunter", fails=True)

    assert "bad_key" in told
    assert "hunter22" not in told


def test_a_wrong_passphrase_and_a_missing_one_are_told(shell: Shell) -> None:
    assert "passphrase is wrong" in shell(
        "refresh", "--force", passphrase="another horse", fails=True
    )
    empty = shell.folder / "none"
    assert "holds no passphrase" in shell(
        "refresh", "--force", "--passphrase-file", str(empty), fails=True
    )


def test_online_keys_may_have_a_passphrase_of_their_own(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    online = tmp_path / "online-passphrase"
    online.write_text("battery staple\n")
    shell(
        *("init", str(shell.repo), "--passphrase-file", str(shell.secret)),
        *("--online-passphrase-file", str(online)),
    )

    shell("refresh", "--force", "--passphrase-file", str(online))
    assert "bad_key" in shell("refresh", "--force", fails=True)

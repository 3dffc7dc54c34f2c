from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.clock import SystemClock
from appliance.errors import BackroomError
from sync.hub.commands import app
from sync.hub.settings import load_settings
from sync.wire import SwitchReport, SwitchState
from tests.builders.hub.homes import ROOT, hub_at, line_to
from tests.builders.hub.store_end import StoreEnd, item
from tests.fakes.clock import FakeClock

Hub = Callable[..., str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "hub"


@pytest.fixture
def hub(home: Path) -> Hub:
    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, [*words, "--home", str(home)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.output

    made = CliRunner().invoke(app, ["init", str(home)])
    assert made.exit_code == 0, made.output
    (home / "repository" / "metadata").mkdir()
    (home / "repository" / "metadata" / "1.root.json").write_text(ROOT)
    return run


def test_init_makes_a_home_whose_secrets_are_its_owners(hub: Hub, home: Path) -> None:
    modes = {
        name: (home / name).stat().st_mode & 0o777
        for name in ("hub.toml", "hub.db", "keys/token.key")
    }

    assert set(modes.values()) == {0o600}
    assert load_settings(home).port == 8090


def test_init_again_changes_nothing_that_is_there(hub: Hub, home: Path) -> None:
    key = (home / "keys" / "token.key").read_text()
    (home / "hub.toml").write_text("port = 9000\n")

    CliRunner().invoke(app, ["init", str(home)])

    assert (home / "keys" / "token.key").read_text() == key
    assert load_settings(home).port == 9000


def test_init_writes_the_database_it_is_given_into_the_settings(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'else where' / 'hub.db'}"

    CliRunner().invoke(app, ["init", str(tmp_path / "hub"), "--database", url])

    assert tomllib.loads((tmp_path / "hub" / "hub.toml").read_text())["database"] == url
    assert (tmp_path / "else where" / "hub.db").exists()


def test_codes_come_one_at_a_time_or_from_a_list(hub: Hub, tmp_path: Path) -> None:
    one = hub("code", "--store", "0001", "--ring", "pilot").splitlines()[0]
    (tmp_path / "stores.csv").write_text("store,ring\n0002,pilot\n0003,rest\n")
    many = list(csv.DictReader(io.StringIO(hub("code", "--from", str(tmp_path / "stores.csv")))))

    assert len(one.split("-")) == 4
    assert [(row["store"], row["ring"]) for row in many] == [("0002", "pilot"), ("0003", "rest")]
    assert len({one, *(row["code"] for row in many)}) == 3


@pytest.mark.parametrize(
    "words",
    [
        ("--store", "0001"),
        ("--store", "../1", "--ring", "pilot"),
        ("--store", "0001", "--ring", "Pilot!"),
        ("--store", "0001", "--ring", "pilot", "--hours", "0"),
        ("--from", "/no/such/file"),
    ],
)
def test_a_code_that_cannot_be_is_a_sentence(hub: Hub, words: tuple[str, ...]) -> None:
    with pytest.raises(BackroomError) as found:
        hub("code", *words)

    assert found.value.hint


def test_a_list_with_one_bad_line_gives_no_code_at_all(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "stores.csv").write_text("store,ring\n0002,pilot\n,rest\n")

    with pytest.raises(BackroomError):
        hub("code", "--from", str(tmp_path / "stores.csv"))

    assert "0002" not in hub("stores")


def test_a_store_with_a_code_and_no_machine_is_in_the_table(hub: Hub) -> None:
    hub("code", "--store", "0001", "--ring", "pilot")

    assert "not enrolled" in hub("stores")


def test_an_expert_answers_what_is_owed(hub: Hub, home: Path) -> None:
    with hub_at(home, SystemClock()) as opened, line_to(opened) as client:
        code = hub("code", "--store", "0001", "--ring", "pilot").splitlines()[0]
        store = StoreEnd(client, SystemClock()).enter(code)
        store.beaten(spool={"items": 1_234}, level="strained")
        store.sent(store.batch([item(1, store.clock, kind="deferred_ask", reply="r-77")]))
        store.sent(b"junk")

        assert "r-77" in hub("owed")
        assert "Answer 1" in hub("answer", "r-77", "Yes.", "--source", "returns.md")
        assert "r-77" not in hub("owed")
        assert store.answers().items[0].text == "Yes."
        listed, table = hub("batches"), hub("stores")
        assert "kept" in listed
        assert "quarantined" in hub("batches", "--quarantined")
        assert all(word in table for word in ("0001", "v1", "settled", "strained", "1,234"))
        assert "quarantine" in hub("alarms", code=1)
        number = hub("alarms", code=1).splitlines()[1].split()[0]
        hub("alarms", "--close", number)


def test_a_store_is_moved_and_revoked(hub: Hub, home: Path) -> None:
    with hub_at(home, SystemClock()) as opened, line_to(opened) as client:
        code = hub("code", "--store", "0001", "--ring", "pilot").splitlines()[0]
        store = StoreEnd(client, SystemClock()).enter(code)
        hub("move", "0001", "--ring", "rest")
        assert store.beaten().ring == "rest"
        hub("revoke", "0001")
        assert store.beat().status_code == 403

    assert "revoked" in hub("stores")
    for words in (("revoke", "0001"), ("move", "0999", "--ring", "rest")):
        with pytest.raises(BackroomError):
            hub(*words)


def test_what_a_store_says_gives_a_terminal_no_orders(hub: Hub, home: Path) -> None:
    with hub_at(home, SystemClock()) as opened, line_to(opened) as client:
        code = hub("code", "--store", "0001", "--ring", "pilot").splitlines()[0]
        store = StoreEnd(client, SystemClock()).enter(code)
        store.beaten(switch=SwitchReport(SwitchState.SETTLED, "\x1b[2J[red]v1", 1))

    assert "\x1b" not in hub("stores")
    assert "[red]v1" in hub("stores")


def test_a_home_without_a_hub_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["stores", "--home", str(tmp_path)])

    assert isinstance(result.exception, BackroomError)
    assert "backroom hub init" in result.exception.hint


@pytest.mark.parametrize(
    "text",
    [
        "prot = 1",
        'port = "x"',
        "port = -1",
        "workers = 0",
        "workers = 65",
        "beat_s = 0",
        "host = 3",
        "beat_s = true",
        "gatway = {}",
        "port = ",
    ],
)
def test_settings_that_cannot_be_are_a_sentence(hub: Hub, home: Path, text: str) -> None:
    (home / "hub.toml").write_text(text + "\n")

    with pytest.raises(BackroomError) as found:
        hub("stores")

    assert found.value.hint


@pytest.mark.parametrize("content", ["", "zz", "ab" * 31, "\n".join(["ab" * 32] * 5)])
def test_a_token_key_that_is_none_is_told(hub: Hub, home: Path, content: str) -> None:
    (home / "keys" / "token.key").write_text(content)

    with pytest.raises(BackroomError), hub_at(home, FakeClock()):
        pass


def test_a_token_key_that_others_can_read_is_refused(hub: Hub, home: Path) -> None:
    (home / "keys" / "token.key").chmod(0o644)

    with pytest.raises(BackroomError, match="644") as found, hub_at(home, FakeClock()):
        pass

    assert "chmod 600" in found.value.hint

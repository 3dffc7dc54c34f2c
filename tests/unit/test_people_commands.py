"""`backroom device` and `backroom associate`, as typed in a terminal."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from appliance import people_commands, wiring
from appliance.errors import BadInput, WrongPin
from appliance.records import Role
from appliance.store.associates import SqliteAssociates
from tests.builders.people import FAST_HASHER, PIN, People
from tests.fakes.clock import FakeClock

RUNNER = CliRunner()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setattr(wiring, "SqliteAssociates", partial(SqliteAssociates, hasher=FAST_HASHER))
    app = typer.Typer(pretty_exceptions_enable=False)
    people_commands.register(app)
    return app


@pytest.fixture
def home(tmp_path: Path) -> Path:
    People.at(tmp_path / "store.db", FakeClock())
    return tmp_path


def run(app: typer.Typer, home: Path, *words: str, typed: str = "") -> Any:
    result = RUNNER.invoke(
        app, [*words, "--home", str(home)], input=typed, env={"COLUMNS": "200", "NO_COLOR": "1"}
    )
    assert result.exception is None, result.exception
    return result


def people_in(home: Path) -> People:
    from appliance.clock import SystemClock

    return People.at(home / "store.db", SystemClock())


def test_a_code_from_the_terminal_pairs_a_handheld_once(app: typer.Typer, home: Path) -> None:
    code = run(app, home, "device", "code").output.split()[0]
    assert people_in(home).devices.pair(code, "Electronics 2")
    listed = run(app, home, "device", "list").output
    assert "Electronics 2" in listed
    assert code not in listed


def test_a_key_is_printed_alone_and_once(app: typer.Typer, home: Path) -> None:
    result = run(app, home, "device", "key", "Label [printer]", "--role", "lead")
    token = result.stdout.strip()

    found = people_in(home).devices.of_token(token)

    assert found is not None
    assert (found.name, found.role) == ("Label [printer]", Role.LEAD)
    assert found.id in result.stderr
    assert token not in result.stderr
    listed = run(app, home, "device", "list").output
    assert "Label [printer]" in listed
    assert token not in listed


def test_a_revoked_device_is_out_and_listed_so(app: typer.Typer, home: Path) -> None:
    token = run(app, home, "device", "key", "Old").stdout.strip()
    devices = people_in(home).devices
    (device,) = devices.list()
    run(app, home, "device", "revoke", device.id)
    assert devices.of_token(token) is None
    assert "shut out" in run(app, home, "device", "list").output


def test_a_pin_is_typed_twice_and_shown_never(app: typer.Typer, home: Path) -> None:
    run(app, home, "associate", "add", "1001", "--name", "Maria Alvarez", "--role", "manager")
    before = run(app, home, "associate", "list").output
    result = run(app, home, "associate", "pin", "1001", typed=f"{PIN}\n{PIN}\n")

    assert "none yet" in before
    assert PIN not in result.output
    assert people_in(home).associates.check("1001", PIN).role is Role.MANAGER
    assert "set" in run(app, home, "associate", "list").output


def test_a_pin_comes_from_standard_input_for_a_script(app: typer.Typer, home: Path) -> None:
    run(app, home, "associate", "add", "1001", "--name", "Maria")
    result = run(app, home, "associate", "pin", "1001", "--pin-stdin", typed=f"{PIN}\n")
    assert PIN not in result.output
    assert people_in(home).associates.check("1001", PIN)


def test_who_left_signs_in_no_more(app: typer.Typer, home: Path) -> None:
    run(app, home, "associate", "add", "1001", "--name", "Maria")
    run(app, home, "associate", "pin", "1001", "--pin-stdin", typed=PIN)
    run(app, home, "associate", "remove", "1001")
    with pytest.raises(WrongPin):
        people_in(home).associates.check("1001", PIN)


def test_a_locked_badge_is_listed_with_until_when(app: typer.Typer, home: Path) -> None:
    run(app, home, "associate", "add", "1001", "--name", "Maria")
    people = people_in(home)
    for _ in range(5):
        with pytest.raises(Exception, match="PIN"):
            people.associates.check("1001", "0000")
    assert "locked until 20" in run(app, home, "associate", "list").output


@pytest.mark.parametrize(
    "words",
    [
        ("device", "code"),
        ("device", "list"),
        ("associate", "list"),
        ("associate", "pin", "1001"),
    ],
)
def test_where_no_store_lives_none_is_made(
    app: typer.Typer, tmp_path: Path, words: tuple[str, ...]
) -> None:
    nowhere = tmp_path / "nowhere"
    result = RUNNER.invoke(app, [*words, "--home", str(nowhere)])
    assert isinstance(result.exception, BadInput)
    assert "backroom run" in result.exception.hint
    assert not nowhere.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("device", "revoke", "nobody"), "no device"),
        (("device", "key", ""), "1 to 40"),
        (("associate", "remove", "1"), "Nobody has this badge"),
    ],
)
def test_what_cannot_be_done_says_why(
    app: typer.Typer, home: Path, words: tuple[str, ...], says: str
) -> None:
    result = RUNNER.invoke(app, [*words, "--home", str(home)])
    assert isinstance(result.exception, BadInput)
    assert says in str(result.exception)

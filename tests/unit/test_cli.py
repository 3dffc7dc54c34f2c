"""`backroom`: its commands, and faults told in a sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from appliance import cli
from appliance.errors import BadInput

RUNNER = CliRunner()
COMMANDS = (
    *("run", "ask", "replay", "stage", "health", "journal", "index", "search", "models"),
    *("device", "associate"),
)


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command(flag: str) -> None:
    result = RUNNER.invoke(cli.build(), [flag], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    listed = {line.split()[1] for line in result.output.splitlines() if len(line.split()) > 2}
    assert set(COMMANDS) <= listed


def test_without_a_command_the_help_is_shown() -> None:
    assert "Usage" in RUNNER.invoke(cli.build(), []).output


def test_an_unknown_command_is_refused() -> None:
    assert RUNNER.invoke(cli.build(), ["sing"]).exit_code == 2


def failing(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command("x")
    def command() -> None:
        raise fault

    monkeypatch.setattr(cli, "build", lambda: app)
    monkeypatch.setattr(sys, "argv", ["backroom"])


def test_an_expected_fault_is_its_code_its_message_and_the_next_step_and_exits_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, BadInput("No stage '[bold]'.", hint="Stages: [prepare], admit."))

    with pytest.raises(SystemExit) as exited:
        cli.main()

    said = capsys.readouterr()
    assert exited.value.code == 1
    assert said.out == ""
    assert said.err == f"{BadInput.code}  No stage '[bold]'.\n→ Stages: [prepare], admit.\n"


def test_a_fault_without_a_hint_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, BadInput("No."))
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err == f"{BadInput.code}  No.\n"


def test_a_real_command_in_the_wrong_place_gives_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = ["--home", str(tmp_path), "--release", str(tmp_path / "nothing")]
    monkeypatch.setattr(sys, "argv", ["backroom", "ask", "hello", *nowhere])

    with pytest.raises(SystemExit) as exited:
        cli.main()

    said = capsys.readouterr()
    assert exited.value.code == 1
    assert said.err.startswith("damaged_release  No release in")
    assert "→ Point --release at a folder" in said.err
    assert "Traceback" not in said.out + said.err


def test_a_fault_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.main()

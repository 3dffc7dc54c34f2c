"""`backroom models`: there, and light until a command runs."""

import subprocess
import sys

import typer
from typer.testing import CliRunner

from models.cli import register


def test_the_group_lists_its_commands():
    app = typer.Typer()
    register(app)
    shown = CliRunner().invoke(app, ["models", "--help"])
    assert shown.exit_code == 0
    assert all(name in shown.output for name in ("run", "report", "evaluate", "export"))


def test_the_command_line_does_not_load_a_training_framework():
    code = "import sys, models.cli; print(sorted({'torch', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

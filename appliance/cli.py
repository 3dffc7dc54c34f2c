"""The one command, `backroom`: each package contributes its sub-commands by an entry point."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer
from rich.console import Console

from appliance.errors import BackroomError

GROUP = "backroom.commands"
EXIT_ERROR = 1


def build() -> typer.Typer:
    """Return the command with every package's sub-commands."""
    app = typer.Typer(
        name="backroom",
        help="The AI server in a store's back room: short, sourced answers inside company policy.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        point.load()(app)
    return app


def main() -> None:
    """Run the command; an expected fault is a sentence, not a traceback."""
    try:
        build()()
    except BackroomError as exc:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"[bold red]{exc.code}[/]  {_plain(exc.message)}")
        if exc.hint:
            console.print(f"[dim]→[/] {_plain(exc.hint)}")
        sys.exit(EXIT_ERROR)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


if __name__ == "__main__":
    main()

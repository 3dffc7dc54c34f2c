"""What a person sees of a run: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


@dataclass
class Watch:
    """Tells how far a run is. Without a terminal only whole steps are told."""

    console: Console
    bars: Progress | None = None
    task: TaskID | None = None
    of_all: TaskID | None = None

    @classmethod
    @contextmanager
    def over(cls, console: Console, *, steps: int) -> Iterator[Watch]:
        """Show a run of so many steps while the block runs."""
        if not console.is_terminal:
            yield cls(console)
            return
        columns = (
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(),
            TextColumn("{task.fields[note]}"), TimeElapsedColumn(),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True) as bars:
            whole = bars.add_task("run", total=steps, note=f"0 of {steps} steps")
            yield cls(console, bars, None, whole)

    def say(self, text: str, *, style: str = "") -> None:
        """Print a line that stays, as it is: [table] is no markup."""
        self.console.print(text, style=style, markup=False)

    def note(self, text: str) -> None:
        """Say what the step is at, beside its bar; nothing without a terminal."""
        if self.bars is not None and self.task is not None:
            self.bars.update(self.task, note=escape(text[:60]))

    def progress(self, done: float, of: float) -> None:
        """Move the step's bar."""
        if self.bars is not None and self.task is not None:
            self.bars.update(self.task, completed=done, total=of)

    @contextmanager
    def step(self, name: str, *, number: int, of: int) -> Iterator[None]:
        """Show one step."""
        if self.bars is None:
            yield
            return
        self.task = self.bars.add_task(name, total=None, note="")
        try:
            yield
        finally:
            self.bars.remove_task(self.task)
            self.task = None
        if self.of_all is not None:
            self.bars.update(self.of_all, completed=number, note=f"{number} of {of} steps")


def duration(seconds: float) -> str:
    """Return seconds as a person reads them."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min"

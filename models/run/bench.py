"""What a step is, and what it is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from appliance.errors import BadInput
from models.recipe import Recipe
from models.run.folder import WORK
from models.run.watch import Watch


@dataclass(frozen=True, slots=True)
class Bench:
    """A step's place in a run: it reads finished steps and writes into its own folder alone."""

    recipe: Recipe
    run: Path
    out: Path  # the step's folder, still partial
    watch: Watch

    def made(self, step: str) -> Path:
        """Return the folder of a step that this one may read."""
        return self.run / step

    @property
    def work(self) -> Path:
        """Where checkpoints and logs go: kept, but of no digest."""
        folder = self.out / WORK
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def on(self) -> date:
        """The day whose rules are in force."""
        return day_of(self.recipe)

    @property
    def midnight(self) -> datetime:
        """Its first instant."""
        return datetime(self.on.year, self.on.month, self.on.day, tzinfo=UTC)

    @property
    def made_at(self) -> datetime:
        """When the release says it was made: no clock is read, so that a run can be made again."""
        named = self.recipe.release.made_on
        day = iso_day(named, what="[release] made_on") if named else self.on
        return datetime(day.year, day.month, day.day, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run.

    Attributes:
        name: Also of its folder.
        work: Does it, and returns its figures.
        needs: Steps whose files it reads.
        tables: Of the recipe, that it reads.
        paths: Files and folders outside the run that it reads, by what they are.
        resumes: It can go on from what a cut attempt left.
    """

    name: str
    work: Callable[[Bench], Mapping[str, Any]]
    needs: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    paths: Callable[[Recipe], Mapping[str, Path]] = lambda _: {}
    resumes: bool = False


def day_of(recipe: Recipe) -> date:
    """Return the recipe's day.

    Raises:
        BadInput: It names none: a run would then be another one tomorrow.
    """
    return iso_day(recipe.corpus.on, what="[corpus] on")


def iso_day(said: str, *, what: str) -> date:
    """Return a day of the recipe.

    Raises:
        BadInput: It is none.
    """
    try:
        return date.fromisoformat(said)
    except ValueError as exc:
        raise BadInput(
            f"{what} is {said!r}, no ISO day.",
            hint='[corpus] on says whose rules are in force: on = "2026-11-22"',
        ) from exc

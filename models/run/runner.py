"""Run a recipe's steps in order: keep what is fresh, say what is stale and why, go on from a cut.

A step is made again when anything it was made from changed: its tables of the recipe, a file it
names, or the outcome of an earlier step. The code is not among them; its digest is written down.
"""

from __future__ import annotations

import errno
import os
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import appliance
from appliance.errors import BackroomError, BadInput
from models.recipe import Recipe, digest
from models.run.bench import Bench, Step
from models.run.folder import PARTIAL, Record, RunFolder, digest_of, opened
from models.run.steps import STEPS
from models.run.story import write_story
from models.run.watch import Watch, duration

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FULL_WORDS = ("no space left", "disk is full", "database or disk is full")
LITTLE_BYTES = 1 << 20
PACKAGES = (
    "backroom", "torch", "transformers", "peft", "numpy", "scikit-learn", "tokenizers",
    "llama-cpp-python", "onnxruntime", "gguf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """Which steps a run is about."""

    first: str = ""  # made again even when fresh; earlier ones must be there, later ones follow
    last: str = ""

    def names(self) -> tuple[list[str], list[str]]:
        """Return the steps before the span, and the span's.

        Raises:
            BadInput: There is no such step, or it ends before it begins.
        """
        known = [step.name for step in STEPS]
        for name in (self.first, self.last):
            if name and name not in known:
                raise BadInput(f"No step {name!r}.", hint=f"Steps: {', '.join(known)}.")
        start = known.index(self.first) if self.first else 0
        end = known.index(self.last) + 1 if self.last else len(known)
        if start >= end:
            raise BadInput(f"{self.last} comes before {self.first}.", hint="Swap --from and --to.")
        return known[:start], known[start:end]


def run(recipe: Recipe, folder: Path, *, span: Span, watch: Watch) -> list[Record]:
    """Bring a run's folder up to date; return the records of the span's steps.

    Raises:
        BadInput: What a step needs is missing or bad, its disk is full, or another run is at work.
    """
    before, names = span.names()
    with opened(folder) as own:
        for name in before:
            _expect_fresh(own, _step(name), recipe)
        done = []
        for number, name in enumerate(names, 1):
            with watch.step(name, number=number, of=len(names)):
                done.append(
                    _bring_up(own, _step(name), recipe, watch=watch, again=name == span.first)
                )
            write_story(own, recipe, machine=machine())
        return done


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def inputs_of(step: Step, recipe: Recipe, own: RunFolder) -> dict[str, str]:
    """Return everything a step is made from, each with its digest.

    Raises:
        BadInput: A file of the recipe is not there.
    """
    found = {"seed": str(recipe.seed)}
    for table in step.tables:
        value = getattr(recipe, table)
        found[f"[{table}]"] = digest_of(_plain(value))
    for name, path in step.paths(recipe).items():
        if not path.exists():
            raise BadInput(f"{step.name} needs {name}, and {path} is not there.")
        found[name] = digest(path)
    for name in step.needs:
        record = own.record(name)
        if record is None:
            raise BadInput(
                f"{step.name} needs {name}, which is not made.", hint="Leave out --from."
            )
        found[f"step {name}"] = record.digest
    return found


def machine() -> dict[str, str]:
    """Return what made it: versions, processor count, and the digest of our own code."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    found["cores"] = str(os.cpu_count())
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    home = Path(appliance.__file__).parents[1]
    code = [*sorted((home / "models").rglob("*.py")), *sorted((home / "appliance").rglob("*.py"))]
    found["code_sha256"] = digest(*code)
    return found


def _step(name: str) -> Step:
    return next(step for step in STEPS if step.name == name)


def _expect_fresh(own: RunFolder, step: Step, recipe: Recipe) -> None:
    reason = own.stale(step.name, inputs_of(step, recipe, own))
    if reason:
        raise BadInput(
            f"{step.name} comes earlier and must be made first: {reason}.",
            hint=f"Leave out --from, or say --from {step.name}",
        )


def _bring_up(own: RunFolder, step: Step, recipe: Recipe, *, watch: Watch, again: bool) -> Record:
    """Return a step's record, made now unless it is fresh."""
    inputs = inputs_of(step, recipe, own)
    reason = own.stale(step.name, inputs)
    record = own.record(step.name)
    if record is not None and not reason and not again:
        watch.say(f"{step.name:10} is as it was: kept", style="dim")
        return record
    watch.say(f"{step.name:10} {reason or 'it was asked for'}")
    record = _make(own, step, recipe, watch=watch, inputs=inputs)
    watch.say(f"{step.name:10} done in {duration(record.seconds)}", style="green")
    return record


def _make(
    own: RunFolder, step: Step, recipe: Recipe, *, watch: Watch, inputs: Mapping[str, str]
) -> Record:
    started, clock = datetime.now(UTC).replace(microsecond=0), time.monotonic()
    try:
        partial, attempts = own.begin(step.name, inputs, resumes=step.resumes)
        figures = step.work(Bench(recipe, own.path, partial, watch))
        return own.finish(
            Record(
                step=step.name, inputs=inputs, outputs={}, figures=figures, attempts=attempts,
                started_at=started.isoformat(), seconds=round(time.monotonic() - clock, 1),
                versions=machine(),
            )
        )  # fmt: skip
    except (BackroomError, OSError, RuntimeError, ValueError) as exc:
        if not step.resumes:
            shutil.rmtree(own.path / f"{step.name}{PARTIAL}", ignore_errors=True)
        raise _told(exc, step, own) from exc


def _told(exc: Exception, step: Step, own: RunFolder) -> BackroomError:
    """Return a fault as a sentence with the step it came from and the remedy."""
    if _is_full(exc, own.path):
        free = shutil.disk_usage(own.path).free
        return BadInput(
            f"{step.name}: the disk is full; {free / 1e6:,.0f} MB are free in {own.path}.",
            hint="Free some space and run it again: finished steps are kept.",
        )
    if isinstance(exc, BackroomError):
        exc.message = f"{step.name}: {exc.message}"
        return exc
    last = str(exc).strip().splitlines()[-1:] or [type(exc).__name__]
    return BadInput(
        f"{step.name} failed: {type(exc).__name__}: {last[0]}",
        hint=f"Finished steps are kept. Again: --from {step.name}",
    )


def _is_full(exc: BaseException, folder: Path) -> bool:
    """Tell whether a fault comes from a full disk; torch and SQLite say it in words."""
    chain: Sequence[BaseException] = _chain(exc)
    if any(isinstance(e, OSError) and e.errno in FULL for e in chain):
        return True
    if any(word in str(e).lower() for e in chain for word in FULL_WORDS):
        return True
    return isinstance(exc, OSError | RuntimeError) and (
        shutil.disk_usage(folder).free < LITTLE_BYTES
    )


def _chain(exc: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while exc is not None and exc not in found:
        found.append(exc)
        exc = exc.__cause__ or exc.__context__
    return found

"""A run's folder: a step's folder appears whole or not at all, and says what it was made from.

RUN/run.json            the recipe, what everything was made of, digests, times, figures
RUN/<step>/step.json    the step's own record, written before its folder takes its name
RUN/<step>/work/        checkpoints and logs: of no digest, and nobody else reads them
RUN/<step>.partial/     a step that is being made, or was cut
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from appliance.codec import from_plain
from appliance.errors import BadInput
from appliance.files import replaced, sync_folder
from appliance.release import file_sha256

RECORD, INPUTS, WORK, PARTIAL = "step.json", ".inputs.json", "work", ".partial"


@dataclass(frozen=True, slots=True)
class Output:
    """One file that a step made."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Record:
    """What a finished step says of itself."""

    step: str
    inputs: Mapping[str, str]  # what it was made from -> digest
    outputs: Mapping[str, Output]  # file inside the folder -> what it was when finished
    figures: Mapping[str, Any] = field(default_factory=dict)
    started_at: str = ""  # ISO 8601, UTC
    seconds: float = 0.0  # of the attempt that finished it
    attempts: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """One sha256 over the names and contents of all outputs."""
        return digest_of({name: file.sha256 for name, file in self.outputs.items()})


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    def record(self, step: str) -> Record | None:
        """Return the record of a finished step; None when it is not finished."""
        path = self.path / step / RECORD
        try:
            return from_plain(json.loads(path.read_text(encoding="utf-8")), Record)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, BadInput) as exc:
            raise BadInput(
                f"{path} is no step's record: {exc}.", hint=f"Make it again: --from {step}"
            ) from exc

    def stale(self, step: str, inputs: Mapping[str, str]) -> str:
        """Return why a step must be made (again), as a person reads it; '' when it need not be."""
        record = self.record(step)
        if record is None:
            was_cut = (self.path / f"{step}{PARTIAL}").exists()
            return "it was cut before its end" if was_cut else "it was never made"
        changed = _changes(record.inputs, inputs)
        if changed:
            return f"changed since: {', '.join(changed)}"
        for name, file in record.outputs.items():
            path = self.path / step / name
            if not path.is_file():
                return f"{name} is gone"
            if path.stat().st_size != file.bytes or file_sha256(path) != file.sha256:
                return f"{name} is not as it was made"
        return ""

    def begin(self, step: str, inputs: Mapping[str, str], *, resumes: bool) -> tuple[Path, int]:
        """Return a step's partial folder and how often it was begun, this time included.

        What a cut attempt left stays only where the step can go on from it, and only when it was
        made from the very same inputs.
        """
        partial = self.path / f"{step}{PARTIAL}"
        note = _note(partial)
        attempts = int(note.get("attempts", 0)) + 1 if note.get("inputs") == dict(inputs) else 1
        if partial.exists() and (not resumes or attempts == 1):
            shutil.rmtree(partial)
        partial.mkdir(parents=True, exist_ok=True)
        with replaced(partial / INPUTS) as file:
            file.write(json.dumps({"inputs": dict(inputs), "attempts": attempts}))
        return partial, attempts

    def finish(self, record: Record) -> Record:
        """Give a partial folder its name, its record inside; return the record with its outputs."""
        partial = self.path / f"{record.step}{PARTIAL}"
        (partial / INPUTS).unlink(missing_ok=True)
        files = list(outputs_in(partial))
        outputs = {
            str(p.relative_to(partial)): Output(file_sha256(p), p.stat().st_size) for p in files
        }
        whole = replace(record, outputs=outputs)
        with replaced(partial / RECORD) as file:
            file.write(json.dumps(asdict(whole), indent=1) + "\n")
        for path in files:
            _sync(path)
        target = self.path / record.step
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
        sync_folder(self.path)
        return whole

    def drop(self, step: str) -> None:
        """Forget a step, finished or cut."""
        for name in (step, f"{step}{PARTIAL}"):
            if (self.path / name).exists():
                shutil.rmtree(self.path / name)


@contextmanager
def opened(path: Path) -> Iterator[RunFolder]:
    """Give a run's folder to one process at a time; it is made when it is not there.

    Raises:
        BadInput: Another process is at work in it, or it cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as exc:
        raise BadInput(f"{path} cannot be written: {exc.strerror}.") from exc
    try:
        _lock(lock, path)
        yield RunFolder(path)
    finally:
        os.close(lock)  # the lock goes with it, also when the process is killed


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise BadInput(
            f"Another run is at work in {path}.", hint="Wait for it, or choose another --out."
        ) from exc


def outputs_in(folder: Path) -> Iterator[Path]:
    """Return a step's files but its record, hidden files and those under `work`."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.is_file() and inside.parts[0] not in {WORK, RECORD} and not hidden:
            yield path


def digest_of(table: Any) -> str:
    """Return the sha256 of a plain table, whatever the order of its keys."""
    text = json.dumps(table, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _changes(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({*was, *now}) if was.get(name) != now.get(name)]


def _note(partial: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((partial / INPUTS).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}  # cut before it was written: nothing to go on from


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

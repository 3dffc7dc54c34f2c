"""Starts a rehearsal beside the serving store, and tells how it went in one record."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.config import FILE_NAME, Settings
from sync.errors import CannotWrite

LONGEST_S = 300.0  # a large model on two cores at a low priority; then it is ended
TAIL_CHARS = 300


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a release did on this machine."""

    why: str = ""  # it may not go live; '' it may
    probes: int = 0
    slowest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rehearse:
    """Rehearses a release in a process of its own, at a low priority."""

    settings: Settings
    longest_s: float = LONGEST_S

    def __call__(self, folder: Path) -> Rehearsal:
        """Return how the release in `folder` answers its probes here.

        Raises:
            CannotWrite: There is no room for its own home.
        """
        scratch = self.settings.home / "rehearsal"
        try:
            shutil.rmtree(scratch, ignore_errors=True)  # a kill left it
            scratch.mkdir(parents=True)
            _write_settings(self.settings, scratch)
        except OSError as exc:
            raise CannotWrite(f"{scratch}: {exc.strerror or exc}.") from exc
        try:
            return self._rehearsed(folder, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _rehearsed(self, folder: Path, scratch: Path) -> Rehearsal:
        command = [sys.executable, "-m", "sync.switch.rehearse", str(folder), str(scratch)]
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            process = subprocess.Popen(  # noqa: S603  our own module, paths of our own making
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
            try:
                status = process.wait(self.longest_s)
            except subprocess.TimeoutExpired:
                return Rehearsal(f"its rehearsal took more than {self.longest_s:.0f} s")
            finally:
                _end(process)
            said.seek(0)
            return read_told(status, said.read())


def read_told(status: int, said: str) -> Rehearsal:
    """Return what a rehearsal's process told before it ended.

    Args:
        status: Its exit status; negative: the signal that ended it.
        said: All it printed.
    """
    last = said.rstrip().rsplit("\n", 1)[-1]
    if status < 0:
        name = signal.Signals(-status).name
        return Rehearsal(f"its rehearsal was ended by {name}: {last[-TAIL_CHARS:]}")
    try:
        told: Mapping[str, Any] = json.loads(last)
        probed = [float(p["s"]) for p in told["probed"]]
        return Rehearsal(str(told["fault"]), len(probed), max(probed, default=0.0))
    except (ValueError, KeyError, TypeError):
        return Rehearsal(f"its rehearsal ended with {status}: {last[-TAIL_CHARS:]}")


def _write_settings(settings: Settings, scratch: Path) -> None:
    """Give the rehearsal what an answer depends on, and none of what listens or signs in."""
    kept = {
        "store": settings.store,
        "timezone": settings.timezone,
        "threads_per_model": settings.threads_per_model,
        "context_tokens": settings.context_tokens,
        "ask_deadline_s": settings.ask_deadline_s,
        "live_database": settings.live_database,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in kept.items()]
    (scratch / FILE_NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (scratch / FILE_NAME).chmod(0o600)  # a database's URL may hold a password


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
        process.wait()

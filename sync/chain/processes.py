"""The programs of a chain on one machine: run to their end, or kept running until the block's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from appliance.errors import BackroomError

COMMAND = (sys.executable, "-m", "appliance.cli")
RUN_S = 300.0  # most a command may take
STOP_S = 20.0  # to end in order
LOOK_S = 0.25
LAST_LINES = 12  # of a log, told when its program ends


class ChainBroken(BackroomError):
    """A program of the chain ended, or did not come up."""

    code = "chain_broken"


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs `backroom …` as a person would."""

    env: Mapping[str, str]

    def run(self, *words: str | Path) -> str:
        """Return what a command prints.

        Raises:
            ChainBroken: It failed; its own words are the message.
        """
        done = subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, *map(str, words)],
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise ChainBroken(f"backroom {' '.join(map(str, words))}: {said}")
        return done.stdout.strip()

    @contextmanager
    def running(self, *words: str | Path, log: Path, ready: str) -> Iterator[None]:
        """Keep a command running while the block does.

        Args:
            words: Of the command.
            log: Where its output goes.
            ready: URL that answers 200 once it serves.

        Raises:
            ChainBroken: It ended before it served.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*COMMAND, *map(str, words)],
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C is ours: we stop them in order
            )
        try:
            _wait_ready(process, ready, log)
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            process.kill()
            process.wait()


def _wait_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until_s = time.monotonic() + RUN_S
    while process.poll() is None and time.monotonic() < until_s:
        with suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2.0).is_success:
                return
        time.sleep(LOOK_S)
    last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    what = "ended" if process.poll() is not None else "does not answer"
    raise ChainBroken(f"What should serve {url} {what}:\n" + "\n".join(last), hint=f"less {log}")

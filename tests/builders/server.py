"""A real `backroom run` in a process of its own, on a free port of the loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
LONGEST_START_S = 120.0


@dataclass(frozen=True)
class Way:
    """How a server is started, where it is not the plain way."""

    options: tuple[str, ...] = ()  # of `backroom run`
    program: tuple[str, ...] = ("-m", "appliance.cli")  # as Python is given it
    log: Path | None = None  # takes all it prints


PLAIN = Way()


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    process: subprocess.Popen[str]
    url: str
    started_in_s: float


def start(home: Path, *, settings: str = "", way: Way = PLAIN) -> Running:
    """Start a demo store at `home`; return once it is ready."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "backroom.toml").write_text(settings, encoding="utf-8")
    port = _free_port()
    begun = time.monotonic()
    process = _process(home, way, port=port)
    url = f"http://127.0.0.1:{port}"
    while True:
        try:
            if httpx.get(f"{url}/health/ready", timeout=2).status_code == 200:
                return Running(process, url, time.monotonic() - begun)
        except httpx.TransportError:
            pass
        if process.poll() is not None or time.monotonic() - begun > LONGEST_START_S:
            process.kill()
            raise AssertionError(f"the store did not start: exit {process.poll()}")
        time.sleep(0.05)


@contextmanager
def running(home: Path, *, settings: str = "", way: Way = PLAIN) -> Iterator[Running]:
    """Start a store, and end it with the block."""
    server = start(home, settings=settings, way=way)
    try:
        yield server
    finally:
        server.process.terminate()
        try:
            server.process.wait(30)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait(10)


@dataclass(frozen=True)
class Ended:
    """A start that came to its end."""

    status: int
    said: str  # on both channels


def ended(home: Path, log: Path, *options: str) -> Ended:
    """Start a store that is to be refused; return once it has ended."""
    process = _process(home, Way(options, log=log), port=_free_port())
    try:
        status = process.wait(LONGEST_START_S)
    finally:
        process.kill()
    return Ended(status, log.read_text(encoding="utf-8"))


def _process(home: Path, way: Way, *, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, *way.program, "run", "--home", str(home)]
    command += ["--port", str(port), *way.options]
    if way.log is None:
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, text=True)
    with way.log.open("a", encoding="utf-8") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, text=True)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

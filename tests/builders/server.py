"""A real `backroom run` in a process of its own, on a free port of the loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
LONGEST_START_S = 120.0


@dataclass(frozen=True)
class Way:
    """How a server is started, where it is not the plain way."""

    options: tuple[str, ...] = ()  # of `backroom run`
    environment: Mapping[str, str] = field(default_factory=dict)  # beside this process's own
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


def _process(home: Path, way: Way, *, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "appliance.cli", "run", "--home", str(home)]
    command += ["--port", str(port), *way.options]
    environment = {**os.environ, **way.environment}
    if way.log is None:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, text=True
        )
    with way.log.open("a", encoding="utf-8") as log:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True
        )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

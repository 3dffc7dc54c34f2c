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
class Running:
    """A server that answers."""

    process: subprocess.Popen[str]
    url: str
    started_in_s: float


def start(home: Path, *, settings: str = "") -> Running:
    """Start a demo store at `home`; return once it is ready."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "backroom.toml").write_text(settings, encoding="utf-8")
    port = _free_port()
    command = [sys.executable, "-m", "appliance.cli", "run", "--home", str(home)]
    begun = time.monotonic()
    process = subprocess.Popen(
        [*command, "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL, text=True
    )
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
def running(home: Path, *, settings: str = "") -> Iterator[Running]:
    """Start a store, and end it with the block."""
    server = start(home, settings=settings)
    try:
        yield server
    finally:
        server.process.terminate()
        try:
            server.process.wait(30)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait(10)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

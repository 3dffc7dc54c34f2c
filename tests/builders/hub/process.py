"""A real `backroom hub serve` in a process of its own, on a free port of the loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from appliance.clock import SystemClock
from sync.hub.ledger import Ledger
from sync.hub.settings import load_settings
from tests.builders.hub.homes import code_of, make_home
from tests.builders.hub.store_end import StoreEnd

ROOT = Path(__file__).parents[3]
LONGEST_START_S = 60.0
CLOCK = SystemClock()


@dataclass(frozen=True)
class RunningHub:
    """A hub that answers."""

    home: Path
    process: subprocess.Popen[str]
    url: str
    clients: list[httpx.Client] = field(default_factory=list)  # closed with the hub

    def kill(self) -> None:
        """End it as a power cut would, its workers too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def code(self, store: str = "0001", ring: str = "pilot") -> str:
        ledger = Ledger(load_settings(self.home).database_url)
        try:
            return code_of(ledger, CLOCK, store, ring)
        finally:
            ledger.close()

    def client(self) -> httpx.Client:
        """Return a connection of its own."""
        transport = httpx.HTTPTransport(retries=3)
        self.clients.append(httpx.Client(base_url=self.url, transport=transport, timeout=30))
        return self.clients[-1]

    def store(self, number: str = "0001", ring: str = "pilot") -> StoreEnd:
        """Return a store that is enrolled and holds a token."""
        return StoreEnd(self.client(), CLOCK).enter(self.code(number, ring))


def start(home: Path, *options: str, settings: str = "", port: int = 0) -> RunningHub:
    """Start a hub at `home`, made if it is new; return once it answers."""
    if not home.joinpath("keys").exists():
        make_home(home, settings=settings)
    port = port or free_port()
    program = [sys.executable, "-m", "appliance.cli", "hub", "serve"]
    with (home / "log").open("a") as log:
        process = subprocess.Popen(
            [*program, "--home", str(home), "--port", str(port), *options],
            cwd=ROOT,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # so that its workers can be killed with it
        )
    url, begun = f"http://127.0.0.1:{port}", time.monotonic()
    while True:
        try:
            if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                return RunningHub(home, process, url)
        except httpx.TransportError:
            pass
        if process.poll() is not None or time.monotonic() - begun > LONGEST_START_S:
            process.kill()
            said = (home / "log").read_text(encoding="utf-8")
            raise AssertionError(f"the hub did not start: exit {process.poll()}\n{said}")
        time.sleep(0.05)


@contextmanager
def running(home: Path, *options: str, settings: str = "") -> Iterator[RunningHub]:
    """Start a hub, and end it with the block."""
    hub = start(home, *options, settings=settings)
    try:
        yield hub
    finally:
        stop(hub)


def stop(hub: RunningHub) -> None:
    """End a hub in order."""
    for client in hub.clients:
        client.close()
    hub.process.terminate()
    try:
        hub.process.wait(30)
    except subprocess.TimeoutExpired:
        hub.kill()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

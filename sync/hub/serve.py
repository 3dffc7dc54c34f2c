"""The hub's server: one listening socket, one or several processes that serve it."""

from __future__ import annotations

import gc
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType

import msgspec
import uvicorn

from appliance.signals import ending_in_order
from appliance.web.drain import Drain
from appliance.web.listen import address, listen
from appliance.web.quiet_log import quieten
from appliance.web.sockets import KEPT_FILES, BoundedProtocol, SocketBounds
from sync.hub.app import create_app
from sync.hub.metrics import Metered
from sync.hub.migrate import migrate
from sync.hub.parts import Hub, open_hub
from sync.hub.settings import HubSettings

BACKLOG = 2_048  # 1,600 stores come back at once after an outage
OTHER_SOCKETS = 1_000  # beside the wake streams
BODY_S = 120.0  # for a piece of 512 KiB: 4 kB/s is a line that still counts as one
DRAIN_S = 5.0
GRACE_S = 10
MOST_RESTARTS = 20  # of workers that died, in an hour; more is a hub that cannot run
HOUR_S = 3_600.0
LOOK_S = 0.2
YOUNG_OBJECTS = 5_000  # made before the youngest are looked through; by default 700


def serve(settings: HubSettings, *, announce: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then let running requests finish.

    Args:
        settings: The hub's.
        announce: Called with the address once stores can connect.

    Raises:
        BadInput: It cannot listen there, or its key or database cannot be used.
        LedgerError: The database cannot be opened.
    """
    _raise_file_limit()
    with listen(settings.host, settings.port) as listener:
        listener.listen(BACKLOG)
        if settings.workers == 1:
            with ending_in_order(), open_hub(settings) as hub:
                if announce is not None:
                    announce(address(listener))
                serve_on(listener, hub)
        else:
            migrate(settings.database_url)
            if announce is not None:
                announce(address(listener))
            Workers(settings, listener).run()


def serve_on(listener: socket.socket, hub: Hub) -> None:
    """Serve a socket with this process."""
    server = HubServer(configuration(hub), hub)
    _spare_collections()
    with suppress(KeyboardInterrupt):  # uvicorn raises SIGINT again after its clean stop
        server.run(sockets=[listener])


class HubServer(uvicorn.Server):
    """uvicorn's server, which ends the wake streams when it stops: they never end by themselves."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let streams end, then everything else."""
        self._hub.wakes.end_all()
        await super().shutdown(sockets)


def configuration(hub: Hub) -> uvicorn.Config:
    """Return the server's settings; no access log: a path can name a store's batch."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hub.settings.streams + OTHER_SOCKETS
    most = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - KEPT_FILES)
    config = uvicorn.Config(
        Drain(Metered(create_app(hub), hub.counts), most_s=DRAIN_S, longest_s=BODY_S),
        # Not most_of_one: a chain's stores come through few addresses, and each has an identity.
        http=partial(BoundedProtocol, bounds=SocketBounds(most, most)),  # type: ignore[arg-type]
        backlog=BACKLOG,
        log_level="warning",
        access_log=False,
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    quieten()  # after uvicorn has set its loggers up
    return config


class Workers:
    """Several processes on one socket; one that dies is started again, within bounds."""

    def __init__(self, settings: HubSettings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        self._processes: list[subprocess.Popen[bytes]] = []
        self._restarts: list[float] = []
        self._is_stopping = False

    def run(self) -> None:
        """Run until SIGINT or SIGTERM, or until workers die too often."""
        before = [signal.signal(kind, self._stop) for kind in (signal.SIGINT, signal.SIGTERM)]
        try:
            self._processes = [self._start() for _ in range(self._settings.workers)]
            while not self._is_stopping:
                time.sleep(LOOK_S)
                self._replace_dead()
        finally:
            self._end()
            for kind, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
                signal.signal(kind, handler)

    def _start(self) -> subprocess.Popen[bytes]:
        handle = self._listener.fileno()
        told = msgspec.json.encode(self._settings, enc_hook=str)
        program = [sys.executable, "-m", "sync.hub.serve", str(handle)]
        worker = subprocess.Popen(program, pass_fds=[handle], stdin=subprocess.PIPE)  # noqa: S603 - ours
        assert worker.stdin is not None
        worker.stdin.write(told)  # a database's password is no command line's to show
        worker.stdin.close()
        return worker

    def _replace_dead(self) -> None:
        for at, process in enumerate(self._processes):
            if process.poll() is None or self._is_stopping:
                continue
            now = time.monotonic()
            self._restarts = [t for t in self._restarts if now - t < HOUR_S] + [now]
            if len(self._restarts) > MOST_RESTARTS:
                self._is_stopping = True
                return
            self._processes[at] = self._start()

    def _end(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(GRACE_S * 2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _stop(self, _kind: int, _frame: FrameType | None) -> None:
        self._is_stopping = True


def _spare_collections() -> None:
    """Let Python's full collections pass over what was imported, and come less often.

    With 1,600 streams one took 130 to 370 ms, in which no store was answered: it walked every
    module's objects, which never go. What a request makes goes by itself or in the young ones.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 100)


def _raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS states a limit it does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def work(handle: int) -> None:
    """Be one worker: serve the socket that the parent opened until the parent says stop."""
    settings = msgspec.json.decode(
        sys.stdin.buffer.read(), type=HubSettings, dec_hook=lambda kind, text: kind(text)
    )
    _raise_file_limit()
    with ending_in_order(), socket.socket(fileno=handle) as listener, open_hub(settings) as hub:
        serve_on(listener, hub)


if __name__ == "__main__":
    work(int(sys.argv[1]))

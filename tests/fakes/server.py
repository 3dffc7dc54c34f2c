"""The real server on a free port, in a thread of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from appliance.web.app import configuration
from appliance.web.listen import address, listen
from appliance.web.sockets import SocketBounds
from appliance.web.store import StoreLike

START_S = 10.0


@contextmanager
def running(store: StoreLike, *, bounds: SocketBounds | None = None) -> Iterator[str]:
    """Yield the address of a server over `store`; stops it, and lets running asks finish."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(configuration(store, bounds=bounds))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + START_S
    while not server.started:
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.01)
    try:
        yield address(listener)
    finally:
        server.should_exit = True
        thread.join(START_S)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"

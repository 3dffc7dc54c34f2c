"""Run the web application until told to stop."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from appliance.errors import BadInput
from appliance.web.app import create_app
from appliance.web.store import StoreLike

GRACE_S = 10  # an ask's own deadline: after it nobody can still wait for an answer
BACKLOG = 128


def serve(store: StoreLike, *, announce: Callable[[str], None] | None = None) -> None:
    """Serve the store until SIGINT or SIGTERM, then let running asks finish.

    Args:
        store: The wired store; whoever opened it closes it.
        announce: Called with the page's address once a browser can connect.

    Raises:
        BadInput: The host or port cannot be listened on.
    """
    settings = store.settings
    with listen(settings.host, settings.port) as listener:
        server = uvicorn.Server(configuration(store))
        if announce is not None:
            announce(address(listener))
        with suppress(KeyboardInterrupt):  # uvicorn raises SIGINT again after its clean stop
            server.run(sockets=[listener])


def configuration(store: StoreLike) -> uvicorn.Config:
    """Return the server's settings; no access log, for an address can hold what was looked up."""
    return uvicorn.Config(
        create_app(store),
        log_level="warning",
        access_log=False,
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that already listens; port 0 takes any free one.

    Raises:
        BadInput: The host is not this machine's, or the port is taken or reserved.
    """
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, OverflowError) as exc:
        raise BadInput(f"{host}:{port} is not an address.", hint="Check --host.") from exc
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as exc:
        listener.close()
        raise _cannot_listen(host, port, exc) from exc
    return listener


def address(listener: socket.socket) -> str:
    """Return the page's address as typed into a browser on this machine."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _cannot_listen(host: str, port: int, error: Exception) -> BadInput:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        hint = f"Stop the program that has it, or choose another: --port {port + 1}."
        return BadInput(f"Port {port} on {host} is already in use.", hint=hint)
    if code == errno.EACCES:
        hint = "Choose one from 1024 up: --port 8080."
        return BadInput(f"Port {port} is reserved for the machine's administrator.", hint=hint)
    if code == errno.EADDRNOTAVAIL:
        hint = "Choose --host 127.0.0.1, or 0.0.0.0 for every handheld in the store."
        return BadInput(f"{host} is no address of this machine.", hint=hint)
    return BadInput(f"{host}:{port} cannot be listened on: {error}.", hint="Choose another --port.")

"""A listening socket, or the reason why there is none."""

from __future__ import annotations

import errno
import socket

from appliance.errors import BadInput

BACKLOG = 128
LAST_PORT = 65_535


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that already listens; port 0 takes any free one.

    Raises:
        BadInput: The host is not this machine's, or the port is taken or reserved.
    """
    if not 0 <= port <= LAST_PORT:
        raise BadInput(f"Port {port} does not exist.", hint=f"Choose --port 1024 to {LAST_PORT}.")
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as exc:
        raise BadInput(f"{host}:{port} is not an address.", hint="Check --host.") from exc
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        raise _cannot_listen(host, port, exc) from exc
    return listener


def address(listener: socket.socket) -> str:
    """Return the page's address as typed into a browser on this machine."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _cannot_listen(host: str, port: int, error: OSError) -> BadInput:
    code = error.errno
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

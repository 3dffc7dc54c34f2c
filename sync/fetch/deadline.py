"""HTTP whose answer has its head by a deadline: one that drips would outlive any read time-out.

httpx bounds the wait for each read. A server that sends a byte of a header every twenty seconds
keeps within it for days, and the speed of bodies (`wire`) is not judged before there is one.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx


class Deadline:
    """When the head that is waited for must be here; None: no head is waited for."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Read time by `monotonic`."""
        self._monotonic = monotonic
        self._at_s: float | None = None

    def begin(self, seconds: float) -> None:
        """Let it run."""
        self._at_s = self._monotonic() + seconds

    def end(self) -> None:
        """The head is here."""
        self._at_s = None

    def check(self) -> None:
        """Raise when it is past.

        Raises:
            ReadTimeout: Of httpcore; httpx tells it as its own.
        """
        if self._at_s is not None and self._monotonic() > self._at_s:
            raise httpcore.ReadTimeout("the answer's head took too long")


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._deadline.check()
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(
            self._stream.start_tls(ssl_context, server_hostname, timeout), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._plain = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._plain.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream, self._deadline)


def client(
    *,
    timeout: httpx.Timeout,
    redirects: int,
    deadline: Deadline,
    tls: ssl.SSLContext | None,
    proxy: str,
) -> httpx.Client:
    """Return an HTTP client whose reads keep a deadline; the environment is not asked.

    Args:
        timeout: Of connecting and of each read.
        redirects: At most.
        deadline: Of an answer's head. It does not hold behind a proxy, for httpx builds that pool
            by itself: there the proxy is the store's own.
        tls: What certificates are trusted; None: the public ones.
        proxy: URL of one; '' for none.
    """
    context = tls or httpx.create_ssl_context(trust_env=False)
    made = httpx.Client(
        verify=context,
        timeout=timeout,
        follow_redirects=True,
        max_redirects=redirects,
        proxy=proxy or None,
        trust_env=False,
    )
    if not proxy:
        # httpx's own pool but for the backend, which no constructor of httpx 0.28 takes.
        made._transport._pool = httpcore.ConnectionPool(  # type: ignore[attr-defined]  # noqa: SLF001
            ssl_context=context,
            max_connections=4,
            max_keepalive_connections=2,
            keepalive_expiry=5.0,
            network_backend=_Backend(deadline),
        )
    return made

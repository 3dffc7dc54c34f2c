"""Sockets under the server: so many, so long; a client that dawdles or piles them up is cut off.

uvicorn bounds how long a quiet connection lives between requests, and the application how long a
body may take (`web.drain`). What neither bounds is here: a head that never ends, a body that drips
on after its answer, an answer nobody takes, and sockets that are only opened.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from dataclasses import dataclass
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from appliance.web.origin import is_loopback

log = logging.getLogger("backroom.web")
KEPT_FILES = 64  # for the databases, the index, the log and the engine


@dataclass(frozen=True, slots=True)
class SocketBounds:
    """How many sockets there may be, and how long one may be waited for."""

    most: int = 640  # in all; thirty handhelds hold a few each
    most_of_one: int = 256  # of one address, so that it cannot take them all
    head_s: float = 10.0  # from a connection, or the first byte of a request, to the head's end
    stuck_s: float = 20.0  # an answer of which the client takes nothing

    def within(self, files: int) -> SocketBounds:
        """Return these bounds for a process that may open so many files."""
        most = max(1, min(self.most, files - KEPT_FILES))
        return SocketBounds(most, min(self.most_of_one, most), self.head_s, self.stuck_s)


def bounds_here() -> SocketBounds:
    """Return the bounds that this process's limit of open files leaves room for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return SocketBounds() if soft == resource.RLIM_INFINITY else SocketBounds().within(soft)


class BoundedProtocol(H11Protocol):
    """uvicorn's connection, which ends when its client neither asks nor listens."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        bounds: SocketBounds,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._bounds = bounds
        self._head_timer: asyncio.TimerHandle | None = None
        self._stuck_timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or cut it when there are too many."""
        super().connection_made(transport)
        if self._is_one_too_many():
            log.warning("Too many connections: some were closed unheard.")
            transport.abort()
            return
        self._wait_for_head()
        self._watch_answer()

    def data_received(self, data: bytes) -> None:
        """Hear what came; a head that has begun must end in time."""
        super().data_received(data)
        if self._is_idle():
            self._wait_for_head()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers with the connection."""
        self._stop_waiting()
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
        super().connection_lost(exc)

    def _is_one_too_many(self) -> bool:
        if len(self.connections) > self._bounds.most:
            return True
        host = self.client[0] if self.client else ""
        if is_loopback(host):  # a proxy on this machine is everybody
            return False
        peers = (getattr(other, "client", None) for other in self.connections)
        same = sum(1 for peer in peers if peer and peer[0] == host)
        return same > self._bounds.most_of_one

    def _is_idle(self) -> bool:
        """Tell whether the server owes nothing: it waits for a request, or for one's last bytes."""
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_head(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self._bounds.head_s, self._cut)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cut(self) -> None:
        self._head_timer = None
        if self._is_idle():
            # Without a 408: a browser opens sockets ahead of need, and would show it to a person.
            self.transport.abort()

    def _watch_answer(self) -> None:
        """Cut the connection when nothing of what waits to be sent has gone since the last look."""
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent == self._unsent:
            self.transport.abort()
            return
        self._unsent = unsent
        self._stuck_timer = self.loop.call_later(self._bounds.stuck_s, self._watch_answer)

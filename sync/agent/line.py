"""The line to the hub: every byte through one bucket, every request through one breaker.

All that can go wrong on it leaves as an error of `appliance.errors` or `sync.agent.errors`.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import httpx
import msgspec

from appliance.codec import to_plain
from appliance.errors import LineDown
from sync.agent.breaker import LineBreaker
from sync.agent.bucket import Bucket
from sync.agent.errors import HubFailed, HubRefused
from sync.agent.heard import Stream, check_status, read_record
from sync.agent.memory import HubClock
from sync.agent.tls import check_certificate, context_for, is_clock_off

T = TypeVar("T")
log = logging.getLogger(__name__)

CONNECT_S = 5.0
READ_S = 30.0  # without a byte
CALL_S = 60.0  # of a whole request of a job
MOST_ANSWER_BYTES = 4 * 2**20  # a hundred late answers are a tenth of it
HEAD_BYTES = 500  # about what a request's and an answer's heads are, each
CHUNK_BYTES = 16 * 2**10


@dataclass(slots=True)
class Counts:
    """Bytes that passed, of any thread."""

    up: int = 0
    down: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *, up: int = 0, down: int = 0) -> None:
        """Count some."""
        with self.lock:
            self.up += up
            self.down += down


class Line:
    """One hub, as this store reaches it; any thread may use it."""

    def __init__(
        self,
        hub: str,
        *,
        bucket: Bucket,
        clock: HubClock,
        since: datetime,
        proxy: str = "",
        ca_file: str = "",
    ) -> None:
        """Remember the way; nothing is connected yet.

        Args:
            hub: Its URL.
            bucket: Of all that passes.
            clock: By the hub's time.
            since: The hub's time at enrolment: it is never earlier again.
            proxy: URL of a proxy on the way.
            ca_file: Of a certificate authority of the company's own.
        """
        self.hub = hub
        self.bucket = bucket
        self.breaker = LineBreaker(clock.monotonic)
        self.counts = Counts()
        self._clock = clock
        self._since = since
        self._proxy = proxy
        self._ca_file = ca_file
        self._clients: dict[bool, httpx.Client] = {}
        self._transports: dict[bool, httpx.HTTPTransport] = {}
        self._is_closed = False
        self._lock = threading.Lock()

    @property
    def proxy(self) -> str:
        """URL of the proxy on the way; '' for none."""
        return self._proxy

    def tls(self) -> ssl.SSLContext | None:
        """Return which certificates another client of this hub trusts; None: the public ones."""
        is_off = is_clock_off(self._clock, since=self._since)
        context = context_for(self.hub, self._ca_file, is_clock_off=is_off)
        return context if isinstance(context, ssl.SSLContext) else None

    def close(self) -> None:
        """Let the connections go, for good: who still asks is told that the line is down."""
        with self._lock:
            self._is_closed = True
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def call(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        record: object = None,
        content: bytes | None = None,
        token: str = "",
        params: Mapping[str, str] | None = None,
        timeout_s: float = CALL_S,
    ) -> T:
        """Return the record that the hub answers a job's request with.

        Args:
            method: Of HTTP.
            path: On the hub.
            kind: Of the record it answers with.
            record: Sent as JSON.
            content: Sent as it is, at the pace of the bucket.
            token: Of this device.
            params: Of the query.
            timeout_s: For all of it.

        Raises:
            LineResting: Not tried: the hub is known to be gone.
            LineDown: It did not answer, not in time, or not as agreed.
            HubRefused: It refuses this request.
        """
        sent = content if content is not None else _json(record) if record is not None else b""
        headers = _headers(token, is_json=record is not None)
        self.breaker.check(is_chat=False)
        body: bytes | Iterator[bytes] = sent
        if content is not None:
            headers["content-length"] = str(len(content))
            body = self._paced(content)
        with self._watched(), self._sent(method, path, headers, body, params=params) as answer:
            self.counts.add(up=HEAD_BYTES + len(sent))
            found = self._read(answer, timeout_s)
            self.bucket.count(2 * HEAD_BYTES + len(found) + (0 if content else len(sent)))
            check_status(answer, found)
        return read_record(found, kind)

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        record: object = None,
        headers: Mapping[str, str],
        read_s: float,
        is_chat: bool = False,
        is_left: Callable[[], bool] = lambda: False,
    ) -> Iterator[Stream]:
        """Give an answer whose lines are read as they come.

        Args:
            method: Of HTTP.
            path: On the hub.
            record: Sent as JSON.
            headers: Of the request.
            read_s: Without a byte after which it is given up.
            is_chat: Whether somebody waits: then it is not tried while the hub may be gone.
            is_left: Whether nobody wants it any more: how it then ends says nothing of the hub.

        Raises:
            LineResting: Not tried: the hub is known to be gone.
            LineDown: It did not answer, or breaks off while it is read.
            HubRefused: It refuses this request.
        """
        self.breaker.check(is_chat=is_chat)
        sent = _json(record) if record is not None else b""
        every = {**headers, **({"content-type": "application/json"} if sent else {})}
        timeout = httpx.Timeout(read_s, connect=min(CONNECT_S, read_s))
        with (
            self._watched(is_chat=is_chat, is_left=is_left),
            self._sent(method, path, every, sent, timeout=timeout) as answer,
        ):
            self._passed(up=HEAD_BYTES + len(sent), down=HEAD_BYTES)
            if not answer.is_success:
                check_status(answer, self._read(answer, read_s))
            self.breaker.heard(failed=False)  # now: a wake stream ends in a quarter of an hour
            yield Stream(answer, self._passed)

    def _passed(self, *, up: int = 0, down: int = 0) -> None:
        self.counts.add(up=up, down=down)
        self.bucket.count(up + down)

    @contextmanager
    def _sent(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes | Iterator[bytes],
        *,
        params: Mapping[str, str] | None = None,
        timeout: httpx.Timeout | None = None,
    ) -> Iterator[httpx.Response]:
        is_off = is_clock_off(self._clock, since=self._since)
        client = self._client(is_off=is_off)
        try:
            with client.stream(
                method,
                f"{self.hub}{path}",
                headers=dict(headers),
                content=content or None,
                params=params,
                timeout=timeout or httpx.Timeout(READ_S, connect=CONNECT_S),
            ) as answer:
                if is_off:
                    heard_at = self._clock.memory.known.contact_at or self._since
                    check_certificate(answer, heard_at=heard_at)
                yield answer
        finally:
            self._let_go()

    @contextmanager
    def _watched(
        self, *, is_chat: bool = False, is_left: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        """Translate what goes wrong, and tell the breaker how it went."""
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as exc:
            self._failed(is_left)
            raise LineDown(
                f"The hub {self.hub} does not answer: {_words(exc)}.",
                hint=f"Check the line: curl -sS {self.hub}/health",
            ) from exc
        except HubFailed as exc:
            # What a gateway's upstream does says nothing of the hub; the lane's guard judges that.
            self.breaker.heard(failed=not is_chat and not exc.retry_after_s)
            raise
        except LineDown:
            self._failed(is_left)
            raise
        except HubRefused:
            self.breaker.heard(failed=False)
            raise
        except BaseException:
            self.breaker.excuse()
            raise
        self.breaker.heard(failed=False)

    def _failed(self, is_left: Callable[[], bool]) -> None:
        if is_left():
            self.breaker.excuse()
        else:
            self.breaker.heard(failed=True)

    def _read(self, answer: httpx.Response, timeout_s: float) -> bytes:
        until = self._clock.monotonic() + timeout_s
        found = bytearray()
        for chunk in answer.iter_bytes():
            self.counts.add(down=len(chunk))
            found += chunk
            if len(found) > MOST_ANSWER_BYTES:
                raise LineDown(f"The hub's answer goes on after {MOST_ANSWER_BYTES:,} bytes.")
            if self._clock.monotonic() > until:
                raise LineDown(f"The hub's answer took more than {timeout_s:.0f} s.")
        self.counts.add(down=HEAD_BYTES)
        return bytes(found)

    def _paced(self, content: bytes) -> Iterator[bytes]:
        for at in range(0, len(content), CHUNK_BYTES):
            chunk = content[at : at + CHUNK_BYTES]
            self.bucket.take(len(chunk))
            yield chunk

    def _client(self, *, is_off: bool) -> httpx.Client:
        with self._lock:
            if self._is_closed:
                raise LineDown("The agent has ended.")
            if is_off not in self._clients:
                self._transports[is_off] = httpx.HTTPTransport(
                    verify=context_for(self.hub, self._ca_file, is_clock_off=is_off),
                    proxy=self._proxy or None,
                    trust_env=False,
                    limits=httpx.Limits(max_connections=24, max_keepalive_connections=4),
                )
                transport = self._transports[is_off]
                self._clients[is_off] = httpx.Client(transport=transport, trust_env=False)
            return self._clients[is_off]

    def _let_go(self) -> None:
        """Close what a request opened while the line was being closed."""
        if self._is_closed:
            for transport in self._transports.values():
                transport.close()


def _headers(token: str, *, is_json: bool) -> dict[str, str]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return {**headers, "content-type": "application/json"} if is_json else headers


def _json(record: object) -> bytes:
    return msgspec.json.encode(to_plain(record))


def _words(exc: Exception) -> str:
    """Return what went wrong in one line; an address or a query is never in it."""
    found = str(exc).splitlines()
    return f"{type(exc).__name__}{': ' + found[0][:160] if found else ''}"

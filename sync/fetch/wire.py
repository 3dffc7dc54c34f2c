"""Bytes of a URL, from an offset on: over HTTP, or from a directory such as a USB stick."""

from __future__ import annotations

import ssl
import stat
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote, urlsplit

import httpx

from sync.errors import FetchFailed, SlowRetrieval
from sync.fetch.deadline import Deadline, client
from sync.fetch.limits import FetchLimits

Limiter = Callable[[int], None]  # told of bytes that came; sleeps as long as the budget wants
Headers = Callable[[], Mapping[str, str]]  # asked before each request: a token may be new
Monotonic = Callable[[], float]
Tls = Callable[[], ssl.SSLContext | None]

FILE = "file"
NOT_FOUND = 404
PARTIAL = 206
BEYOND = 416  # the offset is at or after the end
URL_SAFE = "/:%?=&+~!$'()*,;@"


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer: the offset of its first byte, and its bytes as they come."""

    offset: int
    chunks: Iterator[bytes]


class Wire:
    """Reads `http:`, `https:` and `file:` URLs; one connection pool a wire."""

    def __init__(
        self,
        *,
        limits: FetchLimits,
        monotonic: Monotonic,
        limiter: Limiter = lambda _: None,
        headers: Headers = dict,
        tls: Tls = lambda: None,
        proxy: str = "",
    ) -> None:
        """Make a wire; nothing is connected yet.

        Args:
            limits: Of waits and speed.
            monotonic: Seconds that never go back.
            limiter: Called with the length of each chunk that came over the line.
            headers: Sent with each request.
            tls: Asked when first connecting: which certificates are trusted; None: the public ones.
            proxy: URL of one; '' for none. The environment is not asked.
        """
        self.limits = limits
        self._monotonic = monotonic
        self._limiter = limiter
        self._headers = headers
        self._tls = tls
        self._proxy = proxy
        self._head = Deadline(monotonic)
        self._http: httpx.Client | None = None  # a stick needs none, and its set-up takes a while

    def close(self) -> None:
        """Let the connections go."""
        if self._http is not None:
            self._http.close()

    @contextmanager
    def open(
        self, url: str, *, offset: int = 0, most_s: float = inf
    ) -> Generator[Stream, None, None]:
        """Begin to read a URL, at an offset if the other side can.

        Args:
            url: What.
            offset: Of the first byte that is wanted.
            most_s: Of waiting for all of it.

        Raises:
            FetchFailed: It is not there, was refused, or is cut while it is read.
            SlowRetrieval: Bytes come too slowly, now or while they are read.
        """
        if urlsplit(url).scheme == FILE:
            with _opened(url, offset, self.limits.chunk_bytes) as stream:
                yield stream
            return
        with self._answer(url, offset) as answer:
            begins = offset if answer.status_code == PARTIAL else 0
            yield Stream(begins, self._paced(_raw(answer, url), url, most_s))

    def read(self, url: str, most_bytes: int) -> tuple[bytes, bool]:
        """Return a small file, and whether it was longer and is cut after `most_bytes`.

        Raises:
            FetchFailed: It is not there, was refused or cut.
            SlowRetrieval: It took more than `metadata_s`, or came too slowly.
        """
        content = bytearray()
        with self.open(url, most_s=self.limits.metadata_s) as stream:
            for chunk in stream.chunks:
                content += chunk
                if len(content) > most_bytes:
                    return bytes(content[:most_bytes]), True
        return bytes(content), False

    @contextmanager
    def _answer(self, url: str, offset: int) -> Generator[httpx.Response, None, None]:
        headers = {**self._headers(), "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        # Only what the wire does is told as the wire's: what the caller raises while it reads, a
        # full disk say, passes through untouched.
        with ExitStack() as stack:
            self._head.begin(self.limits.answer_s)
            try:
                asked = self._pool().stream("GET", quote(url, safe=URL_SAFE), headers=headers)
                answer = stack.enter_context(asked)
            except httpx.TimeoutException as exc:
                raise SlowRetrieval(
                    f"{url}: {_said(exc)}; {self.limits.read_s:.0f} s are waited for a byte,"
                    f" {self.limits.answer_s:.0f} s for an answer's head.",
                    hint="Is the line up?",
                ) from exc
            except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as exc:
                # RuntimeError: httpx's word for a client that another thread has closed.
                raise FetchFailed(f"{url}: {_said(exc)}.", hint="Is the line up?") from exc
            finally:
                self._head.end()
            if not answer.is_success:
                raise FetchFailed(
                    f"{url}: expected 200, found {answer.status_code}.",
                    status=answer.status_code,
                )
            yield answer

    def _pool(self) -> httpx.Client:
        if self._http is None:
            limits = self.limits
            self._http = client(
                timeout=httpx.Timeout(limits.read_s, connect=limits.connect_s),
                redirects=limits.redirects,
                deadline=self._head,
                tls=self._tls(),
                proxy=self._proxy,
            )
        return self._http

    def _paced(self, chunks: Iterator[bytes], url: str, most_s: float) -> Iterator[bytes]:
        """Pass chunks on as the budget allows; give up on a line slower than the least.

        Only the time spent waiting for the other side is judged: an honest server must not be
        blamed for our own bandwidth bucket.
        """
        waited, came, waited_before = 0.0, 0, 0.0
        while True:
            begun = self._monotonic()
            chunk = next(chunks, None)
            waited += self._monotonic() - begun
            if chunk is None:
                return
            if waited_before + waited > most_s:
                raise SlowRetrieval(f"{url} took more than {most_s:.0f} s.")
            came += len(chunk)
            if waited >= self.limits.window_s:
                if came < waited * self.limits.least_bytes_s:
                    raise SlowRetrieval(
                        f"{url}: {came / waited:.0f} bytes a second, at least"
                        f" {self.limits.least_bytes_s:,} are waited for."
                    )
                waited, came, waited_before = 0.0, 0, waited_before + waited
            self._limiter(len(chunk))
            yield chunk


def base_url(source: str | Path) -> str:
    """Return the URL of a repository, without a slash at its end: of a server or of a directory."""
    url = source.resolve().as_uri() if isinstance(source, Path) else source
    return url.rstrip("/")


def is_folder(url: str) -> bool:
    """Tell whether a URL is a directory's."""
    return urlsplit(url).scheme == FILE


@contextmanager
def _opened(url: str, offset: int, chunk_bytes: int) -> Generator[Stream, None, None]:
    path = Path(unquote(urlsplit(url).path))
    try:
        if stat.S_ISFIFO(path.stat().st_mode):  # to open one waits for ever for who writes to it
            raise FetchFailed(f"{path} is no file.", status=NOT_FOUND)
        file = path.open("rb")
    except FileNotFoundError as exc:
        raise FetchFailed(f"{path} is not there.", status=NOT_FOUND) from exc
    except OSError as exc:
        raise FetchFailed(f"{path} cannot be read: {exc.strerror or exc}.") from exc
    with file:
        file.seek(offset)
        yield Stream(offset, _pieces(file, path, chunk_bytes))


def _pieces(file: BinaryIO, path: Path, chunk_bytes: int) -> Iterator[bytes]:
    try:
        while chunk := file.read(chunk_bytes):
            yield chunk
    except OSError as exc:  # a stick with bad blocks, or pulled out
        raise FetchFailed(f"{path} cannot be read: {exc.strerror or exc}.") from exc


def _raw(answer: httpx.Response, url: str) -> Iterator[bytes]:
    # As they come, not gathered to a size: gathering would hide how slowly they come.
    try:
        yield from answer.iter_raw()
    except httpx.TimeoutException as exc:
        raise SlowRetrieval(f"{url}: the bytes stopped coming.", hint="Is the line up?") from exc
    except (httpx.HTTPError, httpx.StreamError, OSError) as exc:
        raise FetchFailed(f"{url} was cut: {_said(exc)}.", hint="Is the line up?") from exc


def _said(exc: Exception) -> str:
    return f"{type(exc).__name__} {exc}".strip().rstrip(".")

"""Clients that dawdle, pile up sockets or take no answer, against the real server."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from appliance.config import Settings
from appliance.web import sockets
from appliance.web.quiet_log import EVERY_S, OncePerMinute, answer_loop_fault
from appliance.web.sockets import KEPT_FILES, SocketBounds
from tests.fakes.clock import FakeClock
from tests.fakes.server import running
from tests.fakes.store import NOW, FakeStore

ROOT = Path(__file__).parents[3]
LONGEST_S = 10.0  # a client waits so long before it calls the test failed
SOON = SocketBounds(most=20, most_of_one=20, head_s=0.3, stuck_s=0.3)
ASK = b'{"text": "hours?"}'
HEAD = (
    b"POST /v1/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n"
)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore(settings=Settings(home=Path("/nowhere"), asks_per_minute=0))


@pytest.fixture
def url(store: FakeStore) -> Iterator[str]:
    with running(store, bounds=SOON) as url:
        yield url


def connected(url: str, *, receive_bytes: int = 0) -> socket.socket:
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(LONGEST_S)
    client.connect((urlsplit(url).hostname, urlsplit(url).port))
    return client


def is_cut(client: socket.socket) -> bool:
    """Wait for the connection's end; False when it is still open after `LONGEST_S`."""
    try:
        while client.recv(65_536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("said", [b"", b"G", b"POST /v1/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nX-"])
def test_a_head_that_does_not_end_is_cut(url: str, said: bytes) -> None:
    with connected(url) as client:
        client.sendall(said)
        assert is_cut(client)


def test_a_head_that_drips_on_is_cut_all_the_same(url: str) -> None:
    with connected(url) as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        client.settimeout(0.05)
        with pytest.raises(ConnectionError):  # noqa: PT012 - which of the two hears it is chance
            for _ in range(int(LONGEST_S / 0.05)):
                client.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    if not client.recv(1):
                        raise ConnectionResetError


def test_the_second_head_on_a_connection_must_end_too(url: str) -> None:
    with connected(url) as client:
        client.sendall(HEAD % len(ASK) + ASK)
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /health")
        assert is_cut(client)


def test_a_body_that_drips_on_after_its_answer_is_cut(url: str) -> None:
    with connected(url) as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n")
        client.sendall(b"Content-Length: 100000\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        client.sendall(b"x")  # which stops uvicorn's own timer for good
        assert is_cut(client)


def test_an_answer_in_the_making_is_waited_for(url: str, store: FakeStore) -> None:
    store.pause_s = 2 * SOON.head_s
    assert httpx.post(f"{url}/v1/ask", content=ASK, timeout=LONGEST_S).status_code == 200


def test_an_answer_that_nobody_takes_is_dropped(url: str) -> None:
    # The page's parts are small, so a client must ask for many at once to be owed what is stuck.
    part = b"GET /page/page.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with connected(url, receive_bytes=4_096) as client:
        client.sendall(part * 400)
        with pytest.raises(ConnectionError):  # noqa: PT012 - it hears of the end by sending on
            for _ in range(300):
                _wait(0.1)
                client.sendall(b"x")


def _wait(seconds: float) -> None:
    asyncio.run(asyncio.sleep(seconds))


def test_sockets_that_are_only_opened_leave_room_for_who_asks(store: FakeStore) -> None:
    bounds = SocketBounds(most=8, most_of_one=8, head_s=60, stuck_s=60)
    with running(store, bounds=bounds) as url, contextlib.ExitStack() as opened:
        held = [opened.enter_context(connected(url)) for _ in range(30)]
        ends = [client for client in held if _has_ended(client)]
        assert len(ends) >= 30 - bounds.most
        for client in held:
            client.close()
        assert _answers(url)


def _has_ended(client: socket.socket) -> bool:
    client.settimeout(0.5)
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def _answers(url: str) -> bool:
    """Tell whether the server answers, once it has seen what was closed."""
    for _ in range(50):
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/health/live", timeout=LONGEST_S).status_code == 200:
                return True
        _wait(0.1)
    return False


def test_one_address_cannot_take_every_socket() -> None:
    protocol = sockets.BoundedProtocol.__new__(sockets.BoundedProtocol)
    protocol._bounds = SocketBounds(most=100, most_of_one=3)
    protocol.connections = {*map(_Peer, ["10.0.0.7"] * 4), _Peer("10.0.0.8")}  # type: ignore[assignment]
    protocol.client = ("10.0.0.7", 5_000)
    assert protocol._is_one_too_many()
    protocol.client = ("10.0.0.8", 5_000)
    assert not protocol._is_one_too_many()
    protocol.client = ("127.0.0.1", 5_000)  # a proxy on this machine is everybody
    protocol.connections = {*map(_Peer, ["127.0.0.1"] * 50)}  # type: ignore[assignment]
    assert not protocol._is_one_too_many()


class _Peer:
    def __init__(self, host: str) -> None:
        self.client = (host, 1)


@pytest.mark.parametrize(("files", "most"), [(10_000, 640), (256, 192), (70, 6), (20, 1)])
def test_there_are_never_more_sockets_than_files_may_be_open(files: int, most: int) -> None:
    bounds = SocketBounds().within(files)
    assert (bounds.most, bounds.most_of_one) == (most, min(256, most))
    assert bounds.most + KEPT_FILES <= files or most == 1


# ── the log ───────────────────────────────────────────────────────────────────────────────────


def said(record: str, *, name: str = "uvicorn.error", bug: bool = False) -> logging.LogRecord:
    info = (ValueError, ValueError("x"), None) if bug else None
    return logging.LogRecord(name, logging.WARNING, "f", 1, record, (), info)


def test_what_is_said_again_and_again_is_said_once_a_minute_and_counted() -> None:
    clock = FakeClock(NOW)
    once = OncePerMinute(monotonic=clock.monotonic)
    heard = [once.filter(said("Invalid HTTP request received.")) for _ in range(1_000)]
    assert heard == [True] + [False] * 999
    assert once.filter(said("Another."))

    clock.advance(EVERY_S)
    later = said("Invalid HTTP request received.")

    assert once.filter(later)
    assert later.getMessage() == "Invalid HTTP request received. (999 more times since)"


def test_a_bug_is_always_told_and_what_is_remembered_is_bounded() -> None:
    once = OncePerMinute(monotonic=FakeClock(NOW).monotonic)
    assert all(once.filter(said("It failed.", bug=True)) for _ in range(5))
    assert all(once.filter(said(f"Message {n}.")) for n in range(10_000))
    assert len(once._kept) < 1_000


def test_a_machine_without_a_free_file_says_so_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(answer_loop_fault)
    with contextlib.closing(loop):
        fault = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        loop.call_exception_handler({"message": "socket.accept()", "exception": fault})
        loop.call_exception_handler({"message": "a bug", "exception": ValueError("x")})
    told, bug = caplog.records
    assert (told.exc_info, told.getMessage()) == (
        None,
        "No more connections can be taken: Too many open files.",
    )
    assert bug.exc_info


SERVE = """
    import resource, sys, threading
    from pathlib import Path
    resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))
    from appliance.config import Settings
    from appliance.web.app import serve
    from tests.fakes.store import FakeStore

    def announce(url):
        print(url, flush=True)
        threading.Thread(target=starve, daemon=True).start()

    def starve():
        sys.stdin.readline()
        held = []
        try:
            while True:
                held.append(open("/dev/null"))
        except OSError:
            print("starved", flush=True)
        sys.stdin.readline()
        for file in held:
            file.close()
        print("fed", flush=True)

    serve(FakeStore(settings=Settings(home=Path("/nowhere"), port=0)), announce=announce)
"""


def test_a_server_out_of_files_fills_no_log_and_comes_back(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as errors:
        server = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SERVE)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert server.stdin is not None
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert _answers(url)
        print(file=server.stdin, flush=True)
        assert server.stdout.readline().strip() == "starved"
        with contextlib.ExitStack() as opened:
            for _ in range(60):
                opened.enter_context(connected(url))
            _wait(1.5)  # asyncio tries again after a second
        print(file=server.stdin, flush=True)
        assert server.stdout.readline().strip() == "fed"
        assert _answers(url)
    finally:
        server.terminate()
        server.communicate(timeout=20)
    lines = log.read_text().splitlines()
    assert any("No more connections" in line for line in lines)
    assert len(lines) <= 5, lines

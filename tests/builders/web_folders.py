"""A folder served over HTTP with ranges, on loopback, that can be told to misbehave."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

Body = Callable[[str, bytes], bytes]  # path, what lies there -> what is sent


@dataclass
class WebFolder:
    """How the server behaves; a test changes it while it runs."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)  # "GET path range"
    headers: list[dict[str, str]] = field(default_factory=list)
    body: Body = lambda path, content: content
    cut_after: int | None = None  # bytes of a body, then the socket closes
    cuts: int = 10**9  # how many answers are cut
    knows_ranges: bool = True
    endless: str = ""  # a path that ends so never ends
    drip_s: float = 0.0  # between two bytes
    drip_head: bool = False  # the head drips too
    status: dict[str, int] = field(default_factory=dict)  # path's end -> status

    def file_requests(self) -> list[str]:
        """Return what was asked of targets."""
        return [line for line in self.asked if line.startswith("GET /targets/")]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    web: WebFolder

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        web = self.web
        wanted = self.headers.get("Range", "")
        web.asked.append(f"GET {self.path} {wanted}".strip())
        web.headers.append(dict(self.headers.items()))
        try:
            self._answer(web, wanted)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, web: WebFolder, wanted: str) -> None:
        for end, status in web.status.items():
            if self.path.endswith(end):
                self.send_error(status)
                return
        path = web.folder / urlsplit(self.path).path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        content = web.body(self.path, path.read_bytes())
        offset = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if not web.knows_ranges:
            offset = 0
        if offset and offset >= len(content):
            self.send_error(416)
            return
        if web.drip_head:
            self._drip(b"HTTP/1.0 200 OK\r\nX-Slow: " + b"x" * 4096 + b"\r\n\r\n", web.drip_s)
        self.send_response(206 if offset else 200)
        is_endless = bool(web.endless) and self.path.endswith(web.endless)
        if not is_endless:
            self.send_header("Content-Length", str(len(content) - offset))
        self.end_headers()
        self._send(web, content[offset:], is_endless=is_endless)

    def _send(self, web: WebFolder, content: bytes, *, is_endless: bool) -> None:
        if web.drip_s:
            self._drip(content, web.drip_s)
            return
        if web.cut_after is not None and web.cuts > 0 and len(content) > web.cut_after:
            web.cuts -= 1
            self.wfile.write(content[: web.cut_after])
            self.wfile.flush()
            return
        self.wfile.write(content)
        for _ in range(4_000 if is_endless else 0):  # 256 MB at most, in case nobody hangs up
            self.wfile.write(b"\0" * 65_536)

    def _drip(self, content: bytes, pause_s: float) -> None:
        for at in range(min(len(content), 2_000)):
            self.wfile.write(content[at : at + 1])
            self.wfile.flush()
            time.sleep(pause_s)


@contextmanager
def web_folder(folder: Path, *, tls: ssl.SSLContext | None = None) -> Iterator[WebFolder]:
    """Serve a folder while the block runs; also to who takes it for a proxy."""
    web = WebFolder(folder)
    handler = type("Handler", (_Handler,), {"web": web})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    web.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

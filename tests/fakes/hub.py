"""A hub from a script, over real HTTP on loopback: it keeps the line's promises, or breaks them.

Its protocol is `sync.wire`; the real hub passes the same tests in `tests/flow/test_agent.py`.
"""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from backports import zstd
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from appliance.codec import from_plain, to_plain
from sync.wire import (
    ANSWERS,
    BATCHES,
    BEAT,
    CHAT,
    ENROL,
    TOKEN,
    WAKE,
    Answers,
    Beat,
    BeatAnswer,
    Enrol,
    Enrolled,
    LateAnswer,
    TokenGrant,
    TokenRequest,
    Wish,
    proof_text,
    token_text,
)

# What may befall a request, instead of what it is answered with.
Fault = str  # "500" | "503" | "401" | "403" | "cut" | "garbage" | "endless" | "lost" | "stall"


@dataclass
class ScriptedHub:
    """What a test looks at and changes."""

    url: str = ""
    device: str = "dev1"
    store: str = "0417"
    codes: set[str] = field(default_factory=lambda: {"CODE"})
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    token_s: float = 900.0
    key: bytes = b""
    chains: list[str] = field(default_factory=list)  # shown, in order
    link: int = 0
    tokens: set[str] = field(default_factory=set)
    beats: list[Beat] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)  # told with the next beat
    woken: list[Wish] = field(default_factory=list)  # told on the next wake stream
    batches: dict[str, bytearray] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)  # sha256 -> kept | quarantined
    items: Counter[str] = field(default_factory=Counter)  # id -> batches it came in
    bodies: dict[str, Any] = field(default_factory=dict)
    refuses: Callable[[Any], bool] = lambda _body: False  # items that spoil their batch
    answers: list[LateAnswer] = field(default_factory=list)
    chat: list[str] = field(default_factory=lambda: ["Within 30 days [1]."])  # pieces
    chats: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    pause_s: float = 0.0  # before each piece of a chat
    faults: dict[str, deque[Fault]] = field(default_factory=dict)  # by path prefix, next first
    asked: Counter[str] = field(default_factory=Counter)  # method and path prefix
    lock: threading.Lock = field(default_factory=threading.Lock)

    def befall(self, prefix: str, *faults: Fault) -> None:
        """Let this befall the next requests to a path."""
        self.faults.setdefault(prefix, deque()).extend(faults)

    def fault_of(self, path: str) -> Fault:
        for prefix, waiting in self.faults.items():
            if path.startswith(prefix) and waiting:
                return waiting.popleft()
        return ""

    # ── what is answered ─────────────────────────────────────────────────────────────────────

    def enrol(self, body: bytes) -> tuple[int, Any]:
        asked = from_plain(json.loads(body), Enrol)
        key = b64decode(asked.public_key)
        if not _is_signed(proof_text(asked.code, asked.public_key), asked.proof, key):
            return 403, {"code": "bad_proof", "detail": "No proof."}
        if asked.code not in self.codes and key != self.key:
            return 403, {"code": "wrong_code", "detail": "This code enrols nothing."}
        self.codes.discard(asked.code)
        self.key = key
        return 200, Enrolled(self.device, self.store, "pilot", self.now(), '{"root": 1}')

    def token(self, body: bytes) -> tuple[int, Any]:
        asked = from_plain(json.loads(body), TokenRequest)
        text = token_text(asked.device, asked.nonce, asked.at, asked.chain)
        if not _is_signed(text, asked.signature, self.key):
            return 401, {"code": "unknown_device", "detail": "No such device."}
        if abs((asked.at - self.now()).total_seconds()) > 120:
            return 401, {"code": "clock_skew", "detail": "Off.", "now": self.now().isoformat()}
        self.chains.append(asked.chain)
        self.link += 1
        token = f"token-{self.link}"
        self.tokens = {token}
        expires_at = self.now() + timedelta(seconds=self.token_s)
        return 200, TokenGrant(token, expires_at, self.now(), f"chain-{self.link}")

    def beat(self, body: bytes) -> tuple[int, Any]:
        self.beats.append(msgspec.json.decode(body, type=Beat))
        wishes, self.wishes = tuple(self.wishes), []
        return 200, BeatAnswer(self.now(), 60.0, "pilot", wishes)

    def batch(self, name: str, query: dict[str, list[str]], piece: bytes | None) -> Any:
        have = self.batches.setdefault(name, bytearray())
        total = int(query["total"][0]) if "total" in query else len(have)
        if name in self.kept:
            return {"have": total, "total": total, "state": self.kept[name]}
        if piece is not None and int(query["offset"][0]) == len(have):
            have += piece
        if piece is None or len(have) < total:
            return {"have": len(have), "total": total, "state": "partial"}
        if sha256(have).hexdigest() != name:
            have.clear()
            return {"have": 0, "total": total, "state": "partial", "why": "changed"}
        return self._taken(name, bytes(have))

    def _taken(self, name: str, content: bytes) -> Any:
        _head, *lines = (json.loads(line) for line in zstd.decompress(content).splitlines())
        state = "quarantined" if any(self.refuses(i["body"]) for i in lines) else "kept"
        if state == "kept":
            for item in lines:
                self.items[item["id"]] += 1
                self.bodies[item["id"]] = item["body"]
        self.kept[name] = state
        return {"have": len(content), "total": len(content), "state": state, "why": "unreadable"}

    def late(self, after: int) -> Answers:
        found = tuple(a for a in self.answers if a.cursor > after)[:2]
        return Answers(found, found[-1].cursor if found else after)


def _is_signed(text: bytes, signature: str, key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(b64decode(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: ScriptedHub

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        with suppress(ConnectionError):
            self._answer()

    def _answer(self) -> None:
        hub, parts = self.hub, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        with hub.lock:
            hub.asked[f"{self.command} {parts.path}"] += 1
            hub.headers.append({k.lower(): v for k, v in self.headers.items()})
            fault = hub.fault_of(parts.path)
        if fault == "lost":  # what was asked is done, and its answer never comes
            with hub.lock:
                self._work(parts.path, parse_qs(parts.query), body)
            self.close_connection = True
            return
        if fault:
            self._befall(fault)
            return
        if parts.path == WAKE:
            self._wake()
            return
        with hub.lock:
            status, told = self._work(parts.path, parse_qs(parts.query), body)
        if parts.path == CHAT and status == 200:
            self._chat()
        else:
            self._send(status, told)

    def _work(  # noqa: PLR0911 - a table of paths
        self, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, Any]:
        hub = self.hub
        if path == ENROL:
            return hub.enrol(body)
        if path == TOKEN:
            return hub.token(body)
        if path == "/health":
            return 200, {"live": True}
        if self.headers.get("authorization", "").removeprefix("Bearer ") not in hub.tokens:
            return 401, {"code": "bad_token", "detail": "The token has expired."}
        if path == BEAT:
            return hub.beat(body)
        if path == ANSWERS:
            return 200, hub.late(int(query["after"][0]))
        if path == CHAT:
            hub.chats.append(json.loads(body))
            return 200, None
        if path.startswith(BATCHES):
            piece = body if self.command == "PUT" else None
            return 200, hub.batch(path.rsplit("/", 1)[1], query, piece)
        return 404, {"code": "not_found", "detail": "Nothing is here."}

    def _send(self, status: int, told: Any) -> None:
        content = json.dumps(to_plain(told)).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _befall(self, fault: Fault) -> None:
        if fault.isdigit():
            self._send(int(fault), {"code": "trouble", "detail": "Trouble at headquarters."})
            return
        self.close_connection = True
        if fault == "stall":
            time.sleep(2.0)
            return
        self.send_response(200)
        self.send_header("content-length", "10000" if fault == "cut" else "7")
        self.end_headers()
        self.wfile.write(b'{"half":' if fault == "cut" else b"<html/>")

    def _wake(self) -> None:
        self._stream()
        self.wfile.write(b": hello\n\n")
        with self.hub.lock:
            wishes, self.hub.woken = self.hub.woken, []
        for wish in wishes:
            self.wfile.write(b"event: wish\ndata: %b\n\n" % json.dumps(to_plain(wish)).encode())
        self.wfile.flush()
        time.sleep(0.2)

    def _chat(self) -> None:
        self._stream()
        for piece in self.hub.chat:
            if piece == "<cut>":
                return
            time.sleep(self.hub.pause_s)
            event = {"choices": [{"delta": {"content": piece}}]}
            self.wfile.write(b"data: %b\n\n" % json.dumps(event).encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")

    def _stream(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: who hangs up is part of a test."""


@contextmanager
def scripted_hub(**fields: Any) -> Iterator[ScriptedHub]:
    """Give a hub that listens while the block runs."""
    hub = ScriptedHub(**fields)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)

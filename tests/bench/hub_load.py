"""Stores at the protocol's level, many in one event loop: what they say costs them almost nothing.

Each has an identity of its own and a wake stream; beats, tokens and batches come over a new
connection each, as an agent's do a minute apart.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
from backports import zstd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert

from sync.hub import tables
from sync.hub.ledger import Ledger
from sync.hub.tokens import Signer
from sync.wire import (
    BATCHES,
    BEAT,
    TOKEN,
    WAKE,
    BatchHead,
    BatchItem,
    Beat,
    SwitchReport,
    SwitchState,
    TokenGrant,
    TokenRequest,
    token_text,
)

LONGEST_S = 30.0  # of one request
BATCH_EVERY_S = 15 * 60.0
TOKEN_EVERY_S = 15 * 60.0
ITEMS = 12  # of a batch: a busy store's quarter of an hour
TEXT = "Do we take back an opened pair of headphones without the receipt within thirty days? "


@dataclass
class LoadStore:
    """One store."""

    number: str
    device: str
    key: Ed25519PrivateKey
    token: str
    chain: str = ""
    sequence: int = 0
    batches: int = 0


@dataclass
class Load:
    """All of them, the hub they speak to, and how long it took to answer."""

    host: str
    port: int
    stores: list[LoadStore]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    woken: list[float] = field(default_factory=list)  # instants of the monotonic clock
    listening: int = 0

    async def listen(self, *, per_s: float = 200.0) -> list[asyncio.Task[None]]:
        """Open every store's wake stream, so many a second; return the tasks that hold them."""
        tasks = []
        for store in self.stores:
            tasks.append(asyncio.create_task(self._hold(store)))
            await asyncio.sleep(1 / per_s)
        until = time.monotonic() + LONGEST_S
        while self.listening < len(self.stores) and time.monotonic() < until:
            await asyncio.sleep(0.1)
        return tasks

    async def steady(self, *, seconds: float, beat_s: float = 60.0) -> None:
        """Beat, renew tokens and send batches at the rate of so many stores, spread evenly."""
        await asyncio.gather(
            self._at_rate(self.beat, len(self.stores) / beat_s, seconds),
            self._at_rate(self.renew, len(self.stores) / TOKEN_EVERY_S, seconds),
            self._at_rate(self.send, len(self.stores) / BATCH_EVERY_S, seconds),
        )

    async def _at_rate(
        self, work: Callable[[LoadStore], Awaitable[None]], per_s: float, seconds: float
    ) -> None:
        """Begin `work` at random instants, `per_s` of them a second, each for another store."""
        order = random.sample(self.stores, len(self.stores))
        running: set[asyncio.Task[None]] = set()
        begun, at = time.monotonic(), 0.0
        for number in range(int(per_s * seconds)):
            at += random.expovariate(per_s)
            await asyncio.sleep(max(0.0, begun + at - time.monotonic()))
            task = asyncio.ensure_future(work(order[number % len(order)]))
            running.add(task)  # type: ignore[arg-type]
            task.add_done_callback(running.discard)  # type: ignore[arg-type]
        await asyncio.gather(*running)

    async def beat(self, store: LoadStore) -> None:
        """Send a beat of usual size."""
        store.sequence += 1
        report = SwitchReport(SwitchState.SETTLED, "2026.11.22-demo", 12, previous="2026.11.1")
        told = Beat(
            boot="b0071e55",
            sequence=store.sequence,
            at=datetime.now(UTC),
            agent="0.1.0",
            ring="pilot",
            switch=report,
            uptime_s=86_400.0,
            asks=3,
            p50_ms=141.2,
            p95_ms=612.9,
            shares={"data_prep": 0.02, "routing": 0.05, "governance": 0.1, "model": 0.83},
            lanes={"card": 1, "specialist": 2},
            calibration={"answered": 3, "expected": 2.7, "down": 0},
            spool={"items": 2, "bytes": 3_411, "dropped": 0},
            journal={"sequence": store.sequence * 3, "hash": secrets.token_hex(32)},
            machine={"disk_free_mib": 51_200.0, "memory_free_mib": 3_900.0},
            line={"bytes_up": 12_000, "bytes_down": 88_000, "breaker": "closed"},
        )
        await self._timed("beat", store, "POST", BEAT, msgspec.json.encode(told))

    async def renew(self, store: LoadStore) -> None:
        """Ask for the next token."""
        nonce, at = secrets.token_hex(8), datetime.now(UTC)
        text = token_text(store.device, nonce, at, store.chain)
        signature = b64encode(store.key.sign(text)).decode()
        asked = TokenRequest(store.device, nonce, at, store.chain, signature)
        body = await self._timed("token", store, "POST", TOKEN, msgspec.json.encode(asked))
        if body:
            grant = msgspec.json.decode(body, type=TokenGrant)
            store.token, store.chain = grant.token, grant.chain

    async def send(self, store: LoadStore) -> None:
        """Send a quarter of an hour's batch: ask for its state, then send it."""
        store.batches += 1
        now = datetime.now(UTC)
        head = BatchHead(1, store.device, store.number, now, ITEMS)
        items = [
            BatchItem(
                f"{store.batches}-{n}",
                "edge_case",
                2,
                now,
                {"reply": secrets.token_hex(8), "masked": TEXT * 3, "passages": [TEXT * 8] * 3},
            )
            for n in range(ITEMS)
        ]
        packed = zstd.compress(b"\n".join(msgspec.json.encode(line) for line in (head, *items)))
        name = f"{BATCHES}/{sha256(packed).hexdigest()}"
        await self._timed("batch state", store, "GET", name)
        path = f"{name}?offset=0&total={len(packed)}"
        body = await self._timed("batch", store, "PUT", path, packed)
        if b'"kept"' not in body:
            self.failed["batch not kept"] += 1

    async def fetch(self, store: LoadStore, path: str) -> None:
        """Fetch a file of the repository."""
        await self._timed("metadata", store, "GET", path)

    async def _timed(
        self, what: str, store: LoadStore, method: str, path: str, body: bytes = b""
    ) -> bytes:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST_S):
                status, answer = await self._ask(store, method, path, body)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as exc:
            self.failed[f"{what}: {type(exc).__name__}"] += 1
            return b""
        self.seconds.setdefault(what, []).append(time.monotonic() - begun)
        if status != 200:
            self.failed[f"{what}: {status}"] += 1
            return b""
        return answer

    async def _ask(
        self, store: LoadStore, method: str, path: str, body: bytes
    ) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(self._head(store, method, path, len(body)) + body)
            head = await reader.readuntil(b"\r\n\r\n")
            return int(head[9:12]), await reader.read()
        finally:
            writer.close()

    def _head(self, store: LoadStore, method: str, path: str, length: int) -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n"
            f"authorization: Bearer {store.token}\r\ncontent-type: application/json\r\n"
            f"content-length: {length}\r\n\r\n"
        ).encode()

    async def _hold(self, store: LoadStore) -> None:
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            writer.write(self._head(store, "GET", WAKE, 0))
            async for line in reader:
                if line.startswith(b": hello"):
                    self.listening += 1
                elif line.startswith(b"data: "):
                    self.woken.append(time.monotonic())
        except OSError as exc:
            self.failed[f"wake: {type(exc).__name__}"] += 1


def enrolled(ledger: Ledger, signer: Signer, count: int) -> list[LoadStore]:
    """Put stores into the ledger as if each had enrolled and got its first token."""
    now = datetime.now(UTC)
    found = []
    for number in range(1, count + 1):
        device = secrets.token_hex(12)
        token = signer.token(device, expires_at=now + timedelta(minutes=15))
        found.append(LoadStore(f"{number:04}", device, Ed25519PrivateKey.generate(), token))
    stores = [{"number": s.number, "ring": "pilot", "made_at": now} for s in found]
    devices = [
        {
            "id": s.device,
            "store": s.number,
            "public_key": s.key.public_key().public_bytes_raw(),
            "state": "active",
            "machine": "{}",
            "enrolled_at": now,
        }
        for s in found
    ]
    ledger.write(lambda c: c.execute(insert(tables.stores), stores))
    ledger.write(lambda c: c.execute(insert(tables.devices), devices))
    return found

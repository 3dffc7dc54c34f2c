"""The store's end of the line, as thin as it can be: what an agent says, without an agent."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import httpx
import msgspec
from backports import zstd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.ports import Clock
from sync.wire import (
    ANSWERS,
    BATCHES,
    BEAT,
    ENROL,
    TOKEN,
    Answers,
    BatchHead,
    BatchItem,
    BatchState,
    Beat,
    BeatAnswer,
    Enrol,
    Enrolled,
    SwitchReport,
    SwitchState,
    TokenGrant,
    TokenRequest,
    proof_text,
    token_text,
)

JSON = {"content-type": "application/json"}


@dataclass
class StoreEnd:
    """One machine and its key."""

    client: httpx.Client
    clock: Clock
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    enrolled: Enrolled | None = None
    chain: str = ""
    token: str = ""
    boot: str = field(default_factory=lambda: secrets.token_hex(4))
    sequence: int = 0

    @property
    def public_key(self) -> str:
        return b64encode(self.key.public_key().public_bytes_raw()).decode()

    @property
    def device(self) -> str:
        assert self.enrolled is not None
        return self.enrolled.device

    @property
    def headers(self) -> dict[str, str]:
        return {**JSON, "authorization": f"Bearer {self.token}"}

    def sign(self, text: bytes) -> str:
        return b64encode(self.key.sign(text)).decode()

    def post(self, path: str, record: object, *, headers: Mapping[str, str]) -> httpx.Response:
        return self.client.post(path, content=msgspec.json.encode(record), headers=dict(headers))

    def enrol(self, code: str, *, headers: Mapping[str, str] = JSON) -> httpx.Response:
        proof = self.sign(proof_text(code, self.public_key))
        asked = Enrol(code, self.public_key, proof, {"cores": 4})
        answer = self.post(ENROL, asked, headers={**JSON, **headers})
        if answer.status_code == 200:
            self.enrolled = msgspec.json.decode(answer.content, type=Enrolled)
            self.chain = ""
        return answer

    def ask_token(
        self, *, nonce: str = "", at: datetime | None = None, chain: str | None = None
    ) -> httpx.Response:
        """Ask for a token; keep nothing of the answer."""
        nonce, at = nonce or secrets.token_hex(8), at or self.clock.now()
        shown = self.chain if chain is None else chain
        signature = self.sign(token_text(self.device, nonce, at, shown))
        return self.post(
            TOKEN, TokenRequest(self.device, nonce, at, shown, signature), headers=JSON
        )

    def renew(self) -> TokenGrant:
        """Ask for a token and keep it and its chain."""
        answer = self.ask_token()
        assert answer.status_code == 200, answer.text
        grant = msgspec.json.decode(answer.content, type=TokenGrant)
        self.token, self.chain = grant.token, grant.chain
        return grant

    def enter(self, code: str) -> StoreEnd:
        """Enrol and get a first token."""
        answer = self.enrol(code)
        assert answer.status_code == 200, answer.text
        self.renew()
        return self

    def beat(self, **more: Any) -> httpx.Response:
        self.sequence = more.pop("sequence", self.sequence + 1)
        return self.post(BEAT, self.beat_record(**more), headers=self.headers)

    def beat_record(self, **more: Any) -> Beat:
        ring = self.enrolled.ring if self.enrolled else "pilot"
        switch = more.pop("switch", SwitchReport(SwitchState.SETTLED, "v1", 1))
        at = more.pop("at", self.clock.now())
        boot = more.pop("boot", self.boot)
        return Beat(boot, self.sequence, at, "0.1.0", ring, switch, **more)

    def beaten(self, **more: Any) -> BeatAnswer:
        answer = self.beat(**more)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=BeatAnswer)

    def batch(self, owed: Sequence[BatchItem], **head: Any) -> bytes:
        """Seal a batch."""
        assert self.enrolled is not None
        stated = {"device": self.device, "store": self.enrolled.store, "items": len(owed), **head}
        first = BatchHead(format=1, made_at=self.clock.now(), **stated)
        lines = [msgspec.json.encode(line) for line in (first, *owed)]
        return zstd.compress(b"\n".join(lines) + b"\n")

    def put(
        self, batch: bytes, *, offset: int = 0, until: int | None = None, name: str = ""
    ) -> httpx.Response:
        """Send a piece of a batch, all of it unless told."""
        params = {"offset": str(offset), "total": str(len(batch))}
        piece = batch[offset : len(batch) if until is None else until]
        url = f"{BATCHES}/{name or digest(batch)}"
        return self.client.put(url, params=params, content=piece, headers=self.headers)

    def sent(self, batch: bytes, **piece: Any) -> BatchState:
        answer = self.put(batch, **piece)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=BatchState)

    def state(self, batch: bytes) -> BatchState:
        answer = self.client.get(f"{BATCHES}/{digest(batch)}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=BatchState)

    def answers(self, after: int = 0) -> Answers:
        answer = self.client.get(ANSWERS, params={"after": after}, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=Answers)


def digest(batch: bytes) -> str:
    return sha256(batch).hexdigest()


def item(number: int, clock: Clock, *, kind: str = "edge_case", reply: str = "") -> BatchItem:
    """Return something a store owes."""
    body = {"reply": reply or f"reply-{number}", "masked": f"do we match ⟦p{number}⟧?"}
    return BatchItem(f"item-{number}", kind, 5, clock.now(), body)

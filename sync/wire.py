"""What crosses the line between a store's agent and the hub: paths, records, limits.

Both ends import this module and nothing of each other. Records travel as JSON (`appliance.codec`);
instants are aware, UTC, ISO 8601. A field an older program does not know is passed over; a field
it needs and does not find is an error that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

# Paths on the hub. All but ENROL, TOKEN and HEALTH want `Authorization: Bearer TOKEN`.
ENROL = "/v1/enrol"  # POST Enrol -> Enrolled
TOKEN = "/v1/token"  # noqa: S105 - a path; POST TokenRequest -> TokenGrant
BEAT = "/v1/beat"  # POST Beat -> BeatAnswer
WAKE = "/v1/wake"  # GET, text/event-stream: event `wish`, data Wish; a comment every 20 s
BATCHES = "/v1/batches"  # GET /{sha256} -> BatchState; PUT /{sha256}?offset=&total= -> BatchState
ANSWERS = "/v1/answers"  # GET ?after=CURSOR -> Answers
CHAT = "/v1/chat/completions"  # OpenAI's shapes, streaming or not
REPOSITORY = "/tuf"  # GET /tuf/metadata/…, /tuf/targets/…, Range honoured
HEALTH = "/health"

DEADLINE_HEADER = "x-backroom-deadline-ms"  # of a chat request: after it nobody listens

BATCH_BYTES = 8 * 2**20  # most bytes of one sealed batch
BATCH_AGE_S = 15 * 60  # a batch is sealed when its oldest item is this old
BATCH_UNPACKED_BYTES = 96 * 2**20  # most that a batch unpacks to; more is taken for a bomb
BATCH_LINE_BYTES = 2**20  # of one item
BATCH_ITEMS = 100_000
PIECE_BYTES = 512 * 2**10  # of a batch sent in one PUT
BEAT_S = 60.0  # between beats, unless the hub says otherwise
TOKEN_S = 15 * 60  # a token's life
SKEW_S = 120.0  # a signed instant this far off the hub's is answered with `clock_skew`


@dataclass(frozen=True, slots=True)
class Enrol:
    """A machine asks to be a store. The key was made on it; only its public half is here."""

    code: str  # one-time, from `backroom hub code`
    public_key: str  # base64 of the 32 raw bytes of an Ed25519 key
    proof: str  # base64; the key's signature over `proof_text`
    machine: Mapping[str, Any] = field(default_factory=dict)  # cores, memory, agent's version


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the machine is from now on."""

    device: str
    store: str
    ring: str
    now: datetime  # the hub's time
    root: str  # JSON text of the repository's first trusted root


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A device proves that it holds its key, for a token that lives some minutes."""

    device: str
    nonce: str  # never used twice
    at: datetime  # the device's clock, corrected by what the hub last said
    chain: str  # of the last grant; '' the first time. Two machines with one identity part here
    signature: str  # base64, over `token_text`


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A token and the hub's time."""

    token: str
    expires_at: datetime
    now: datetime
    chain: str  # to be kept durably before the token is used, and shown at the next request


class SwitchState(StrEnum):
    """Where a store stands between two releases; each is durable before the next begins."""

    SETTLED = "settled"  # the live release is the ring's, or none was ever offered
    OFFERED = "offered"
    FITS = "fits"
    DOWNLOADING = "downloading"
    VERIFIED = "verified"
    REHEARSED = "rehearsed"
    LIVE = "live"  # just switched; running asks end on the one before
    PROBATION = "probation"
    BACK = "back"  # the one before is live again; `why` says for what reason
    REFUSED = "refused"  # never went live; `why` says for what reason


@dataclass(frozen=True, slots=True)
class SwitchReport:
    """A store's word on its releases."""

    state: SwitchState
    live: str  # release id
    counter: int  # of the live release
    previous: str = ""
    candidate: str = ""  # being fetched, on probation, or last refused or gone back from
    since: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Beat:
    """How a store is; sent every minute, and at once after a switch."""

    boot: str  # random, of this agent's process
    sequence: int  # of this boot, from 1
    at: datetime
    agent: str  # version
    ring: str
    switch: SwitchReport
    level: str = "normal"  # of pressure: normal | strained | critical …, as the store's /health
    ready: bool = True
    faults: tuple[str, ...] = ()
    uptime_s: float = 0.0
    asks: int = 0  # since the last beat that was answered
    errors: int = 0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    shares: Mapping[str, float] = field(default_factory=dict)  # data_prep … audit, model; sum 1
    lanes: Mapping[str, int] = field(default_factory=dict)  # answers by lane
    calibration: Mapping[str, float] = field(default_factory=dict)  # answered, expected, down
    spool: Mapping[str, int] = field(default_factory=dict)  # items, bytes, dropped
    journal: Mapping[str, Any] = field(default_factory=dict)  # sequence, hash of the head
    machine: Mapping[str, float] = field(default_factory=dict)  # disk_free_mib, memory_free_mib
    line: Mapping[str, Any] = field(default_factory=dict)  # bytes_up, bytes_down, breaker


class WishKind(StrEnum):
    """What the hub would like of a store."""

    LOOK = "look"  # at its ring's pointer, now
    PAUSE = "pause"  # take nothing new of this ring; unsigned, for it can only stop
    ANSWERS = "answers"  # late answers wait
    SEND = "send"  # what is in the spool, now


@dataclass(frozen=True, slots=True)
class Wish:
    """One of them."""

    kind: WishKind
    ring: str = ""
    release: str = ""


@dataclass(frozen=True, slots=True)
class BeatAnswer:
    """The hub's answer to a beat."""

    now: datetime
    interval_s: float = BEAT_S
    ring: str = ""  # of the store; it may have been moved
    wishes: tuple[Wish, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchState:
    """How much of a batch the hub holds; `kept` only after fsync and commit."""

    have: int  # bytes
    total: int
    state: str  # partial | kept | quarantined
    why: str = ""


@dataclass(frozen=True, slots=True)
class BatchHead:
    """First line of a batch; each further line is one item, `BatchItem`. All of it zstd."""

    format: int
    device: str
    store: str
    made_at: datetime
    items: int


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One thing a store owes headquarters."""

    id: str  # unique for the device, for ever: an item that comes twice is kept once
    kind: str  # edge_case | deferred_ask
    priority: int
    put_at: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """The answer to an ask that was handed over while the line was down or nobody knew."""

    cursor: int
    reply: str  # id of the reply that handed it over
    text: str
    by: str  # generalist | expert
    at: datetime
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """Late answers, oldest first, and where to go on from."""

    items: tuple[LateAnswer, ...]
    cursor: int


def proof_text(code: str, public_key: str) -> bytes:
    """Return what an enrolling machine signs."""
    return f"backroom enrol\n{code}\n{public_key}".encode()


def token_text(device: str, nonce: str, at: datetime, chain: str) -> bytes:
    """Return what a device signs for a token."""
    return f"backroom token\n{device}\n{nonce}\n{at.isoformat()}\n{chain}".encode()

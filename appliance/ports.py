"""Roles the stages and lanes depend on; adapters live in `engines`, `store` and `policy`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.records import Entry, Fact, Fired, Passage, Role, Turn

Vector = NDArray[np.float32]  # (dim,), unit length
Vectors = NDArray[np.float32]  # (n, dim), rows of unit length


class Clock(Protocol):
    """Time, passed in so that tests and replays can set it."""

    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...


class Embedder(Protocol):
    """Text to unit vectors."""

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def digest(self) -> str:
        """What identifies the model, so that vectors of another one are noticed."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row per text, shape (len(texts), dim)."""
        ...


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be found; applied before the search, never after it."""

    audiences: tuple[str, ...] = ("associate",)
    language: str | None = None  # None: any
    department: str | None = None
    on: date | None = None  # in force on this day; None: any
    kinds: tuple[str, ...] = ()  # empty: all


@dataclass(frozen=True, slots=True)
class IndexedSentence:
    """A sentence of a passage with its vector; offsets into the passage's text."""

    passage: str
    start: int
    end: int
    vector: Vector  # (dim,), unit; of "title path: sentence"


class Index(Protocol):
    """The release's immutable passages."""

    def search(
        self, text: str, *, k: int, filters: Filters, vector: Vector | None = None
    ) -> list[Passage]:
        """Return up to k passages, best first; `score` is the ranker's probability in [0, 1]."""
        ...

    def passage(self, passage_id: str) -> Passage | None:
        """Return one passage, or None."""
        ...

    def sentences(self, passage_ids: Sequence[str]) -> list[IndexedSentence]:
        """Return the sentences of the passages, in the order given and in reading order."""
        ...

    def idf(self, word: str) -> float:
        """Return how rare a lower-case word is, ln((n + 1) / (df + 0.5)); highest when unknown."""
        ...

    def product(self, key: str) -> Mapping[str, str] | None:
        """Return a product's columns by SKU or EAN, or None."""
        ...

    def find_products(self, text: str, *, k: int) -> list[tuple[str, float]]:
        """Return up to k (sku, score in [0, 1]) whose identifier or name `text` names."""
        ...


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """A sentence that answers a question much like this one; offsets into the passage's text."""

    passage: str
    start: int
    end: int
    cosine: float


class Known(Protocol):
    """Questions headquarters has labelled with their answering sentence."""

    def nearest(self, vector: Vector, *, k: int) -> list[KnownAnswer]:
        """Return the k best sentences, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Decision:
    """The policy engine's word on one request."""

    allowed: bool
    fired: tuple[Fired, ...]  # determining policies; forbids first

    @property
    def rule(self) -> str:
        """Id of the rule that refused, or ''."""
        return next((f.rule for f in self.fired if f.effect == "forbid"), "")

    @property
    def message(self) -> str:
        """The refusal in words for an associate, or ''."""
        return next((f.message for f in self.fired if f.effect == "forbid"), "")


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """May `principal` do `action` on `resource`, in `context`?"""

    action: str  # "read_document", "read_fact", "promise_discount" …
    role: str
    resource_type: str = "Store"
    resource_id: str = "self"
    resource: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    associate: str = "anyone"
    store: str = "0001"


class Policy(Protocol):
    """The chain's rules."""

    def decide(self, request: PolicyRequest, *, at: datetime) -> Decision:
        """Return the decision under the rules in force at `at`."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """What the live databases said: facts, or why not."""

    facts: tuple[Fact, ...]
    missing: tuple[str, ...] = ()  # "stock: not known since 14:02"


class Facts(Protocol):
    """Live facts from the store's own databases."""

    def families(self) -> tuple[str, ...]:
        """Return the families of facts that can be read."""
        ...

    def families_for(self, kind: str) -> tuple[str, ...]:
        """Return the families that answer a kind of question, first to say first."""
        ...

    def read(
        self, families: Sequence[str], *, subject: str, at: datetime, role: Role = Role.ASSOCIATE
    ) -> Reading:
        """Read the families for one subject (SKU, order number, badge); never raises."""
        ...


class Journal(Protocol):
    """The hash-chained record of everything said."""

    def append(self, kind: str, body: Mapping[str, Any]) -> Entry:
        """Write one row durably and return it.

        Raises:
            StoreError: The row could not be written.
        """
        ...

    def reply(self, reply_id: str) -> Mapping[str, Any] | None:
        """Return the body of a reply's row, or None."""
        ...

    def verify(self) -> int:
        """Return the number of rows checked.

        Raises:
            JournalBroken: A row was altered, removed or reordered.
        """
        ...


class Threads(Protocol):
    """Conversations."""

    def turns(self, thread: str, *, limit: int = 6) -> tuple[Turn, ...]:
        """Return the latest turns, oldest first; empty for an unknown thread."""
        ...

    def add(self, thread: str, turn: Turn, *, reply_id: str, at: datetime) -> None:
        """Append a turn durably."""
        ...


class Spool(Protocol):
    """What the store owes headquarters, bounded in bytes."""

    def put(self, kind: str, body: Mapping[str, Any], *, priority: int) -> bool:
        """Keep one item; return False when it was dropped because the spool is full."""
        ...

    def count(self) -> int:
        """Return the number of items kept."""
        ...


class Generalist(Protocol):
    """The cloud model on the line."""

    @property
    def is_configured(self) -> bool:
        """Whether a line exists at all."""
        ...

    def complete(self, messages: Sequence[Mapping[str, str]], *, deadline_s: float) -> str:
        """Return the answer's text.

        Raises:
            LineDown: No line, or no answer within the deadline.
        """
        ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids; the first `prefix_length` of them are a pinned prefix shared by all asks."""

    tokens: tuple[int, ...]
    prefix_length: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token."""

    id: int
    logprob: float  # natural logarithm
    margin: float  # logprob of this token minus that of the runner-up


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a generation's time went."""

    queued_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    prompt_tokens: int = 0
    reused_tokens: int = 0


class Generation(Protocol):
    """A running answer: iterate for tokens as they come."""

    def __iter__(self) -> Iterator[Token]: ...

    def cancel(self) -> None:
        """Ask the engine to stop; idempotent, returns at once."""
        ...

    @property
    def finish(self) -> str:
        """Stop | length | deadline | cancelled; '' while running."""
        ...

    @property
    def timings(self) -> Timings:
        """Times so far."""
        ...


class LanguageModel(Protocol):
    """A local model behind a scheduler."""

    @property
    def name(self) -> str:
        """Name and digest, for receipts."""
        ...

    @property
    def context_tokens(self) -> int:
        """Most tokens one ask may hold, prompt and answer."""
        ...

    def submit(
        self, prompt: Prompt, *, max_tokens: int, deadline_s: float, stop: frozenset[int]
    ) -> Generation:
        """Queue a generation.

        Raises:
            EngineBusy: The queue is full.
            EngineError: The prompt can never fit.
        """
        ...

    def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        """Return token ids; with `special=False` text can never become a control token."""
        ...

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, control tokens included by their names."""
        ...

    def token_id(self, name: str) -> int:
        """Return the id of a control token.

        Raises:
            EngineError: The model has no such token.
        """
        ...

    def close(self) -> None:
        """Stop the scheduler and free the model; idempotent."""
        ...

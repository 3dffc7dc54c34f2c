"""Ports of the pipeline, held by plain Python: each keeps its port's whole promise."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from appliance.errors import LineDown, LineResting, StoreError
from appliance.lanes.api import nothing
from appliance.ports import (
    Asked,
    Decision,
    Filters,
    IndexedSentence,
    Journal,
    KnownAnswer,
    PolicyRequest,
    Reading,
    Vector,
    Vectors,
)
from appliance.records import (
    Draft,
    Entry,
    Fact,
    Fired,
    LaneName,
    Passage,
    Role,
    Sentence,
    Stitched,
    Turn,
)
from appliance.stages.text import sentence_spans, words

DISCOUNT = Fired("discount-over-20", "forbid", "Over 20 % is for Gold customers.", "margin")


@dataclass(frozen=True)
class HashEmbedder:
    """`ports.Embedder`: hashed words; texts that share words lie near each other."""

    dim: int = 64
    digest: str = "hashed words"

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._row(t) for t in texts]) if texts else np.zeros((0, self.dim), "f4")

    def _row(self, text: str) -> Vector:
        row = np.full(self.dim, 1e-3, dtype=np.float32)  # no words at all still has unit length
        for word in words(text):
            row[zlib.crc32(word.encode("utf-8", "replace")) % self.dim] += 1.0
        return row / np.linalg.norm(row)


class WordIndex:
    """`ports.Index`: passages by shared words, filtered before the search."""

    def __init__(
        self, passages: Iterable[Passage] = (), products: Mapping[str, str] | None = None
    ) -> None:
        self.passages = {p.id: p for p in passages}
        self.products = dict(products or {})  # sku -> name
        self.embedder = HashEmbedder()
        self.searched: list[tuple[str, Filters]] = []

    def search(
        self, text: str, *, k: int, filters: Filters, vector: Vector | None = None
    ) -> list[Passage]:
        self.searched.append((text, filters))
        asked = set(words(text))
        scored = []
        for passage in self.passages.values():
            shared = len(asked & set(words(f"{passage.title} {passage.text}")))
            if shared and _passes(passage, filters):
                scored.append((shared / max(1, len(asked)), passage))
        scored.sort(key=lambda row: (-row[0], row[1].id))
        return [passage for _, passage in scored[:k]]

    def passage(self, passage_id: str) -> Passage | None:
        return self.passages.get(passage_id)

    def sentences(self, passage_ids: Sequence[str]) -> list[IndexedSentence]:
        found = []
        for passage in (self.passages[i] for i in passage_ids):
            for start, end in sentence_spans(passage.text):
                vector = self.embedder.embed([f"{passage.title}: {passage.text[start:end]}"])[0]
                found.append(IndexedSentence(passage.id, start, end, vector))
        return found

    def idf(self, word: str) -> float:
        df = sum(word in words(p.text) for p in self.passages.values())
        return math.log((len(self.passages) + 1) / (df + 0.5))

    def product(self, key: str) -> Mapping[str, str] | None:
        return {"sku": key, "name": self.products[key]} if key in self.products else None

    def find_products(self, text: str, *, k: int) -> list[tuple[str, float]]:
        asked = set(words(text))
        scored = [
            (sku, len(asked & set(words(name))) / len(words(name)))
            for sku, name in self.products.items()
        ]
        found = [row for row in scored if row[1] > 0]
        return sorted(found, key=lambda row: (-row[1], row[0]))[:k]


def _passes(passage: Passage, filters: Filters) -> bool:
    on = filters.on
    in_force = on is None or (
        (passage.effective_from is None or passage.effective_from <= on)
        and (passage.effective_to is None or on <= passage.effective_to)
    )
    return (
        in_force
        and passage.audience in filters.audiences
        and filters.language in {None, passage.language}
        and filters.department in {None, passage.department}
        and (not filters.kinds or passage.kind in filters.kinds)
    )


@dataclass
class MemoryKnown:
    """`ports.Known` that finds the same answers for every question."""

    answers: Sequence[KnownAnswer] = ()

    def nearest(self, vector: Vector, *, k: int) -> list[KnownAnswer]:
        return sorted(self.answers, key=lambda a: -a.cosine)[:k]

    def asked(self, vector: Vector, sentences: Sequence[IndexedSentence]) -> list[Asked]:
        return [Asked() for _ in sentences]


@dataclass
class MemoryFacts:
    """`ports.Facts` over a dict that a test may change between two asks."""

    by_subject: dict[str, list[Fact]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)  # family -> words
    kinds: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {"price": ("price",), "stock": ("stock",)}
    )
    asked: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)

    def families(self) -> tuple[str, ...]:
        return ("price", "stock")

    def families_for(self, kind: str) -> tuple[str, ...]:
        return self.kinds.get(kind, ())

    def read(
        self,
        families: Sequence[str],
        *,
        subject: str,
        at: datetime,
        role: Role = Role.ASSOCIATE,
        language: str = "en",
    ) -> Reading:
        self.asked.append((tuple(families), subject))
        self.languages.append(language)
        known = self.by_subject.get(subject, [])
        facts = tuple(f for name in families for f in known if f.family == name)
        missing = tuple(self.missing[name] for name in families if name in self.missing)
        return Reading(facts, missing)


@dataclass
class RolePolicy:
    """`ports.Policy`: documents up to one's role, families but `closed`, no discount over 20."""

    closed: frozenset[str] = frozenset()
    refuses_unnamed: frozenset[str] = frozenset()  # actions refused by no rule in particular
    requests: list[PolicyRequest] = field(default_factory=list)

    def decide(self, request: PolicyRequest, *, at: datetime) -> Decision:
        self.requests.append(request)
        if request.action in self.refuses_unnamed:
            return Decision(allowed=False, fired=())
        if request.action == "read_document":
            return _ruled(request.resource["audience"] in Role(request.role).audiences, "audience")
        if request.action == "read_fact":
            return _ruled(request.resource["family"] not in self.closed, "families")
        if request.action == "promise_discount" and request.context.get("percent", 0) > 20:
            return Decision(allowed=False, fired=(DISCOUNT,))
        return _ruled(True, "open")


def _ruled(allowed: bool, rule: str) -> Decision:
    return Decision(allowed, (Fired(rule, "permit" if allowed else "forbid"),))


@dataclass
class MemoryThreads:
    """`ports.Threads` in a dict."""

    kept: dict[str, list[Turn]] = field(default_factory=dict)

    def turns(self, thread: str, *, limit: int = 6) -> tuple[Turn, ...]:
        return tuple(self.kept.get(thread, [])[-limit:])

    def add(self, thread: str, turn: Turn, *, reply_id: str, at: datetime) -> None:
        self.kept.setdefault(thread, []).append(turn)


@dataclass
class WatchedJournal:
    """`ports.Journal` before another: notes each row once it stands, and fails when told."""

    behind: Journal
    events: list[str] = field(default_factory=list)
    fails_on: str = ""  # kind of row that this disk does not take

    def append(self, kind: str, body: Mapping[str, Any]) -> Entry:
        if kind == self.fails_on:
            raise StoreError("store.db: the disk is full.", hint="Free some space: df -h")
        entry = self.behind.append(kind, body)
        self.events.append(f"row {kind}")
        return entry

    def reply(self, reply_id: str) -> Mapping[str, Any] | None:
        return self.behind.reply(reply_id)

    def verify(self) -> int:
        return self.behind.verify()


@dataclass
class FakeLine:
    """`ports.Generalist` that says what it was told to, word by word, or is down."""

    answer: str = ""
    is_configured: bool = True
    breaks_after: int | None = None  # pieces, then the line breaks off
    rests: str = ""  # why it is not to be tried
    heard: list[Sequence[Mapping[str, str]]] = field(default_factory=list)
    hung_up: int = 0  # answers nobody listened to until the end

    def resting(self) -> str:
        return self.rests

    def stream(self, messages: Sequence[Mapping[str, str]], *, deadline_s: float) -> Generator[str]:
        if self.rests:
            raise LineResting(self.rests)
        if not self.is_configured:
            raise LineDown("No line to a generalist is configured.")
        self.heard.append(messages)
        return self._pieces()

    def _pieces(self) -> Generator[str]:
        try:
            for n, piece in enumerate(re.findall(r"\s*\S+|\s+$", self.answer)):
                if n == self.breaks_after:
                    raise LineDown("The line broke off.")
                yield piece
        except GeneratorExit:
            self.hung_up += 1
            raise


@dataclass
class ScriptedLane:
    """`ports.Lane` that does what the test says."""

    name: LaneName
    script: Callable[[Stitched], Draft] | None = None  # None: nothing to say
    is_model: bool = False
    remaining_s: list[float] = field(default_factory=list)  # as given at each call

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:
        self.remaining_s.append(remaining_s)
        return self.script(stitched) if self.script else nothing(self.name, "nothing scripted")


def saying(lane: LaneName, *sentences: Sentence, p: float = 0.9) -> Callable[[Stitched], Draft]:
    """Return a script that says these sentences."""
    return lambda _: Draft(lane, sentences, p=p, model="scripted")


class TickingClock:
    """`ports.Clock` on which every look takes a millisecond."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.looks = 0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        self.looks += 1
        return self.looks / 1000

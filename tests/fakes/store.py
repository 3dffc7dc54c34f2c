"""A whole store from a script: real records, a journal in memory, no model and no database."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from threading import Event, Lock
from typing import Any

from appliance.config import Settings
from appliance.errors import BadInput, NoSuchThread, StoreError
from appliance.pipeline import Listener
from appliance.ports import Filters, IndexedSentence, Vector
from appliance.records import (
    LOCAL,
    Ask,
    Attempt,
    Check,
    Entry,
    Evidence,
    Exchange,
    Fact,
    Feedback,
    Fired,
    Grant,
    LaneName,
    LaneOdds,
    LateAnswer,
    Outcome,
    Passage,
    Principal,
    ProductCard,
    Query,
    Reply,
    Role,
    Routed,
    Sentence,
    Source,
    Stitched,
    Thumb,
)
from appliance.release import Manifest, Release
from appliance.store.associates import SqliteAssociates
from appliance.store.devices import SqliteDevices
from appliance.store.sessions import SqliteSessions
from tests.builders.people import People
from tests.fakes.clock import FakeClock
from tests.fakes.monitoring import some_monitoring

GATE_S = 10.0
NOW = datetime(2026, 11, 22, 19, 2, tzinfo=UTC)

# The 🎧 before the cited words is one code point and two UTF-16 units.
HEADPHONES = Passage(
    id="returns-headphones#2",
    document="returns-headphones",
    title="Returning headphones 🎧 › Opened",
    text=(
        "🎧 Headphones and earbuds touch the skin.\n"
        "Once opened, they come back only if they are faulty. "
        "A faulty pair is exchanged within 30 days with the receipt.\n"
        "The hygiene seal counts as the opening, not the box."
    ),
    kind="handbook",
    department="electronics",
    audience="associate",
    language="en",
    effective_from=date(2026, 2, 1),
    score=0.93,
)
SAFE = replace(
    HEADPHONES, id="safe#1", document="safe", title="The safe › Codes", text="…", audience="manager"
)
HEADPHONES_SAID = (
    "Once opened, they come back only if they are faulty.",
    "A faulty pair is exchanged within 30 days with the receipt.",
)
PRICE = Fact(
    id="price:LM-104233",
    family="price",
    subject="LM-104233",
    text="The Fernway kettle (LM-104233) is $24.99 today.",
    values=(),
    as_of=NOW,
    columns=(("cost", "11.20"),),
)
KETTLE = {
    "sku": "LM-104233",
    "ean": "4006381333931",
    "name": "Fernway kettle",
    "brand": "Fernway",
    "department": "kitchen",
}
CARD = "We open at 8:00."
DISCOUNT = "A discount over 20 % is for Gold customers, and a manager gives it."


@dataclass
class MemoryJournal:
    """`ports.Journal` in a list."""

    entries: list[Entry] = field(default_factory=list)
    bodies: list[Mapping[str, Any]] = field(default_factory=list)
    is_full: bool = False
    full_after: int = 1_000_000  # rows this disk takes
    lock: Lock = field(default_factory=Lock)

    def append(self, kind: str, body: Mapping[str, Any]) -> Entry:
        with self.lock:
            if self.is_full or len(self.entries) >= self.full_after:
                raise StoreError("The journal could not be written: disk full.", hint="Free space.")
            previous = self.entries[-1].hash if self.entries else "0" * 64
            digest = hashlib.sha256(f"{previous}{body}".encode()).hexdigest()
            entry = Entry(len(self.entries) + 1, NOW, kind, str(body), previous, digest)
            self.entries.append(entry)
            self.bodies.append(body)
            return entry

    def reply(self, reply_id: str) -> Mapping[str, Any] | None:
        rows = zip(self.entries, self.bodies, strict=True)
        return next((b for e, b in rows if e.kind == "reply" and b["id"] == reply_id), None)

    def verify(self) -> int:
        return len(self.entries)


@dataclass
class MemoryIndex:
    """`ports.Index` over a few passages; found by id only."""

    passages: dict[str, Passage] = field(
        default_factory=lambda: {p.id: p for p in (HEADPHONES, SAFE)}
    )

    def search(
        self, text: str, *, k: int, filters: Filters, vector: Vector | None = None
    ) -> list[Passage]:
        return []

    def passage(self, passage_id: str) -> Passage | None:
        return self.passages.get(passage_id)

    def sentences(self, passage_ids: Sequence[str]) -> list[IndexedSentence]:
        return []

    def idf(self, word: str) -> float:
        return 1.0

    def product(self, key: str) -> Mapping[str, str] | None:
        return None

    def find_products(self, text: str, *, k: int) -> list[tuple[str, float]]:
        return []


class FakeStore:
    """`web.store.StoreLike`: headphones are answered, discounts refused, prices looked up."""

    def __init__(self, *, settings: Settings | None = None, pause_s: float = 0.0) -> None:
        self.settings = settings or Settings(home=Path("/nowhere"))
        self.index = MemoryIndex()
        self.journal = MemoryJournal()
        self.pause_s = pause_s
        self.asked: list[Ask] = []
        self.is_ready = True
        self.gate = Event()  # asks wait until it is open
        self.gate.set()
        self.fails_with: Exception | None = None
        self.clock = FakeClock(NOW)  # of the people's tables
        self.owners: dict[str, tuple[str, str]] = {}
        self._ids = itertools.count(1)
        self.release = Release(self.settings.home, Manifest("demo-7", 7, NOW, "0", 0, {}, {}))
        self.rated: list[tuple[Feedback, Principal]] = []
        self.answered: dict[str, tuple[Ask, Reply]] = {}
        self.late: list[tuple[tuple[str, str], LateAnswer]] = []  # whose, and what
        self.keeps_asks = False  # what is handed over comes back later
        self.monitoring = some_monitoring(self.clock, settings=self.settings)

    @cached_property
    def people(self) -> People:
        """Real tables: who may come in is not faked."""
        folder = Path(tempfile.mkdtemp(prefix="backroom-people-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return People.at(folder / "store.db", self.clock, hours=self.settings.session_hours)

    @property
    def devices(self) -> SqliteDevices:
        return self.people.devices

    @property
    def associates(self) -> SqliteAssociates:
        return self.people.associates

    @property
    def sessions(self) -> SqliteSessions:
        return self.people.sessions

    def new_id(self) -> str:
        return f"id{next(self._ids)}"

    def examples(self) -> tuple[str, ...]:
        return ("Can opened headphones be returned?", "Can I give 25 % off?", "Price of the kettle")

    def health(self, *, is_counted: bool = True) -> dict[str, Any]:
        return {
            "live": True,
            "ready": self.is_ready,
            "level": "calm",
            "faults": [] if self.is_ready else ["/var/store/store.db: the disk is full."],
            "store": self.settings.store,
            "release": "demo-7",
            "line": "not configured",
            "specialist": "larkmoor-8m",
            "checks": {"journal_rows": 7} if is_counted else {},
        }

    def ask(
        self,
        text: str,
        *,
        role: Role = Role.ASSOCIATE,
        thread: str = "",
        associate: str = "",
        device: str = LOCAL,
        earlier: Sequence[tuple[str, str]] = (),
        deadline_s: float | None = None,
        listener: Listener | None = None,
        reply_id: str = "",
    ) -> Reply:
        if not text.strip():
            raise BadInput("The ask is empty.", hint="Type a question.")
        if self.fails_with is not None:
            raise self.fails_with
        if thread and self.owners.setdefault(thread, (device, associate)) != (device, associate):
            raise NoSuchThread("There is no such conversation.", hint="Leave the thread out.")
        ask = Ask(
            id=self.new_id(),
            text=text,
            asked_at=NOW,
            role=role,
            associate=associate,
            device=device,
            thread=thread,
        )
        self.asked.append(ask)
        assert self.gate.wait(GATE_S), "nobody opened the gate"
        routed = _routed(ask)
        stitched = _stitched(routed)
        sentences = _sentences(routed)
        if listener:
            self._pause()
            listener.routed(routed)
            self._pause()
            listener.stitched(stitched)
            for n, sentence in enumerate(sentences):
                self.journal.append("sentence", {"id": reply_id, "n": n, "text": sentence.text})
                self._pause()
                listener.sentence(sentence)
        self._pause()
        reply = _reply(reply_id or self.new_id(), stitched, sentences)
        is_kept = self.keeps_asks and reply.lane is LaneName.HANDOFF and reply.text != DISCOUNT
        reply = replace(reply, is_kept=is_kept)
        reply = replace(reply, entry=self.journal.append("reply", {"id": reply.id}).hash)
        self.monitoring.answered(reply)
        self.answered[reply.id] = (ask, reply)
        return reply

    def rate(
        self, reply_id: str, verdict: Thumb, *, principal: Principal, text: str = ""
    ) -> Feedback | None:
        ask, _ = self.answered.get(reply_id, (None, None))
        if ask is None or (ask.device, ask.associate) != principal.owner:
            return None
        feedback = Feedback(reply_id, verdict, text)
        self.rated.append((feedback, principal))
        return feedback

    def conversation(self, thread: str, *, principal: Principal) -> tuple[Exchange, ...] | None:
        if self.owners.get(thread) != principal.owner:
            return None
        said = [(a, r) for a, r in self.answered.values() if a.thread == thread]
        return tuple(
            Exchange(
                r.id,
                a.text,
                r.text,
                r.lane,
                a.asked_at,
                sources=tuple(s for s in r.sources if s.id not in {f.id for f in r.facts}),
            )
            for a, r in said
        )

    def late_answers(self, principal: Principal) -> tuple[LateAnswer, ...]:
        return tuple(answer for owner, answer in self.late if owner == principal.owner)

    def product(self, key: str, *, role: Role) -> ProductCard | None:
        if key not in KETTLE.values():
            return None
        missing = () if role is Role.MANAGER else ("stock: not known since 14:02",)
        return ProductCard(tuple(KETTLE.items()), (PRICE,), missing)

    def _pause(self) -> None:
        if self.pause_s:
            time.sleep(self.pause_s)


def _routed(ask: Ask) -> Routed:
    words = ask.text.lower()
    lane = LaneName.QUOTE
    if "price" in words or "kettle" in words:
        lane = LaneName.LOOKUP
    elif "hours" in words:
        lane = LaneName.CARD
    elif "weather" in words or "off" in words.split():
        lane = LaneName.HANDOFF
    fired = (Fired("discount-over-20", "forbid", DISCOUNT, "margin"),) if "off" in words else ()
    return Routed(
        ask=ask,
        query=Query(ask.text, ask.text, "en"),
        masked=ask.text,
        grant=Grant(not fired, ask.role.audiences, ("price",), fired=fired),
        intent="price" if lane is LaneName.LOOKUP else "policy",
        in_scope=0.97,
        lanes=(LaneOdds(lane, 0.93), LaneOdds(LaneName.HANDOFF, 1.0)),
        reasons=(f"{lane.value}: scripted",),
        subject=(),
        card="",
        features=(),
    )


def _stitched(routed: Routed) -> Stitched:
    lane = routed.lanes[0].lane
    passages = (HEADPHONES,) if lane is LaneName.QUOTE else ()
    facts = (PRICE,) if lane is LaneName.LOOKUP else ()
    return Stitched(
        ask=routed.ask,
        query=routed.query,
        masked=routed.masked,
        grant=routed.grant,
        intent=routed.intent,
        in_scope=routed.in_scope,
        lanes=routed.lanes,
        reasons=routed.reasons,
        subject=routed.subject,
        card=routed.card,
        features=routed.features,
        evidence=Evidence(passages, facts, ()),
    )


def _sentences(routed: Routed) -> tuple[Sentence, ...]:
    lane = routed.lanes[0].lane
    if lane is LaneName.LOOKUP:
        return (Sentence(PRICE.text, (Source(PRICE.id, "price", 0, len(PRICE.text)),)),)
    if lane is LaneName.CARD:
        return (Sentence(CARD, (Source("card:hours", "Opening hours", 0, len(CARD)),)),)
    if routed.grant.fired:
        return (Sentence(DISCOUNT),)
    if lane is LaneName.HANDOFF:
        return (Sentence("I have no sourced answer for that: please ask your lead."),)
    text = HEADPHONES.text
    return tuple(
        Sentence(
            s, (Source(HEADPHONES.id, HEADPHONES.title, text.index(s), text.index(s) + len(s)),)
        )
        for s in HEADPHONES_SAID
    )


def _reply(reply_id: str, stitched: Stitched, sentences: tuple[Sentence, ...]) -> Reply:
    lane = stitched.lanes[0].lane
    return Reply(
        id=reply_id,
        text=" ".join(s.text for s in sentences),
        lane=lane,
        confidence=stitched.lanes[0].p,
        sources=tuple(source for s in sentences for source in s.sources),
        facts=stitched.evidence.facts,
        policies=stitched.grant.fired
        or (Fired("read-own-audience", "permit", "You may read it."),),
        times_ms=(
            ("data_prep", 0.4),
            ("policy", 0.9),
            ("routing", 3.1),
            ("context_stitching", 6.2),
            ("governance", 2.4),
            ("monitoring", 0.1),
            ("audit", 1.8),
            ("model", 212.0),
        ),
        sentences=sentences,
        release="demo-7",
        model="",
        thread=stitched.ask.thread,
        intent=stitched.intent,
        in_scope=stitched.in_scope,
        lanes=stitched.lanes,
        reasons=stitched.reasons,
        checks=tuple(Check("citation", Outcome.PASS) for _ in sentences),
        attempts=(
            Attempt(LaneName.SPECIALIST, "unsure", "p 0.41 is under 0.60"),
            Attempt(lane, "answered"),
        ),
        asked_at=NOW,
        subject=(PRICE.subject,) if lane is LaneName.LOOKUP else (),
    )

"""The store, wired: the one place where ports meet their adapters."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from appliance.clock import SystemClock
from appliance.codec import from_plain, to_plain
from appliance.config import Settings
from appliance.demo.seed import seed_store
from appliance.engines.llama import LlamaEngine
from appliance.engines.onnx import OnnxEmbedder
from appliance.errors import BadInput
from appliance.lanes.api import Lane
from appliance.lanes.card import CardLane
from appliance.lanes.generalist import GeneralistLane, NoLine
from appliance.lanes.handoff import HandoffLane
from appliance.lanes.lookup import LookupLane
from appliance.lanes.quote import QuoteLane
from appliance.lanes.specialist import SpecialistLane
from appliance.pipeline import Listener, Pipeline
from appliance.policy.rules import CedarPolicy
from appliance.ports import Clock, Facts, Index, LanguageModel, Reading
from appliance.records import Ask, Fact, LaneName, Reply, Role
from appliance.release import Release, load_lexicon, load_toml, open_release
from appliance.router_file import load_excerpts, load_router
from appliance.stages.admit import Admit
from appliance.stages.answer import Answer
from appliance.stages.audit import Audit
from appliance.stages.excerpt import RankExcerpts
from appliance.stages.govern import Govern
from appliance.stages.prepare import Prepare
from appliance.stages.route import Route
from appliance.stages.screen import Screen
from appliance.stages.stitch import Stitch
from appliance.store.cards import Cards
from appliance.store.db import Database
from appliance.store.facts import SqlFacts
from appliance.store.index import SqliteIndex
from appliance.store.journal import SqliteJournal
from appliance.store.spool import SqliteSpool
from appliance.store.threads import SqliteThreads

# Which live facts a question of each kind wants, in the order they are said.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "price": ("price",),
    "stock": ("stock", "transit"),
    "transit": ("transit",),
    "location": ("location",),
    "promotion": ("promotion",),
    "pickup": ("pickup",),
    "warranty": ("warranty",),
    "age": ("age",),
    "spec": ("spec",),
    "cost": ("cost",),
    "badge": ("badge",),
}
DATABASE = "store.db"
LIVE_DATABASE = "live.db"
LIST_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Store:
    """Everything a store answers with. Make one with `open_store`; close it when done."""

    settings: Settings
    release: Release
    pipeline: Pipeline
    index: Index
    journal: SqliteJournal
    threads: SqliteThreads
    spool: SqliteSpool
    clock: Clock
    model: LanguageModel
    database: Database

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def ask(
        self,
        text: str,
        *,
        role: Role = Role.ASSOCIATE,
        thread: str = "",
        associate: str = "",
        deadline_s: float | None = None,
        listener: Listener | None = None,
        reply_id: str = "",
    ) -> Reply:
        """Return the reply, written down before anyone hears it.

        Raises:
            BadInput: The ask is empty or longer than the settings allow.
            StoreError: The journal could not be written; nothing was said.
        """
        ask = self.make_ask(
            text, role=role, thread=thread, associate=associate, deadline_s=deadline_s
        )
        reply = self.pipeline(ask, reply_id=reply_id or self.new_id(), listener=listener)
        if reply.lane is LaneName.HANDOFF and reply.intent != "out_of_scope":
            self._keep(ask, reply)
        return reply

    def make_ask(
        self,
        text: str,
        *,
        role: Role = Role.ASSOCIATE,
        thread: str = "",
        associate: str = "",
        deadline_s: float | None = None,
    ) -> Ask:
        """Return the record of an ask that came in now.

        Raises:
            BadInput: The text is empty or too long.
        """
        if not text.strip():
            raise BadInput("The ask is empty.", hint="Type a question.")
        if len(text) > self.settings.max_ask_chars:
            raise BadInput(
                f"The ask has {len(text):,} characters; at most {self.settings.max_ask_chars:,} are"
                " read.",
                hint="Ask in one or two sentences.",
            )
        return Ask(
            id=self.new_id(),
            text=text.encode("utf-8", "replace").decode("utf-8"),
            asked_at=self.clock.now(),
            role=role,
            store=self.settings.store,
            associate=associate,
            thread=thread,
            turns=self.threads.turns(thread),
            deadline_s=deadline_s or self.settings.ask_deadline_s,
        )

    def replay(self, reply_id: str) -> tuple[Mapping[str, Any], Reply]:
        """Return the recorded reply and one built again from the journal and the release.

        The replay reads the recorded live facts, not today's, and writes nothing.

        Raises:
            BadInput: The journal has no such reply, or another release gave it.
        """
        row = self.journal.reply(reply_id)
        if row is None:
            raise BadInput(
                f"The journal has no reply {reply_id}.", hint="List some: backroom journal tail"
            )
        recorded = row["reply"]
        if recorded["release"] != self.release.manifest.id:
            raise BadInput(
                f"Reply {reply_id} was given by release {recorded['release']}; this is"
                f" {self.release.manifest.id}.",
                hint="Point --release at the folder of that release.",
            )
        reading = Reading(
            tuple(from_plain(f, Fact) for f in row["reading"]["facts"]),
            tuple(row["reading"]["missing"]),
        )
        stages = self.pipeline
        again = replace(
            stages,
            stitch=replace(stages.stitch, facts=RecordedFacts(reading)),
            audit=replace(stages.audit, journal=Unwritten(self.clock), threads=Forgetful()),
        )
        return recorded, again(from_plain(row["ask"], Ask), reply_id=reply_id)

    def health(self) -> dict[str, Any]:
        """Return what is live, ready and configured."""
        return {
            "live": True,
            "ready": True,
            "release": self.release.manifest.id,
            "line": "configured" if self.settings.generalist_url else "not configured",
            "specialist": self.model.name,
            "checks": {"journal_rows": self._journal_rows(), "spooled": self.spool.count()},
        }

    def examples(self) -> tuple[str, ...]:
        """Return three things to try, from the release's golden probes."""
        return tuple(str(p["text"]) for p in self.release.manifest.probes[:LIST_EXAMPLES])

    def new_id(self) -> str:
        """Return a fresh identifier."""
        return uuid.uuid4().hex[:16]

    def close(self) -> None:
        """Stop the engine and close the databases; idempotent."""
        self.model.close()
        self.database.close()

    def _keep(self, ask: Ask, reply: Reply) -> None:
        """Owe headquarters what the store could not answer, masked."""
        row = self.journal.reply(reply.id) or {}
        body = {"reply": reply.id, "masked": row.get("masked", ""), "intent": reply.intent}
        self.spool.put("deferred_ask", {**body, "asked_at": ask.asked_at.isoformat()}, priority=5)

    def _journal_rows(self) -> int:
        return int(self.database.rows("SELECT count(*) FROM journal")[0][0])


def open_store(settings: Settings) -> Store:
    """Open a release and the store's own data, and wire them.

    Raises:
        DamagedRelease: A part is missing, cut short or foreign; nothing was started.
        StoreError: The store's own database cannot be opened.
    """
    release = open_release(settings.release)
    clock = SystemClock()
    database = Database(settings.home / DATABASE)
    embedder = OnnxEmbedder(release.folder / "embedder")
    index = SqliteIndex(release.path("index.db"), embedder=embedder, ranker=release.path("ranker/ranker.json"))
    model = _model(settings, release)
    try:
        return _store(settings, release, clock, database, embedder, index, model)
    except BaseException:
        model.close()
        database.close()
        raise

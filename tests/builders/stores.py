"""A whole store with fake ports and the real database, for tests of what the stages do together."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from appliance.backroom import Store
from appliance.config import Settings
from appliance.health import Readiness
from appliance.lanes.card import CardLane
from appliance.lanes.handoff import HandoffLane
from appliance.lanes.lookup import LookupLane
from appliance.lanes.quote import QuoteLane
from appliance.logistic import Logistic
from appliance.monitoring.monitor import Monitoring
from appliance.pipeline import Pipeline
from appliance.policy.notices import Notices
from appliance.ports import Clock, Vector
from appliance.records import LaneName, Passage, Role
from appliance.release import Manifest, Release
from appliance.stages.admit import Admit
from appliance.stages.answer import Answer
from appliance.stages.audit import Audit
from appliance.stages.excerpt import RankExcerpts
from appliance.stages.govern import Govern
from appliance.stages.lexicon import Lexicon
from appliance.stages.personal import find_personal
from appliance.stages.prepare import Prepare
from appliance.stages.route import Route, RouterModel
from appliance.stages.stitch import Stitch
from appliance.stages.text import words
from appliance.store.associates import SqliteAssociates
from appliance.store.card_vectors import CardVectors
from appliance.store.cards import Card, Cards
from appliance.store.db import Database
from appliance.store.devices import SqliteDevices
from appliance.store.journal import SqliteJournal
from appliance.store.sessions import SqliteSessions
from appliance.store.spool import SqliteSpool
from appliance.store.threads import SqliteThreads
from tests.builders.people import FAST_HASHER
from tests.builders.records import NOW, a_fact, a_passage
from tests.fakes.monitoring import IdleModel, some_monitoring
from tests.fakes.ports import (
    HashEmbedder,
    MemoryFacts,
    MemoryKnown,
    RolePolicy,
    ScriptedLane,
    WatchedJournal,
    WordIndex,
)

RELEASE = "demo-7"
HEADPHONES = a_passage()
LAPTOPS = a_passage(
    "Opened laptops come back within 15 days with the receipt.",
    id="returns-laptops#1",
    document="returns-laptops",
    title="Returning laptops › Opened",
)
SAFE = a_passage(
    "The code of the safe changes every 90 days.",
    id="safe#1",
    document="safe",
    title="The safe › Code",
    audience="manager",
)
KETTLE = "LM-104233"
CARD = Card(
    id="wifi",
    title="Guest network",
    text="Guests use the network Fernway. It needs no password.",
    asks=("what is the wifi password for customers",),
    approved_by="Dana Whitlock",
    approved_at=date(2026, 1, 5),
    audience=Role.ASSOCIATE,
    language="en",
    effective_from=date(2026, 1, 5),
)
CUES = {
    "price": {"price", "cost", "costs"},
    "stock": {"stock"},
    "out_of_scope": {"weather", "poem"},
}


class CueIntents:
    """An intent model that goes by one word of an ask; "policy" when it sees none of `CUES`."""

    def odds(self, text: str, vector: Vector, *, product: float) -> dict[str, float]:
        found = set(words(text))
        intent = next((name for name, cues in CUES.items() if cues & found), "policy")
        return {name: 0.91 if name == intent else 0.03 for name in ("policy", *CUES)}


def a_router(**fields: Any) -> RouterModel:
    known = {
        "intent": CueIntents(),
        "scope": Logistic({"out_of_scope": -8.0}, 4.0),
        "lanes": {
            "card": Logistic({"card_close": 10.0}, -4.0),
            "lookup": Logistic({"live": 8.0}, -4.0),
            "specialist": Logistic({"policy": 4.0}, -2.0),
            "generalist": Logistic({"policy": 2.0}, -1.0),
            "quote": Logistic({"policy": 2.0}, -1.5),
        },
        "out_of_scope_at": 0.5,
        "try_at": {"card": 0.5, "lookup": 0.5, "specialist": 0.5, "generalist": 0.5},
    }
    return RouterModel(**{**known, **fields})


def some_card_vectors(*cards: Card) -> CardVectors:
    asks = [ask for card in cards for ask in card.asks]
    return CardVectors(Cards(cards), HashEmbedder().embed(asks))


@dataclass
class Parts:
    """The fakes of one store, for a test to watch and to change."""

    journal: WatchedJournal
    database: Database
    clock: Clock
    index: WordIndex
    facts: MemoryFacts = field(default_factory=MemoryFacts)
    policy: RolePolicy = field(default_factory=RolePolicy)
    specialist: ScriptedLane = field(
        default_factory=lambda: ScriptedLane(LaneName.SPECIALIST, is_model=True)
    )
    generalist: ScriptedLane = field(
        default_factory=lambda: ScriptedLane(LaneName.GENERALIST, is_model=True)
    )
    accept_at: dict[str, float] = field(default_factory=dict)
    model: IdleModel = field(default_factory=IdleModel)
    monitoring: Monitoring = field(init=False)

    def __post_init__(self) -> None:
        spool = SqliteSpool(self.database, self.clock)
        self.monitoring = some_monitoring(self.clock, model=self.model, spool=spool)

    @classmethod
    def at(cls, home: Path, clock: Clock, passages: Iterable[Passage] | None = None) -> Parts:
        database = Database(home / "store.db")
        known = (HEADPHONES, LAPTOPS, SAFE) if passages is None else passages
        facts = MemoryFacts({KETTLE: [a_fact()]})
        journal = WatchedJournal(SqliteJournal(database, clock))
        index = WordIndex(known, {KETTLE: "Fernway kettle"})
        return cls(journal, database, clock, index, facts)

    def pipeline(self) -> Pipeline:
        cards = Cards([CARD])
        lanes = (
            CardLane(cards),
            LookupLane(),
            self.specialist,
            self.generalist,
            QuoteLane(),
            HandoffLane(),
        )
        return Pipeline(
            prepare=Prepare(Lexicon({"hp": "headphones"})),
            admit=Admit(self.policy, screen, self.facts.families()),
            route=Route(
                model=a_router(),
                embedder=HashEmbedder(),
                index=self.index,
                cards=some_card_vectors(CARD),
                known=MemoryKnown(),
                line_is_configured=True,
            ),
            stitch=Stitch(
                self.index,
                self.facts,
                Lexicon({}),
                HashEmbedder(),
                RankExcerpts(Logistic({"coverage": 6.0}, -2.0), self.index.idf),
                MemoryKnown(),
            ),
            answer=Answer(
                lanes={lane.name: lane for lane in lanes},
                govern=Govern(self.policy, Notices(), find_personal),
                clock=self.clock,
                accept_at=self.accept_at,
                guard=self.monitoring.guard,
            ),
            audit=Audit(self.journal, SqliteThreads(self.database), RELEASE, lambda: "fresh"),
            clock=self.clock,
            monitor=self.monitoring,
        )

    def store(self, home: Path) -> Store:
        return Store(
            settings=Settings(home=home, edge_case_under=0.5),
            release=Release(home, Manifest(RELEASE, 7, NOW, "0", 0, {}, {})),
            pipeline=self.pipeline(),
            index=self.index,
            cards=Cards([CARD]),
            journal=SqliteJournal(self.database, self.clock),
            threads=SqliteThreads(self.database),
            spool=SqliteSpool(self.database, self.clock),
            devices=SqliteDevices(self.database, self.clock),
            associates=SqliteAssociates(self.database, self.clock, FAST_HASHER),
            sessions=SqliteSessions(self.database, self.clock),
            clock=self.clock,
            model=self.model,
            database=self.database,
            monitoring=self.monitoring,
            readiness=Readiness(self.database, self.model, self.clock.monotonic),
            resources=ExitStack(),
        )


def screen(text: str) -> tuple[float, bool]:
    """Tell an injection by its most famous words."""
    return (0.97, True) if "ignore all rules" in text.lower() else (0.02, False)

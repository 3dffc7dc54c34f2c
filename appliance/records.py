"""The frozen records an ask leaves behind on its way through the stages.

`Ask → Prepared → Admitted → Routed → Stitched → Verdict → Reply` are what the stages take and
leave; the smaller records are values they carry. A later record
carries by value what later stages read (`ask`, `query`, `grant` …), so no stage keeps state.
Offsets are in characters of the text named beside them, end exclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class Role(StrEnum):
    """Who asks; each role may read what the ones before it may."""

    ASSOCIATE = "associate"
    LEAD = "lead"
    MANAGER = "manager"

    @property
    def audiences(self) -> tuple[str, ...]:
        """Audiences this role may read, lowest first."""
        order = [r.value for r in Role]
        return tuple(order[: order.index(self.value) + 1])


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and from where."""

    device: str  # id of the handheld or key; LOCAL at the command line and in the demo
    badge: str  # of who is signed in; "" for a key
    role: Role
    name: str = ""

    @property
    def owner(self) -> tuple[str, str]:
        """Whose a conversation is: this device and this person, both."""
        return self.device, self.badge


LOCAL = "local"


class LaneName(StrEnum):
    """Ways to answer."""

    CARD = "card"
    LOOKUP = "lookup"
    SPECIALIST = "specialist"
    GENERALIST = "generalist"
    QUOTE = "quote"
    HANDOFF = "handoff"


class ValueKind(StrEnum):
    """Types a value can have; a number is typed before it is compared."""

    MONEY = "money"
    PERCENT = "percent"
    DURATION = "duration"
    DATE = "date"
    TIME = "time"
    COUNT = "count"
    SIZE = "size"
    SKU = "sku"
    EAN = "ean"
    AISLE = "aisle"
    ORDER = "order"
    AGE = "age"


class Outcome(StrEnum):
    """What a governance check says of a sentence."""

    PASS = "pass"  # noqa: S105
    MEND = "mend"
    FAIL = "fail"


# ── values the records carry ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of personal data in the text as it was given."""

    start: int
    end: int
    kind: str  # name email phone card address order loyalty


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing named in an ask: `kind` is sku, ean, order, badge, model or that of a typed value."""

    kind: str
    value: str  # normalised: "LM-104233", "4006381333931", "25"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier exchange of the same thread."""

    text: str
    answer: str
    subject: tuple[str, ...] = ()  # SKUs the exchange was about, most important first
    intent: str = ""
    topic: str = ""  # the standalone question


@dataclass(frozen=True, slots=True)
class Query:
    """An ask made ready to be searched and judged."""

    text: str  # folded, shorthand expanded
    standalone: str  # follow-up resolved against the thread; equals `text` when there was none
    language: str  # en | es
    entities: tuple[Entity, ...] = ()
    subject: tuple[str, ...] = ()  # SKUs carried over from the thread by a follow-up
    is_follow_up: bool = False


@dataclass(frozen=True, slots=True)
class Fired:
    """A policy that determined a decision."""

    rule: str
    effect: str  # permit | forbid
    message: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What this person on this device may ask and read."""

    allowed: bool
    audiences: tuple[str, ...]
    families: tuple[str, ...]  # live-fact families that may be read
    rule: str = ""  # the rule that refused
    message: str = ""  # the refusal, in words an associate understands
    fired: tuple[Fired, ...] = ()
    injection: float = 0.0
    is_injected: bool = False


@dataclass(frozen=True, slots=True)
class LaneOdds:
    """A lane and the calibrated probability that its answer will be right."""

    lane: LaneName
    p: float


@dataclass(frozen=True, slots=True)
class Value:
    """A typed value as printed in a source; `slot` is its name in prompts, e.g. ``v3``."""

    kind: ValueKind
    text: str  # as printed: "$49.99", "30 days"
    amount: Decimal | None  # in `unit`; None for sku, ean, aisle, order
    unit: str  # USD, percent, day, hour, minute, piece, inch, … or ""
    start: int  # offsets into the text it was found in
    end: int
    slot: str = ""
    origin: str = ""  # "passage:<id>" or "fact:<id>"


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document or a product record, as indexed."""

    id: str
    document: str
    title: str  # title path, " › " between levels
    text: str
    kind: str  # handbook | product | card | local
    department: str
    audience: str
    language: str
    effective_from: date | None = None
    effective_to: date | None = None
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Fact:
    """A live fact, with the time it was true."""

    id: str  # "price:LM-104233"
    family: str  # price | stock | transit | promotion | location | pickup | associate …
    subject: str
    text: str  # one sentence from the family's template
    values: tuple[Value, ...]  # offsets into `text`
    as_of: datetime
    is_stale: bool = False
    columns: tuple[tuple[str, str], ...] = ()  # the row, as read


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A sentence of a passage and the chance that it answers the ask; offsets into its text."""

    passage: str  # id
    start: int
    end: int
    p: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """All an answer may rest on."""

    passages: tuple[Passage, ...]
    facts: tuple[Fact, ...]
    values: tuple[Value, ...]  # every typed value of passages and facts, slots assigned in order
    missing: tuple[str, ...] = ()  # what could not be read, in words: "stock not known since 14:02"
    excerpts: tuple[Excerpt, ...] = ()  # sentences of the passages, likeliest first

    @property
    def answered(self) -> float:
        """The chance that any of the sentences answers, in [0, 1]; 0 when there are none."""
        return min(1.0, sum(e.p for e in self.excerpts))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a sentence comes from; offsets into the passage's or fact's text."""

    id: str
    title: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a draft and what it rests on."""

    text: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a model read and wrote for one draft; zeros where no model of ours did."""

    prompt: int = 0
    reused: int = 0  # of the prompt, read before for another ask
    generated: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """What a lane would say."""

    lane: LaneName
    sentences: tuple[Sentence, ...]
    p: float  # the lane's own probability of being right
    model: str = ""
    is_none: bool = False  # the lane found no answer in the evidence
    why: str = ""
    signals: tuple[tuple[str, float], ...] = ()  # log-probability, margin, tokens …
    is_late: bool = False  # the ask's deadline cut it off
    tokens: Tokens = Tokens()
    is_partial: bool = False  # still being written: another sentence will follow these


@dataclass(frozen=True, slots=True)
class Check:
    """One governance check of one sentence."""

    name: str
    outcome: Outcome
    why: str = ""
    mended: str = ""  # the sentence after a mend
    rule: str = ""  # the policy that spoke


@dataclass(frozen=True, slots=True)
class Attempt:
    """A lane that was tried and what came of it."""

    lane: LaneName
    outcome: str  # answered | none | unsure | failed | unavailable
    why: str = ""
    tokens: Tokens = Tokens()


# ── the records between stages ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Ask:
    """A question as it came in."""

    id: str
    text: str
    asked_at: datetime  # aware UTC
    role: Role = Role.ASSOCIATE
    store: str = "0001"
    associate: str = ""
    department: str = ""
    thread: str = ""
    turns: tuple[Turn, ...] = ()  # oldest first, at most six
    deadline_s: float = 10.0
    device: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Ask → Prepared."""

    ask: Ask
    query: Query
    masked: str  # the text as given with personal data replaced: "[EMAIL]"
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Admitted:
    """Prepared → Admitted."""

    ask: Ask
    query: Query
    masked: str
    grant: Grant


@dataclass(frozen=True, slots=True)
class Routed:
    """Admitted → Routed."""

    ask: Ask
    query: Query
    masked: str
    grant: Grant
    intent: str
    in_scope: float
    lanes: tuple[LaneOdds, ...]  # the ladder, first to try first
    reasons: tuple[str, ...]
    subject: tuple[str, ...]  # SKUs the ask is about, likeliest first
    card: str  # id of the nearest answer card, or ''
    features: tuple[tuple[str, float], ...]  # what the lanes' odds were computed from


@dataclass(frozen=True, slots=True)
class Stitched:
    """Routed → Stitched."""

    ask: Ask
    query: Query
    masked: str
    grant: Grant
    intent: str
    in_scope: float
    lanes: tuple[LaneOdds, ...]
    reasons: tuple[str, ...]
    subject: tuple[str, ...]  # SKUs the ask is about, likeliest first
    card: str  # id of the nearest answer card, or ''
    features: tuple[tuple[str, float], ...]  # what the lanes' odds were computed from
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Verdict:
    """Stitched → Verdict: the governed answer, not yet written down."""

    ask: Ask
    query: Query
    masked: str
    grant: Grant
    intent: str
    in_scope: float
    lanes: tuple[LaneOdds, ...]
    reasons: tuple[str, ...]
    subject: tuple[str, ...]  # SKUs the ask is about, likeliest first
    card: str  # id of the nearest answer card, or ''
    features: tuple[tuple[str, float], ...]  # what the lanes' odds were computed from
    evidence: Evidence
    lane: LaneName
    sentences: tuple[Sentence, ...]
    confidence: float
    model: str
    checks: tuple[Check, ...]
    attempts: tuple[Attempt, ...]
    signals: tuple[tuple[str, float], ...] = ()
    is_brief: bool = False  # cut to its first sentence: the machine was under pressure

    @property
    def text(self) -> str:
        """The answer as it will be read."""
        return " ".join(s.text for s in self.sentences)


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal row, as written: `hash` covers `previous` and `body`."""

    sequence: int
    written_at: datetime
    kind: str
    body: str  # canonical JSON
    previous: str  # hex sha256
    hash: str  # hex sha256


@dataclass(frozen=True, slots=True)
class Reply:
    """Verdict → Reply: what was said, with its receipt."""

    id: str
    text: str
    lane: LaneName
    confidence: float
    sources: tuple[Source, ...]
    facts: tuple[Fact, ...]
    policies: tuple[Fired, ...]
    times_ms: tuple[tuple[str, float], ...]
    sentences: tuple[Sentence, ...]
    release: str
    model: str
    thread: str
    intent: str
    in_scope: float
    lanes: tuple[LaneOdds, ...]
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    attempts: tuple[Attempt, ...]
    asked_at: datetime
    subject: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    entry: str = ""  # the journal row's hash
    is_brief: bool = False  # cut to its first sentence: the machine was under pressure
    is_kept: bool = False  # the ask is kept for headquarters, whose answer comes later


# ── what is told of what was said ─────────────────────────────────────────────────────────────


class Thumb(StrEnum):
    """What an associate thought of a reply."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Feedback:
    """An associate's verdict on a reply."""

    reply: str  # id
    verdict: Thumb
    text: str = ""  # what was wrong, personal data masked


@dataclass(frozen=True, slots=True)
class Arrived:
    """What headquarters answered later, as it came: masked, and not to be shown as it is."""

    reply: str  # id of the reply that handed the ask over
    text: str
    by: str  # generalist | expert
    at: datetime
    sources: tuple[str, ...] = ()  # ids of the passages it rests on


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """What headquarters answered later, as it may be shown to whoever asked."""

    reply: str  # id of the reply that handed the ask over
    thread: str
    asked: str  # the question, as it was given
    text: str
    by: str  # generalist | expert
    at: datetime
    sources: tuple[Source, ...] = ()
    is_withheld: bool = False  # it did not pass this store's checks: `text` says whom to ask


@dataclass(frozen=True, slots=True)
class Exchange:
    """An ask of a conversation and its reply, as they were said."""

    reply: str  # id
    text: str
    answer: str
    lane: LaneName
    asked_at: datetime
    verdict: str = ""  # up | down | '' for none yet
    sources: tuple[Source, ...] = ()  # but for live facts, which are not true any more
    late: LateAnswer | None = None  # what headquarters answered later


@dataclass(frozen=True, slots=True)
class ProductCard:
    """A product as the catalogue has it, and what is true of it now."""

    columns: tuple[tuple[str, str], ...]
    facts: tuple[Fact, ...]
    missing: tuple[str, ...] = ()  # what could not be read, in words

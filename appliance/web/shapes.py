"""The JSON that leaves the store: one shape per record, for the API, the page and `--json`.

What of a record is told is what its shape lists, in that order. A field that is not listed stays in
the store: the passages' search scores, the columns of a fact's row, a mend's wording before it was
mended.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from appliance.records import (
    Attempt,
    LaneName,
    LaneOdds,
    LateAnswer,
    Outcome,
    Passage,
    Reply,
    Routed,
    Sentence,
    Source,
    Stitched,
)

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class FactBody(msgspec.Struct, frozen=True):
    """A live fact and when it was true."""

    id: str
    family: str
    text: str
    as_of: Instant
    is_stale: bool


class PolicyBody(msgspec.Struct, frozen=True):
    """A rule that spoke."""

    rule: str
    effect: str  # permit | forbid
    message: str
    why: str = ""  # the rule's reason, or what in a draft it spoke on


class CheckBody(msgspec.Struct, frozen=True):
    """One governance check of one sentence."""

    name: str
    outcome: Outcome
    why: str
    rule: str


class ReplyBody(msgspec.Struct, frozen=True):
    """A reply with its receipt."""

    id: str
    text: str
    lane: LaneName
    confidence: float
    sources: list[Source]
    facts: list[FactBody]
    policies: list[PolicyBody]
    times_ms: dict[str, float]
    model: str
    release: str
    thread: str
    intent: str
    in_scope: float
    lanes: list[LaneOdds]
    reasons: list[str]
    checks: list[CheckBody]
    attempts: list[Attempt]
    asked_at: Instant
    sentences: list[Sentence]
    subject: list[str]
    missing: list[str]
    entry: str
    is_brief: bool
    is_kept: bool  # nobody could answer: headquarters' answer comes to GET /v1/late-answers


class PassageBody(msgspec.Struct, frozen=True):
    """A passage as a person reads it; dates are ISO 8601 or null."""

    id: str
    document: str
    title: str
    text: str
    kind: str
    department: str
    audience: str
    language: str
    effective_from: date | None
    effective_to: date | None


class RouteBody(msgspec.Struct, frozen=True):
    """The `route` event: where the ask goes, and why."""

    id: str  # of the reply to come
    thread: str
    intent: str
    in_scope: float
    lanes: list[LaneOdds]
    reasons: list[str]


class FoundBody(msgspec.Struct, frozen=True):
    """Something that was found, by name only."""

    id: str
    title: str


class SourcesBody(msgspec.Struct, frozen=True):
    """The `sources` event: what was found; nothing of it is said yet."""

    passages: list[FoundBody]
    facts: list[FoundBody]


class SentenceBody(msgspec.Struct, frozen=True):
    """The `sentence` event: the n-th governed sentence, from 0, and what it rests on."""

    n: int
    text: str
    sources: list[Source]


class ExamplesBody(msgspec.Struct, frozen=True):
    """A few things to try."""

    examples: list[str]


class HealthBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the store stands: to anyone whether it answers; to whom it knows, which store it is."""

    live: bool
    ready: bool
    level: str  # calm | tight | critical
    store: str | UnsetType = UNSET  # this and what follows: to who may ask
    release: str | UnsetType = UNSET
    line: str | UnsetType = UNSET
    specialist: str | UnsetType = UNSET
    faults: list[str] | UnsetType = UNSET  # why it is not ready; this and what follows: to managers
    checks: dict[str, Any] | UnsetType = UNSET


class LateAnswersBody(msgspec.Struct, frozen=True):
    """What headquarters answered later, the latest first."""

    answers: list[LateAnswer]


class LiveBody(msgspec.Struct, frozen=True):
    """That the process answers."""

    live: bool


class ReadyBody(msgspec.Struct, frozen=True):
    """Whether an ask would be answered."""

    ready: bool
    faults: list[str] | UnsetType = UNSET  # to managers


class StatusBody(msgspec.Struct, frozen=True):
    """How the store stands now, and how its last hour went, minute by minute."""

    release: str
    model: str
    store: str
    now: str
    began_at: str
    level: str  # calm | tight | critical
    why: str
    calmer: int
    sheds: list[str]
    vitals: dict[str, Any]
    breakers: list[dict[str, Any]]
    queue: dict[str, int]
    engine: dict[str, Any]
    spool: dict[str, int | None]  # null: it could not be counted
    hour: dict[str, Any]
    promise: str = ""  # what the release promises of its own answers; "" of one that was not asked


def reply_body(reply: Reply) -> ReplyBody:
    """Return a reply with its receipt; instants are ISO 8601 in UTC."""
    told = {name: getattr(reply, name) for name in ReplyBody.__struct_fields__}
    told["times_ms"] = dict(reply.times_ms)
    return msgspec.convert(told, ReplyBody, from_attributes=True)


def reply_json(reply: Reply) -> dict[str, Any]:
    """Return a reply with its receipt as plain values."""
    return dict(msgspec.to_builtins(reply_body(reply)))


def passage_body(passage: Passage) -> PassageBody:
    """Return a passage as a person reads it."""
    return msgspec.convert(passage, PassageBody, from_attributes=True)


def passage_json(passage: Passage) -> dict[str, Any]:
    """Return a passage as plain values."""
    return dict(msgspec.to_builtins(passage_body(passage)))


def route_body(routed: Routed, *, reply_id: str) -> RouteBody:
    """Return the `route` event."""
    return RouteBody(
        id=reply_id,
        thread=routed.ask.thread,
        intent=routed.intent,
        in_scope=routed.in_scope,
        lanes=list(routed.lanes),
        reasons=list(routed.reasons),
    )


def sources_body(stitched: Stitched) -> SourcesBody:
    """Return the `sources` event."""
    evidence = stitched.evidence
    return SourcesBody(
        passages=[FoundBody(p.id, p.title) for p in evidence.passages],
        facts=[FoundBody(f.id, f.family) for f in evidence.facts],
    )


def sentence_body(sentence: Sentence, *, n: int) -> SentenceBody:
    """Return the `sentence` event."""
    return SentenceBody(n, sentence.text, list(sentence.sources))

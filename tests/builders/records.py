"""Records as they stand in the middle of an ask; a test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from appliance.records import (
    Ask,
    Attempt,
    Evidence,
    Excerpt,
    Fact,
    Grant,
    LaneName,
    LaneOdds,
    Passage,
    Prepared,
    Query,
    Reply,
    Role,
    Routed,
    Sentence,
    Source,
    Stitched,
    Verdict,
)
from appliance.stages.text import sentence_spans
from appliance.values import assign_slots, find_values

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
TEXT = "how long do customers have to return opened headphones"
HEADPHONES = "Opened headphones come back within 30 days with the receipt."


def an_ask(text: str = TEXT, **fields: Any) -> Ask:
    return Ask(**{"id": "a1", "text": text, "asked_at": NOW, **fields})


def a_query(text: str = TEXT, **fields: Any) -> Query:
    return Query(**{"text": text, "standalone": text, "language": "en", **fields})


def a_grant(**fields: Any) -> Grant:
    known = {"allowed": True, "audiences": ("associate",), "families": ("price", "stock")}
    return Grant(**{**known, **fields})


def a_refusal(rule: str = "discount-over-20", message: str = "Not over 20 %.") -> Grant:
    return a_grant(allowed=False, rule=rule, message=message)


def a_passage(text: str = HEADPHONES, **fields: Any) -> Passage:
    known = {
        "id": "returns-headphones#1",
        "document": "returns-headphones",
        "title": "Returning headphones › Opened",
        "text": text,
        "kind": "handbook",
        "department": "electronics",
        "audience": "associate",
        "language": "en",
        "effective_from": date(2026, 1, 1),
        "score": 0.9,
    }
    return Passage(**{**known, **fields})


def a_fact(text: str = "LM-104233 is $24.99 today.", **fields: Any) -> Fact:
    known = {
        "id": "price:LM-104233",
        "family": "price",
        "subject": "LM-104233",
        "text": text,
        "values": find_values(text),
        "as_of": NOW,
    }
    return Fact(**{**known, **fields})


def excerpts_of(passage: Passage, *odds: float) -> tuple[Excerpt, ...]:
    """Return the passage's sentences with the odds given in reading order, likeliest first."""
    spans = sentence_spans(passage.text)
    found = [Excerpt(passage.id, a, b, p) for (a, b), p in zip(spans, odds, strict=True)]
    return tuple(sorted(found, key=lambda e: -e.p))


def an_evidence(
    passages: Sequence[Passage] = (),
    facts: Sequence[Fact] = (),
    *,
    missing: tuple[str, ...] = (),
    excerpts: tuple[Excerpt, ...] = (),
) -> Evidence:
    values = assign_slots(passages, facts)
    return Evidence(tuple(passages), tuple(facts), values, missing, excerpts)


def a_ladder(*lanes: LaneName) -> tuple[LaneOdds, ...]:
    names = (*lanes, LaneName.HANDOFF)
    return tuple(LaneOdds(lane, round(0.9 - n / 10, 1)) for n, lane in enumerate(names))


def a_prepared(text: str = TEXT, *, role: Role = Role.ASSOCIATE, **fields: Any) -> Prepared:
    known = {"ask": an_ask(text, role=role), "query": a_query(text), "masked": text, "spans": ()}
    return Prepared(**{**known, **fields})


def a_routed(text: str = TEXT, **fields: Any) -> Routed:
    known = {
        "ask": an_ask(text),
        "query": a_query(text),
        "masked": text,
        "grant": a_grant(),
        "intent": "policy",
        "in_scope": 0.95,
        "lanes": a_ladder(LaneName.QUOTE),
        "reasons": (),
        "subject": (),
        "card": "",
        "features": (),
    }
    return Routed(**{**known, **fields})


def a_stitched(text: str = TEXT, **fields: Any) -> Stitched:
    passage = a_passage()
    evidence = an_evidence([passage], excerpts=excerpts_of(passage, 0.9))
    return Stitched(**{**_fields(a_routed(text)), "evidence": evidence, **fields})


def a_verdict(text: str = TEXT, **fields: Any) -> Verdict:
    stitched = a_stitched(text)
    cited = Source("returns-headphones#1", "Returning headphones › Opened", 0, len(HEADPHONES))
    known = {
        **_fields(stitched),
        "lane": LaneName.QUOTE,
        "sentences": (Sentence(HEADPHONES, (cited,)),),
        "confidence": 0.9,
        "model": "",
        "checks": (),
        "attempts": (Attempt(LaneName.QUOTE, "answered"),),
    }
    return Verdict(**{**known, **fields})


def a_reply(**fields: Any) -> Reply:
    """Return the reply to `a_verdict`, without sources."""
    known = {
        "id": "r1",
        "text": HEADPHONES,
        "lane": LaneName.QUOTE,
        "confidence": 0.9,
        "sources": (),
        "facts": (),
        "policies": (),
        "times_ms": (),
        "sentences": (Sentence(HEADPHONES),),
        "release": "demo-7",
        "model": "",
        "thread": "",
        "intent": "policy",
        "in_scope": 0.95,
        "lanes": a_ladder(LaneName.QUOTE),
        "reasons": (),
        "checks": (),
        "attempts": (Attempt(LaneName.QUOTE, "answered"),),
        "asked_at": NOW,
    }
    return Reply(**{**known, **fields})


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}

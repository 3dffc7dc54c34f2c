"""The JSON that leaves the store: one shape per record, for the API, the page and `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.codec import to_plain
from appliance.records import Passage, Reply, Routed, Sentence, Stitched

# What of a record is told, in this order. A field that is not listed stays in the store: the
# passages' search scores, the columns of a fact's row, a mend's wording before it was mended.
REPLY = (
    "id",
    "text",
    "lane",
    "confidence",
    "sources",
    "facts",
    "policies",
    "times_ms",
    "model",
    "release",
    "thread",
    "intent",
    "in_scope",
    "lanes",
    "reasons",
    "checks",
    "attempts",
    "asked_at",
    "sentences",
    "subject",
    "missing",
    "entry",
)
FACT = ("id", "family", "text", "as_of", "is_stale")
POLICY = ("rule", "effect", "message")
CHECK = ("name", "outcome", "why", "rule")
PASSAGE = (
    "id",
    "document",
    "title",
    "text",
    "kind",
    "department",
    "audience",
    "language",
    "effective_from",
    "effective_to",
)


def reply_json(reply: Reply) -> dict[str, Any]:
    """Return a reply with its receipt; instants are ISO 8601 in UTC."""
    plain = to_plain(reply)
    plain["facts"] = [_only(FACT, fact) for fact in plain["facts"]]
    plain["policies"] = [_only(POLICY, fired) for fired in plain["policies"]]
    plain["checks"] = [_only(CHECK, check) for check in plain["checks"]]
    plain["times_ms"] = dict(reply.times_ms)
    return _only(REPLY, plain)


def passage_json(passage: Passage) -> dict[str, Any]:
    """Return a passage as a person reads it; dates are ISO 8601 or null."""
    return _only(PASSAGE, to_plain(passage))


def route_json(routed: Routed, *, reply_id: str) -> dict[str, Any]:
    """Return the `route` event: where the ask goes, and why."""
    return {
        "id": reply_id,
        "thread": routed.ask.thread,
        "intent": routed.intent,
        "in_scope": routed.in_scope,
        "lanes": to_plain(routed.lanes),
        "reasons": list(routed.reasons),
    }


def sources_json(stitched: Stitched) -> dict[str, Any]:
    """Return the `sources` event: what was found, by name only; nothing of it is said yet."""
    evidence = stitched.evidence
    return {
        "passages": [{"id": p.id, "title": p.title} for p in evidence.passages],
        "facts": [{"id": f.id, "title": f.family} for f in evidence.facts],
    }


def sentence_json(sentence: Sentence, *, n: int) -> dict[str, Any]:
    """Return the `sentence` event: the n-th governed sentence, from 0, and what it rests on."""
    return {"n": n, "text": sentence.text, "sources": to_plain(sentence.sources)}


def _only(names: tuple[str, ...], plain: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain[name] for name in names}

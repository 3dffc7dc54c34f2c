"""Verdict -> Reply: write the verdict down, then let it be heard."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from appliance.codec import to_plain
from appliance.errors import StoreError
from appliance.meter import Meter
from appliance.ports import Journal, Threads
from appliance.records import Fired, LaneName, Outcome, Reply, Sentence, Source, Turn, Verdict

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Audit:
    """Verdict -> Reply."""

    journal: Journal
    threads: Threads
    release: str
    new_id: Callable[[], str]

    def __call__(self, verdict: Verdict, *, meter: Meter, reply_id: str = "") -> Reply:
        """Return the reply once its row is durable; its thread gains a turn.

        Times in the row are those up to the row itself: the time of writing it is in the reply
        only, for a row cannot hold how long it took to write.

        Raises:
            StoreError: The row could not be written. No reply is given.
        """
        with meter.measure("audit"):
            reply = self._reply(verdict, meter, reply_id or self.new_id())
            entry = self.journal.append("reply", _row(verdict, reply))
            if verdict.ask.thread:
                self._remember(verdict, reply)
        return replace(reply, entry=entry.hash, times_ms=meter.times_ms())

    def aloud(
        self, hear: Callable[[Sentence], None], *, meter: Meter, reply_id: str
    ) -> Callable[[Sentence], None]:
        """Return `hear`, each sentence of which has a durable row of its own before it is heard.

        What is returned raises StoreError, and `hear` is not called, when the row could not be
        written.
        """
        numbers = itertools.count()

        def say(sentence: Sentence) -> None:
            row = {"id": reply_id, "n": next(numbers), "text": sentence.text}
            with meter.measure("audit"):
                self.journal.append("sentence", row)
            hear(sentence)

        return say

    def _remember(self, verdict: Verdict, reply: Reply) -> None:
        turn = Turn(
            text=verdict.query.text,
            answer=reply.text,
            subject=verdict.subject if verdict.lane is LaneName.LOOKUP else (),
            intent=verdict.intent,
            topic=verdict.query.standalone,
        )
        try:
            self.threads.add(verdict.ask.thread, turn, reply_id=reply.id, at=verdict.ask.asked_at)
        except StoreError:
            # The answer is written down and may be heard; only the follow-up loses its context.
            log.exception("turn_not_kept", extra={"reply": reply.id})

    def _reply(self, verdict: Verdict, meter: Meter, reply_id: str) -> Reply:
        spoken = {source.id for sentence in verdict.sentences for source in sentence.sources}
        return Reply(
            id=reply_id,
            text=verdict.text,
            lane=verdict.lane,
            confidence=verdict.confidence,
            sources=_sources(verdict),
            facts=tuple(f for f in verdict.evidence.facts if f.id in spoken),
            policies=_policies(verdict),
            times_ms=meter.times_ms(),
            sentences=verdict.sentences,
            release=self.release,
            model=verdict.model,
            thread=verdict.ask.thread,
            intent=verdict.intent,
            in_scope=verdict.in_scope,
            lanes=verdict.lanes,
            reasons=verdict.reasons,
            checks=verdict.checks,
            attempts=verdict.attempts,
            asked_at=verdict.ask.asked_at,
            subject=verdict.subject,
            missing=verdict.evidence.missing,
            is_brief=verdict.is_brief,
        )


def _row(verdict: Verdict, reply: Reply) -> Mapping[str, Any]:
    """Return what a replay needs: the ask as it came, the live facts as then read, the reply."""
    return {
        "id": reply.id,
        "ask": to_plain(verdict.ask),
        "masked": verdict.masked,
        "reading": {
            "facts": to_plain(verdict.evidence.facts),
            "missing": list(verdict.evidence.missing),
        },
        "features": dict(verdict.features),
        "signals": dict(verdict.signals),
        "reply": to_plain(reply),
    }


def _sources(verdict: Verdict) -> tuple[Source, ...]:
    found = (s for sentence in verdict.sentences for s in sentence.sources)
    return tuple(dict.fromkeys(found))


def _policies(verdict: Verdict) -> tuple[Fired, ...]:
    """Return the rules that spoke on the ask, then those that spoke on a draft."""
    checked = (
        Fired(c.rule, "forbid" if c.outcome is Outcome.FAIL else "permit", "", c.why)
        for c in verdict.checks
        if c.rule
    )
    return tuple(dict.fromkeys((*verdict.grant.fired, *checked)))

"""Arrived -> LateAnswer: what headquarters answered later is governed like any draft."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from appliance.codec import from_plain, to_plain
from appliance.errors import BackroomError, StoreError
from appliance.lanes.generalist import read_answer
from appliance.lanes.handoff import DESK, DESK_ES
from appliance.meter import Meter
from appliance.owed import masking_of
from appliance.pipeline import Pipeline
from appliance.ports import Clock, Index, Journal, LateAnswers
from appliance.records import (
    Arrived,
    Ask,
    Check,
    Draft,
    LaneName,
    LateAnswer,
    Outcome,
    Passage,
    Sentence,
    Source,
    Stitched,
)
from appliance.values import assign_slots

EXPERT = "expert"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Late:
    """Decides, once, what is shown of the answers that came for somebody."""

    pipeline: Pipeline
    index: Index
    journal: Journal
    answers: LateAnswers
    clock: Clock

    def __call__(self, owner: tuple[str, str]) -> tuple[LateAnswer, ...]:
        """Return the late answers of this (device, badge), the latest first.

        What has come meanwhile is governed by today's rules and passages, and journalled before
        it is returned. What fails is withheld: then the text says so, and whom to ask.

        Raises:
            StoreError: It could not be read or written; nothing is shown that was not written.
        """
        for came in self.answers.arrived(owner):
            self._decide(came)
        return self.answers.given(owner)

    def _decide(self, came: Arrived) -> None:
        row = self.journal.reply(came.reply)
        if row is None:  # it was there when the answer arrived: the journal is append-only
            return
        ask = from_plain(row["ask"], Ask)
        shown = LateAnswer(came.reply, ask.thread, ask.text, "", came.by, came.at)
        checks: Sequence[Check] = ()
        try:
            stitched = self._evidence(ask, came)
            sentences, checks = self._governed(came, stitched)
        except StoreError:
            raise
        except BackroomError as exc:
            log.warning("late_answer: %s to reply %s: %s", came.by, came.reply, exc)
            stitched, sentences = None, ()
        if sentences:
            sources = tuple(dict.fromkeys(s for said in sentences for s in said.sources))
            shown = replace(shown, text=" ".join(s.text for s in sentences), sources=sources)
        else:
            is_spanish = stitched is not None and stitched.query.language == "es"
            shown = replace(shown, text=_withheld(is_spanish=is_spanish), is_withheld=True)
        self.answers.decide(shown, came, checks=to_plain(list(checks)))

    def _evidence(self, ask: Ask, came: Arrived) -> Stitched:
        """Return the ask as it stands today, with the passages that the answer names."""
        meter = Meter(self.clock.monotonic)
        stitched = self.pipeline.evidence(replace(ask, asked_at=self.clock.now()), meter=meter)
        known = {p.id for p in stitched.evidence.passages}
        named = (self.index.passage(name) for name in came.sources if name not in known)
        passages = (*stitched.evidence.passages, *(p for p in named if p is not None))
        values = assign_slots(passages, stitched.evidence.facts)
        evidence = replace(stitched.evidence, passages=passages, values=values)
        return replace(stitched, evidence=evidence)

    def _governed(
        self, came: Arrived, stitched: Stitched
    ) -> tuple[tuple[Sentence, ...], tuple[Check, ...]]:
        """Return the sentences as they may be said; none when one of them may not."""
        if not stitched.grant.allowed:
            return (), ()
        text = masking_of(stitched.ask, stitched).restored(came.text)
        cited = _cited(came, stitched.evidence.passages)
        # What an expert wrote is approved word for word, as a card is; rules hold for both.
        lane = LaneName.CARD if came.by == EXPERT else LaneName.GENERALIST
        named = tuple(Source(p.id, p.title, 0, len(p.text)) for p in cited)
        drafted = tuple(replace(s, sources=s.sources or named) for s in read_answer(text, cited))
        draft = Draft(lane, drafted, p=1.0, model=came.by)
        said, checks = list[Sentence](), list[Check]()
        for sentence in drafted:
            governed, found = self.pipeline.answer.govern(sentence, draft=draft, stitched=stitched)
            checks += found
            if any(check.outcome is Outcome.FAIL for check in found):
                return (), tuple(checks)
            said.append(governed)
        return tuple(said), tuple(checks)


def _cited(came: Arrived, passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return the passages that the answer names, in its order: [1] is the first."""
    known = {p.id: p for p in passages}
    return tuple(known[name] for name in came.sources if name in known)


def _withheld(*, is_spanish: bool) -> str:
    if is_spanish:
        return (
            "La central respondió, pero su respuesta no pasó las comprobaciones de esta tienda:"
            f" pregunte {DESK_ES}."
        )
    return (
        "Headquarters answered, but its answer did not pass this store's checks:"
        f" please ask {DESK}."
    )

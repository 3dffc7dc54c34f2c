"""Stitched -> Verdict: climb the ladder; each lane's draft is governed before it is accepted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from appliance.errors import BackroomError
from appliance.lanes.api import Lane
from appliance.meter import Meter
from appliance.ports import Clock
from appliance.records import (
    Attempt,
    Check,
    Draft,
    LaneName,
    Outcome,
    Sentence,
    Stitched,
    Verdict,
)
from appliance.stages.govern import Govern

# Left for governance, the journal and the lanes below a model when a deadline is near.
RESERVE_S = 0.3


@dataclass(slots=True)
class _Climb:
    """What has been tried so far."""

    attempts: list[Attempt] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """Stitched -> Verdict."""

    lanes: Mapping[LaneName, Lane]
    govern: Govern
    clock: Clock
    accept_at: Mapping[str, float]  # lane -> least p of an accepted draft

    def __call__(
        self,
        stitched: Stitched,
        *,
        meter: Meter,
        say: Callable[[Sentence], None] | None = None,
    ) -> Verdict:
        """Return the first draft that survives governance; the hand-over always does.

        Args:
            stitched: The ask with its evidence.
            meter: Takes the times of `model` and `governance`.
            say: Called with each sentence in order, once the whole draft is accepted.
        """
        until = self.clock.monotonic() + stitched.ask.deadline_s
        climb = _Climb()
        for odds in stitched.lanes:
            draft = self._draft(odds.lane, stitched, until=until, climb=climb, meter=meter)
            if draft is None:
                continue
            with meter.measure("governance"):
                sentences = self._governed(draft, stitched, climb)
            if sentences:
                climb.attempts.append(Attempt(draft.lane, "answered"))
                for sentence in sentences:
                    if say is not None:
                        say(sentence)
                return _verdict(stitched, draft, sentences, climb)
        raise AssertionError("the ladder has no hand-over")

    def _draft(
        self, name: LaneName, stitched: Stitched, *, until: float, climb: _Climb, meter: Meter
    ) -> Draft | None:
        lane = self.lanes[name]
        remaining_s = until - self.clock.monotonic() - RESERVE_S
        if lane.is_model and remaining_s <= 0:
            climb.attempts.append(Attempt(name, "unavailable", "no time left for a model"))
            return None
        try:
            with meter.measure("model" if lane.is_model else "governance"):
                draft = lane.draft(stitched, remaining_s=remaining_s)
        except BackroomError as exc:
            climb.attempts.append(Attempt(name, "unavailable", f"{exc.code}: {exc.message}"))
            return None
        if draft.is_none or not draft.sentences:
            climb.attempts.append(Attempt(name, "none", draft.why or "said nothing"))
            return None
        least = self.accept_at.get(name.value, 0.0)
        if draft.p < least:
            why = f"p {draft.p:.2f} is under {least:.2f}"
            climb.attempts.append(Attempt(name, "unsure", why))
            return None
        return draft

    def _governed(self, draft: Draft, stitched: Stitched, climb: _Climb) -> tuple[Sentence, ...]:
        """Return the draft's sentences after mends; empty when one of them fails."""
        accepted: list[Sentence] = []
        for sentence in draft.sentences:
            governed, checks = self.govern(sentence, draft=draft, stitched=stitched)
            climb.checks += checks
            failed = next((c for c in checks if c.outcome is Outcome.FAIL), None)
            if failed is not None:
                climb.attempts.append(Attempt(draft.lane, "failed", f"{failed.name}: {failed.why}"))
                return ()
            accepted.append(governed)
        return tuple(accepted)


def _verdict(
    stitched: Stitched, draft: Draft, sentences: tuple[Sentence, ...], climb: _Climb
) -> Verdict:
    return Verdict(
        ask=stitched.ask,
        query=stitched.query,
        masked=stitched.masked,
        grant=stitched.grant,
        intent=stitched.intent,
        in_scope=stitched.in_scope,
        lanes=stitched.lanes,
        reasons=stitched.reasons,
        subject=stitched.subject,
        card=stitched.card,
        features=stitched.features,
        evidence=stitched.evidence,
        lane=draft.lane,
        sentences=sentences,
        confidence=draft.p,
        model=draft.model,
        checks=tuple(climb.checks),
        attempts=tuple(climb.attempts),
        signals=draft.signals,
    )

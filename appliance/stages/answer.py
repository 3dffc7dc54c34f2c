"""Stitched -> Verdict: climb the ladder; each lane's draft is governed before it is accepted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from appliance.errors import BackroomError, EngineBusy
from appliance.meter import Meter
from appliance.ports import Clock, Lane, LaneGuard
from appliance.records import (
    Attempt,
    Check,
    Draft,
    LaneName,
    Outcome,
    Sentence,
    Stitched,
    Tokens,
    Verdict,
)
from appliance.stages.govern import Govern

# Left for governance, the journal and the lanes below a model when a deadline is near.
RESERVE_S = 0.3
# A model is judged by its guard only when it had this share of the ask's time: one that fails with
# what a slow model before it left over is not to blame.
FAIR_SHARE = 0.5
# Cut under pressure. A card is said whole or not at all, as it was approved; a looked-up fact and
# a hand-over hold nothing to spare.
CUTTABLE = frozenset({LaneName.SPECIALIST, LaneName.GENERALIST, LaneName.QUOTE})
CUT = "its first sentence alone: this machine is under pressure"
NO_TOKENS = Tokens()


@dataclass(frozen=True, slots=True)
class Unguarded:
    """`ports.LaneGuard` that lets every lane in, always."""

    def closed(self, lane: LaneName) -> str:  # noqa: ARG002
        """Return '': every lane may be asked."""
        return ""

    def heard(self, lane: LaneName, *, seconds: float, failed: bool) -> None:
        """Forget it."""

    def excuse(self, lane: LaneName) -> None:
        """Forget it."""

    def is_brief(self) -> bool:
        """Return False: answers are as long as they are."""
        return False


@dataclass(slots=True)
class _Climb:
    """What has been tried so far."""

    attempts: list[Attempt] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def note(self, lane: LaneName, outcome: str, why: str = "", tokens: Tokens = NO_TOKENS) -> None:
        """Add what came of a lane."""
        self.attempts.append(Attempt(lane, outcome, why, tokens))


@dataclass(frozen=True, slots=True)
class Answer:
    """Stitched -> Verdict."""

    lanes: Mapping[LaneName, Lane]
    govern: Govern
    clock: Clock
    accept_at: Mapping[str, float]  # lane -> least p of an accepted draft
    guard: LaneGuard = Unguarded()

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
                draft, is_cut = self._brief(draft, stitched)
                sentences = self._governed(draft, stitched, climb)
            if sentences:
                climb.note(draft.lane, "answered", CUT if is_cut else "", draft.tokens)
                for sentence in sentences:
                    if say is not None:
                        say(sentence)
                verdict = _verdict(stitched, draft, sentences, climb)
                return replace(verdict, is_brief=is_cut)
        raise AssertionError("the ladder has no hand-over")

    def _draft(
        self, name: LaneName, stitched: Stitched, *, until: float, climb: _Climb, meter: Meter
    ) -> Draft | None:
        lane = self.lanes[name]
        remaining_s = until - self.clock.monotonic() - RESERVE_S
        if lane.is_model and (why := self._closed(name, remaining_s, meter)):
            climb.note(name, "unavailable", why)
            return None
        try:
            draft = self._drafted(lane, stitched, remaining_s=remaining_s, meter=meter)
        except BackroomError as exc:
            climb.note(name, "unavailable", f"{exc.code}: {exc.message}")
            return None
        if draft.is_none or not draft.sentences:
            outcome = "unavailable" if draft.is_late else "none"
            climb.note(name, outcome, draft.why or "said nothing", draft.tokens)
            return None
        least = self.accept_at.get(name.value, 0.0)
        if draft.p < least:
            climb.note(name, "unsure", f"p {draft.p:.2f} is under {least:.2f}", draft.tokens)
            return None
        return draft

    def _closed(self, name: LaneName, remaining_s: float, meter: Meter) -> str:
        """Return why a model cannot be asked now, or ''."""
        if remaining_s <= 0:
            return "no time left for a model"
        with meter.measure("monitoring"):
            return self.guard.closed(name)

    def _drafted(
        self, lane: Lane, stitched: Stitched, *, remaining_s: float, meter: Meter
    ) -> Draft:
        """Ask a lane; when it is a model's, tell the guard how it went, whatever comes of it."""
        if not lane.is_model:
            with meter.measure("governance"):
                return lane.draft(stitched, remaining_s=remaining_s)
        begun = self.clock.monotonic()
        is_judged, failed = remaining_s >= FAIR_SHARE * stitched.ask.deadline_s, True
        try:
            with meter.measure("model"):
                draft = lane.draft(stitched, remaining_s=remaining_s)
            failed = draft.is_late
        except EngineBusy:
            is_judged = False  # a full queue tells of the asks, not of the model
            raise
        finally:
            with meter.measure("monitoring"):
                if is_judged:
                    seconds = self.clock.monotonic() - begun
                    self.guard.heard(lane.name, seconds=seconds, failed=failed)
                else:
                    self.guard.excuse(lane.name)
        return draft

    def _brief(self, draft: Draft, stitched: Stitched) -> tuple[Draft, bool]:
        """Return the draft, under pressure its first sentence alone, and whether it was cut."""
        is_long = len(draft.sentences) > 1 and draft.lane in CUTTABLE
        if not is_long or not self.guard.is_brief():
            return draft, False
        if draft.lane is LaneName.QUOTE:  # of a quote, the likeliest sentence, quoted anew
            evidence = replace(stitched.evidence, excerpts=stitched.evidence.excerpts[:1])
            likeliest = replace(stitched, evidence=evidence)
            return self.lanes[draft.lane].draft(likeliest, remaining_s=0.0), True
        return replace(draft, sentences=draft.sentences[:1]), True

    def _governed(self, draft: Draft, stitched: Stitched, climb: _Climb) -> tuple[Sentence, ...]:
        """Return the draft's sentences after mends; empty when one of them fails."""
        accepted: list[Sentence] = []
        for sentence in draft.sentences:
            governed, checks = self.govern(sentence, draft=draft, stitched=stitched)
            climb.checks += checks
            failed = next((c for c in checks if c.outcome is Outcome.FAIL), None)
            if failed is not None:
                climb.note(draft.lane, "failed", f"{failed.name}: {failed.why}", draft.tokens)
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

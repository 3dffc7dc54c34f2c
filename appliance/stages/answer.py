"""Stitched -> Verdict: climb the ladder; each lane's draft is governed before it is accepted."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

from appliance.errors import BackroomError, EngineBusy, LineResting, StoreError
from appliance.meter import Meter
from appliance.ports import Clock, Lane, LaneGuard, StreamingLane
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
MORE = Sentence("")  # stands in a draft for what is still to come
NO_TOKENS = Tokens()
# A full queue tells of the asks, not of the model; a line known to be down was not tried.
NOT_TO_BLAME = (EngineBusy, LineResting)


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


@dataclass(slots=True)
class _Heard:
    """A lane's answer while it is being said."""

    stitched: Stitched
    climb: _Climb
    meter: Meter
    say: Callable[[Sentence], None]
    until: float  # of the clock
    raw: list[Sentence] = field(default_factory=list)  # as drafted, of what was said
    said: list[Sentence] = field(default_factory=list)

    def heard(self, sentence: Sentence, governed: Sentence) -> None:
        """Say a governed sentence; what cannot be written down is not said, and raises."""
        self.say(governed)
        self.raw.append(sentence)
        self.said.append(governed)


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
            say: Called with each sentence in order, once the whole draft is accepted; of a lane
                that streams, once the sentence is. What was said is not taken back: should a later
                sentence fail, or the line break, the answer ends with the last that was governed.
        """
        until = self.clock.monotonic() + stitched.ask.deadline_s
        climb = _Climb()
        for odds in stitched.lanes:
            lane = self.lanes[odds.lane]
            if say and isinstance(lane, StreamingLane) and not self.guard.is_brief():
                task = _Heard(stitched, climb, meter, say, until)
                if verdict := self._streamed(lane, task):
                    return verdict
                continue
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
        return draft if self._is_acceptable(draft, climb) else None

    def _is_acceptable(self, draft: Draft, climb: _Climb) -> bool:
        """Tell whether a draft says something and is sure enough of it; note it when not."""
        if draft.is_none or not draft.sentences:
            outcome = "unavailable" if draft.is_late else "none"
            climb.note(draft.lane, outcome, draft.why or "said nothing", draft.tokens)
            return False
        least = self.accept_at.get(draft.lane.value, 0.0)
        if draft.p < least:
            climb.note(draft.lane, "unsure", f"p {draft.p:.2f} is under {least:.2f}", draft.tokens)
            return False
        return True

    def _streamed(self, lane: StreamingLane, task: _Heard) -> Verdict | None:
        """Return the verdict of a lane whose sentences are said as they come, or None."""
        draft: Draft | None = None
        failure = ""
        try:
            with closing(self._pieces(lane, task)) as pieces:
                for draft in pieces:
                    if not task.said and not self._is_acceptable(draft, task.climb):
                        return None
                    if failure := self._say_new(draft, task):
                        break
        except StoreError:
            raise  # the journal's, not the lane's: what it does not hold is not said by anybody
        except BackroomError as exc:
            failure = f"{exc.code}: {exc.message}"
            if not task.said:
                task.climb.note(lane.name, "unavailable", failure)
        if draft is None or not task.said:
            return None
        return self._concluded(draft, task, failure)

    def _pieces(self, lane: StreamingLane, task: _Heard) -> Generator[Draft]:
        """Yield a lane's growing drafts; tell the guard how it went, whatever comes of it."""
        remaining_s = task.until - self.clock.monotonic() - RESERVE_S
        if why := self._closed(lane.name, remaining_s, task.meter):
            task.climb.note(lane.name, "unavailable", why)
            return
        deadline_s = task.stitched.ask.deadline_s
        seconds, failed, is_judged = 0.0, True, remaining_s >= FAIR_SHARE * deadline_s
        try:
            with closing(lane.drafts(task.stitched, remaining_s=remaining_s)) as drafts:
                while True:
                    begun = self.clock.monotonic()
                    try:
                        with task.meter.measure("model"):
                            draft = next(drafts, None)
                    finally:
                        seconds += self.clock.monotonic() - begun
                    if draft is None:
                        break
                    failed = draft.is_late
                    yield draft
        except NOT_TO_BLAME:
            is_judged = False
            raise
        except BackroomError:
            failed = True
            raise
        finally:
            with task.meter.measure("monitoring"):
                if is_judged:
                    self.guard.heard(lane.name, seconds=seconds, failed=failed)
                else:
                    self.guard.excuse(lane.name)

    def _say_new(self, draft: Draft, task: _Heard) -> str:
        """Say what a growing draft has more; return why its next sentence may not be said, or ''.

        A partial draft is governed with something after it, lest what goes with the last sentence
        be put behind one that is not.
        """
        whole = replace(draft, sentences=(*draft.sentences, MORE)) if draft.is_partial else draft
        for sentence in draft.sentences[len(task.raw) :]:
            with task.meter.measure("governance"):
                governed, checks = self.govern(sentence, draft=whole, stitched=task.stitched)
            task.climb.checks += checks
            failed = next((c for c in checks if c.outcome is Outcome.FAIL), None)
            if failed is not None:
                why = f"{failed.name}: {failed.why}"
                if not task.said:
                    task.climb.note(draft.lane, "failed", why, draft.tokens)
                return why
            task.heard(sentence, governed)
        return ""

    def _concluded(self, draft: Draft, task: _Heard, failure: str) -> Verdict:
        """Return the verdict of what was said; an answer that broke off still gets its notices."""
        why = ""
        if failure or draft.is_partial:
            why = f"ended after {len(task.said)} sentences: {failure or 'nothing followed'}"
            draft = replace(draft, sentences=tuple(task.raw), is_partial=False)
            with task.meter.measure("governance"):
                last, checks = self.govern(task.raw[-1], draft=draft, stitched=task.stitched)
            owed = last.text.removeprefix(task.said[-1].text).strip()
            if owed and last.text.startswith(task.said[-1].text):
                task.climb.checks += checks
                task.heard(task.raw[-1], replace(last, text=owed))
        task.climb.note(draft.lane, "answered", why, draft.tokens)
        return _verdict(task.stitched, draft, tuple(task.said), task.climb)

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
        except NOT_TO_BLAME:
            is_judged = False
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

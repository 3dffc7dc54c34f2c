"""The guard of the lanes: who is let in, who is judged, and what pressure cuts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from appliance.errors import EngineBusy, EngineError, LineDown
from appliance.lanes.api import nothing
from appliance.lanes.quote import QuoteLane
from appliance.meter import Meter
from appliance.records import Check, Draft, LaneName, Outcome, Sentence, Stitched, Verdict
from appliance.stages.answer import CUT, Answer
from appliance.stages.govern import Govern
from tests.builders.records import (
    a_ladder,
    a_passage,
    a_stitched,
    an_ask,
    an_evidence,
    excerpts_of,
)
from tests.fakes.clock import FakeClock
from tests.fakes.ports import ScriptedLane, saying

SPECIALIST, GENERALIST = LaneName.SPECIALIST, LaneName.GENERALIST
QUOTE, HANDOFF = LaneName.QUOTE, LaneName.HANDOFF
RULES = "Opened toys go back to the shelf. Faulty toys go to receiving. Call a lead for the rest."
TOYS = a_passage(RULES, id="toys#1", document="toys", title="Toys")


@dataclass
class NotingGuard:
    """`ports.LaneGuard` that does what the test says and notes what it hears."""

    shut: dict[LaneName, str] = field(default_factory=dict)
    brief: bool = False
    heard_of: list[tuple[LaneName, float, bool]] = field(default_factory=list)
    excused: list[LaneName] = field(default_factory=list)

    def closed(self, lane: LaneName) -> str:
        return self.shut.get(lane, "")

    def heard(self, lane: LaneName, *, seconds: float, failed: bool) -> None:
        self.heard_of.append((lane, seconds, failed))

    def excuse(self, lane: LaneName) -> None:
        self.excused.append(lane)

    def is_brief(self) -> bool:
        return self.brief


class Passing:
    """`Govern` that lets everything pass."""

    def __call__(
        self, sentence: Sentence, *, draft: Draft, stitched: Stitched
    ) -> tuple[Sentence, tuple[Check, ...]]:
        return sentence, (Check("G1", Outcome.PASS),)


@dataclass
class Stage:
    """The answer stage over scripted models and the real quote."""

    guard: NotingGuard = field(default_factory=NotingGuard)
    clock: FakeClock = field(default_factory=FakeClock)
    specialist: ScriptedLane = field(
        default_factory=lambda: ScriptedLane(SPECIALIST, is_model=True)
    )
    generalist: ScriptedLane = field(
        default_factory=lambda: ScriptedLane(GENERALIST, is_model=True)
    )

    def __call__(self, *ladder: LaneName) -> Verdict:
        said = saying(HANDOFF, Sentence("Ask."), Sentence("At the desk."), p=1.0)
        lanes = (self.specialist, self.generalist, QuoteLane(), ScriptedLane(HANDOFF, said))
        answer = Answer(
            {lane.name: lane for lane in lanes},
            cast(Govern, Passing()),
            self.clock,
            {"specialist": 0.5},
            self.guard,
        )
        evidence = an_evidence([TOYS], excerpts=excerpts_of(TOYS, 0.5, 0.9, 0.6))
        asked = a_stitched(lanes=a_ladder(*ladder), ask=an_ask(deadline_s=10.0), evidence=evidence)
        return answer(asked, meter=Meter(self.clock.monotonic))


def raising(error: Exception) -> Callable[[Stitched], Draft]:
    def fail(_: Stitched) -> Draft:
        raise error

    return fail


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_lane_that_rests_is_not_asked_and_the_receipt_says_why_and_who_answered(
    stage: Stage,
) -> None:
    stage.guard.shut[SPECIALIST] = "rests while this machine is critical: 3% of memory"

    verdict = stage(SPECIALIST, QUOTE)

    assert stage.specialist.remaining_s == []
    assert [(a.lane, a.outcome, a.why) for a in verdict.attempts] == [
        (SPECIALIST, "unavailable", "rests while this machine is critical: 3% of memory"),
        (QUOTE, "answered", ""),
    ]
    assert (stage.guard.heard_of, stage.guard.excused) == ([], [])


def test_an_honest_none_or_an_unsure_draft_is_no_failure(stage: Stage) -> None:
    stage(SPECIALIST)
    stage.specialist.script = saying(SPECIALIST, Sentence("Perhaps."), p=0.1)
    stage(SPECIALIST)
    assert [failed for _, _, failed in stage.guard.heard_of] == [False, False]


@pytest.mark.parametrize("error", [EngineError("broke"), LineDown("no line"), ZeroDivisionError()])
def test_an_error_is_a_failure_also_one_of_our_own(stage: Stage, error: Exception) -> None:
    stage.specialist.script = raising(error)
    if isinstance(error, ZeroDivisionError):
        with pytest.raises(ZeroDivisionError):
            stage(SPECIALIST)
    else:
        stage(SPECIALIST)
    assert stage.guard.heard_of == [(SPECIALIST, 0.0, True)]


def test_a_draft_the_deadline_cut_is_a_failure_and_takes_its_time(stage: Stage) -> None:
    def hang(_: Stitched) -> Draft:
        stage.clock.advance(9.7)
        return nothing(SPECIALIST, "stopped by deadline", is_late=True)

    stage.specialist.script = hang
    verdict = stage(SPECIALIST)
    assert stage.guard.heard_of == [(SPECIALIST, pytest.approx(9.7), True)]
    assert verdict.attempts[0].outcome == "unavailable"


def test_a_full_queue_says_nothing_of_the_lane(stage: Stage) -> None:
    stage.specialist.script = raising(EngineBusy("32 asks wait."))
    stage(SPECIALIST)
    assert (stage.guard.heard_of, stage.guard.excused) == ([], [SPECIALIST])


def test_a_lane_is_not_judged_by_what_a_slow_one_before_it_left_over(stage: Stage) -> None:
    def crawl(_: Stitched) -> Draft:
        stage.clock.advance(9.0)
        return nothing(GENERALIST, "nothing")

    stage.generalist.script = crawl
    stage.specialist.script = raising(EngineError("out of time"))
    stage(GENERALIST, SPECIALIST)
    assert [lane for lane, _, _ in stage.guard.heard_of] == [GENERALIST]
    assert stage.guard.excused == [SPECIALIST]


def test_what_the_guard_does_is_monitorings_time(stage: Stage) -> None:
    class SlowGuard(NotingGuard):
        def closed(self, lane: LaneName) -> str:
            stage.clock.advance(0.5)
            return ""

    meter = Meter(stage.clock.monotonic)
    answer = Answer(
        {
            SPECIALIST: stage.specialist,
            HANDOFF: ScriptedLane(HANDOFF, saying(HANDOFF, Sentence("A"))),
        },
        cast(Govern, Passing()),
        stage.clock,
        {},
        SlowGuard(),
    )
    answer(a_stitched(lanes=a_ladder(SPECIALIST)), meter=meter)
    assert dict(meter.times_ms())["monitoring"] == pytest.approx(500)


def test_under_pressure_a_quote_is_its_likeliest_sentence_closed_with_its_own_quote_mark(
    stage: Stage,
) -> None:
    long = stage(QUOTE)
    stage.guard.brief = True
    short = stage(QUOTE)
    assert len(long.sentences) > 1
    assert short.text == "The handbook says: “Faulty toys go to receiving.”"
    assert short.attempts[-1].why == CUT
    assert (long.is_brief, short.is_brief) == (False, True)


def test_under_pressure_a_models_draft_is_its_first_sentence(stage: Stage) -> None:
    stage.guard.brief = True
    stage.specialist.script = saying(SPECIALIST, Sentence("One."), Sentence("Two."))
    assert stage(SPECIALIST).text == "One."


def test_what_is_short_already_or_approved_word_for_word_is_not_cut(stage: Stage) -> None:
    stage.guard.brief = True
    assert stage().text == "Ask. At the desk."
    stage.specialist.script = saying(SPECIALIST, Sentence("One."))
    verdict = stage(SPECIALIST)
    assert (verdict.text, verdict.is_brief, verdict.attempts[-1].why) == ("One.", False, "")


def test_a_drafts_tokens_are_on_its_attempt_whatever_came_of_it(stage: Stage) -> None:
    from appliance.records import Tokens

    unsure = saying(SPECIALIST, Sentence("Perhaps."), p=0.1)
    stage.specialist.script = lambda s: replace(unsure(s), tokens=Tokens(50, 10, 4))
    assert stage(SPECIALIST).attempts[0].tokens == Tokens(50, 10, 4)

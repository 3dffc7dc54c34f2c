"""A lane that streams: each sentence is governed and said as it comes; none is taken back."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from appliance.errors import BackroomError, LineDown, LineResting, StoreError
from appliance.meter import Meter
from appliance.ports import LaneGuard
from appliance.records import Check, Draft, LaneName, Outcome, Sentence, Stitched, Verdict
from appliance.stages.answer import Answer, Unguarded
from appliance.stages.govern import Govern
from tests.builders.records import a_ladder, a_stitched
from tests.fakes.clock import FakeClock
from tests.fakes.ports import ScriptedLane, saying

NOTICE = "Keep the receipt."
BROKEN = LineDown("The line broke off.")


class LastGovern:
    """Forbids "wrong", and puts a notice behind the last sentence of a draft."""

    def __call__(
        self, sentence: Sentence, *, draft: Draft, stitched: Stitched
    ) -> tuple[Sentence, tuple[Check, ...]]:
        if "wrong" in sentence.text:
            return sentence, (Check("G3 values", Outcome.FAIL, "no source has it"),)
        if sentence == draft.sentences[-1] and draft.lane is LaneName.GENERALIST:
            return Sentence(f"{sentence.text} {NOTICE}"), (Check("G8 notices", Outcome.MEND),)
        return sentence, (Check("G3 values", Outcome.PASS),)


@dataclass
class StreamedLane:
    """`ports.StreamingLane` that says its sentences one by one, then ends or breaks."""

    said: tuple[str, ...]
    breaks: BackroomError | None = None
    took_s: float = 0.0
    clock: FakeClock = field(default_factory=FakeClock)
    name: LaneName = LaneName.GENERALIST
    is_model: bool = True
    heard_until: int = 0

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:
        raise AssertionError("somebody listens: it is to be streamed")

    def drafts(self, stitched: Stitched, *, remaining_s: float) -> Generator[Draft]:
        whole = Draft(self.name, tuple(Sentence(t) for t in self.said), p=0.8, model="cloud")
        for n in range(1, len(self.said)):
            self.clock.advance(self.took_s)
            self.heard_until = n
            yield replace(whole, sentences=whole.sentences[:n], is_partial=True)
        if self.breaks is not None:
            raise self.breaks
        self.heard_until = len(self.said)
        yield whole


@dataclass
class NotingGuard:
    """`ports.LaneGuard` that notes what it is told."""

    notes: list[tuple[LaneName, bool]] = field(default_factory=list)
    excused: int = 0

    def closed(self, lane: LaneName) -> str:
        return ""

    def is_brief(self) -> bool:
        return False

    def heard(self, lane: LaneName, *, seconds: float, failed: bool) -> None:
        self.notes.append((lane, failed))

    def excuse(self, lane: LaneName) -> None:
        self.excused += 1


def answer(
    lane: StreamedLane,
    heard: list[str],
    *,
    guard: LaneGuard | None = None,
    accept_at: float = 0.0,
    full: bool = False,
) -> Verdict:
    def say(sentence: Sentence) -> None:
        if full:
            raise StoreError("The disk is full.")
        heard.append(sentence.text)

    lanes = (lane, ScriptedLane(LaneName.HANDOFF, saying(LaneName.HANDOFF, Sentence("Ask."))))
    stage = Answer(
        {n.name: n for n in lanes},
        cast(Govern, LastGovern()),
        lane.clock,
        {"generalist": accept_at},
        guard or Unguarded(),
    )
    stitched = a_stitched(lanes=a_ladder(LaneName.GENERALIST))
    return stage(stitched, meter=Meter(lane.clock.monotonic), say=say)


def test_a_sentence_is_heard_before_the_next_one_is_written() -> None:
    heard: list[str] = []
    lane = StreamedLane(("One.", "Two.", "Three."))
    written: list[int] = []

    verdict = answer(
        lane, cast(list[str], _Watched(heard, lambda: written.append(lane.heard_until)))
    )

    assert heard == ["One.", "Two.", f"Three. {NOTICE}"]
    assert written == [1, 2, 3]
    assert verdict.text == " ".join(heard)
    assert (verdict.lane, verdict.model, verdict.confidence) == (LaneName.GENERALIST, "cloud", 0.8)


class _Watched(list[str]):
    def __init__(self, behind: list[str], look: object) -> None:
        self.behind, self.look = behind, look

    def append(self, text: str) -> None:
        self.look()  # type: ignore[operator]
        self.behind.append(text)


def test_a_first_sentence_that_fails_leaves_all_to_the_next_lane() -> None:
    heard: list[str] = []
    verdict = answer(StreamedLane(("A wrong one.", "Two.")), heard)
    assert heard == ["Ask."]
    assert (verdict.attempts[0].outcome, verdict.lane) == ("failed", LaneName.HANDOFF)


@pytest.mark.parametrize(
    "lane",
    [StreamedLane(("One.", "A wrong one.", "Three.")), StreamedLane(("One.", "Two."), BROKEN)],
    ids=["a later sentence fails", "the line breaks"],
)
def test_an_answer_that_breaks_off_ends_with_what_was_said_and_what_it_owes(
    lane: StreamedLane,
) -> None:
    heard: list[str] = []
    verdict = answer(lane, heard)
    assert heard == ["One.", NOTICE]
    assert verdict.text == f"One. {NOTICE}"
    assert "ended after 1 sentences" in verdict.attempts[-1].why


def test_a_line_that_breaks_before_a_word_leaves_all_to_the_next_lane() -> None:
    heard: list[str] = []
    verdict = answer(StreamedLane(("One.",), BROKEN), heard)
    assert heard == ["Ask."]
    assert verdict.attempts[0].why == "line_down: The line broke off."


def test_an_unsure_draft_is_not_heard() -> None:
    heard: list[str] = []
    assert answer(StreamedLane(("One.", "Two.")), heard, accept_at=0.9).text == "Ask."
    assert heard == ["Ask."]


@pytest.mark.parametrize(
    ("breaks", "notes", "excused"),
    [
        (None, [(LaneName.GENERALIST, False)], 0),
        (BROKEN, [(LaneName.GENERALIST, True)], 0),
        (LineResting("Its breaker is open."), [], 1),
    ],
)
def test_the_guard_hears_how_it_went_unless_the_line_was_not_tried(
    breaks: BackroomError | None, notes: list[tuple[LaneName, bool]], excused: int
) -> None:
    guard = NotingGuard()
    answer(StreamedLane(("One.",), breaks), [], guard=guard)
    assert (guard.notes, guard.excused) == (notes, excused)


def test_a_sentence_that_cannot_be_written_down_is_no_fault_of_the_lane() -> None:
    with pytest.raises(StoreError):
        answer(StreamedLane(("One.", "Two.")), [], full=True)

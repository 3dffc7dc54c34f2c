"""The climb: what a lane drafts is said only as governance leaves it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from appliance.meter import Meter
from appliance.records import Check, Draft, LaneName, Outcome, Sentence, Stitched, Verdict
from appliance.stages.answer import Answer
from appliance.stages.govern import Govern
from tests.builders.records import a_ladder, a_stitched
from tests.fakes.clock import FakeClock
from tests.fakes.ports import ScriptedLane, saying

MENDED = Check("G7 banned", Outcome.MEND, "replaced", "Mended.", "no-promise")


class WordGovern:
    """Forbids a sentence with "wrong" in it, mends one with "rough"."""

    def __call__(
        self, sentence: Sentence, *, draft: Draft, stitched: Stitched
    ) -> tuple[Sentence, tuple[Check, ...]]:
        if "wrong" in sentence.text:
            return sentence, (Check("G2 values", Outcome.FAIL, "no source has it"),)
        if "rough" in sentence.text:
            return Sentence("Mended."), (MENDED,)
        return sentence, (Check("G2 values", Outcome.PASS),)


def answer(*said: str, say: Any = None, ladder: Any = None) -> Verdict:
    clock = FakeClock()
    draft = saying(LaneName.QUOTE, *(Sentence(text) for text in said), p=0.7)
    lanes = (
        ScriptedLane(LaneName.QUOTE, draft),
        ScriptedLane(LaneName.HANDOFF, saying(LaneName.HANDOFF, Sentence("Ask."), p=1.0)),
    )
    stage = Answer({n.name: n for n in lanes}, cast(Govern, WordGovern()), clock, {})
    stitched = a_stitched(lanes=ladder or a_ladder(LaneName.QUOTE))
    return stage(stitched, meter=Meter(clock.monotonic), say=say)


def test_a_mended_sentence_is_said_as_mended_and_its_check_is_kept() -> None:
    heard: list[Sentence] = []
    verdict = answer("Fine.", "A rough one.", say=heard.append)
    assert verdict.text == "Fine. Mended."
    assert [s.text for s in heard] == ["Fine.", "Mended."]
    assert MENDED in verdict.checks


def test_nothing_of_a_draft_is_heard_when_its_last_sentence_fails() -> None:
    heard: list[Sentence] = []
    verdict = answer("Fine.", "A wrong one.", say=heard.append)
    assert verdict.lane is LaneName.HANDOFF
    assert [s.text for s in heard] == ["Ask."]
    assert [(a.lane, a.outcome, a.why) for a in verdict.attempts] == [
        (LaneName.QUOTE, "failed", "G2 values: no source has it"),
        (LaneName.HANDOFF, "answered", ""),
    ]


def test_checks_of_the_draft_that_failed_stay_on_the_receipt() -> None:
    assert Outcome.FAIL in {c.outcome for c in answer("A wrong one.").checks}


def test_the_verdict_says_whose_draft_it_is_and_how_sure() -> None:
    verdict = answer("Fine.")
    assert (verdict.lane, verdict.confidence, verdict.model) == (LaneName.QUOTE, 0.7, "scripted")


def test_a_ladder_without_a_hand_over_is_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError, match="no hand-over"):
        answer("A wrong one.", ladder=a_ladder(LaneName.QUOTE)[:1])

"""The specialist over a scripted model: what it read and wrote is told, whatever came of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.engines.scripted import ScriptedEngine, script
from appliance.lanes.prompt import CONTROLS, END, NONE
from appliance.lanes.specialist import SpecialistLane
from appliance.logistic import Logistic
from tests.builders.records import a_stitched

SPECIAL = (*(c for c in CONTROLS if c != END), END)  # the script's answers end with the last


@pytest.fixture
def lane() -> Iterator[SpecialistLane]:
    engine = ScriptedEngine(script(otherwise=NONE), special=SPECIAL)
    yield SpecialistLane(engine, Logistic({}, 0.0))
    engine.close()


def test_tokens_are_told_also_of_a_draft_that_says_nothing(lane: SpecialistLane) -> None:
    draft = lane.draft(a_stitched(), remaining_s=10.0)
    assert (draft.is_none, draft.is_late) == (True, False)
    assert draft.tokens.prompt > 0
    assert draft.tokens.generated == 1


def test_a_draft_the_deadline_cut_says_so(lane: SpecialistLane) -> None:
    draft = lane.draft(a_stitched(), remaining_s=0.0)
    assert (draft.is_none, draft.is_late, draft.why) == (True, True, "stopped by deadline")

"""The specialist over a scripted model: what it read and wrote is told, whatever came of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.engines.scripted import ScriptedEngine, script
from appliance.lanes.prompt import CONTROLS, END, NONE
from appliance.lanes.specialist import SpecialistLane
from appliance.logistic import Logistic
from appliance.records import Evidence, Fact, Stitched
from appliance.stages.grounding import stray_values, support
from appliance.values import assign_slots, find_values
from tests.builders.records import NOW, a_stitched

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


PRICES = (
    "The price of Acme lamp is $10.99.",
    "The price of Bolt lamp is $24.50.",
)


def two_prices(ask: str) -> Stitched:
    facts = tuple(
        Fact(f"f{n}", "price", f"LM-10000{n}", text, find_values(text), NOW)
        for n, text in enumerate(PRICES)
    )
    evidence = Evidence((), facts, assign_slots((), facts))
    return a_stitched(ask, evidence=evidence)


@pytest.fixture
def citing_two() -> Iterator[SpecialistLane]:
    engine = ScriptedEngine(script(otherwise="<|src1|><|src2|>"), special=SPECIAL)
    yield SpecialistLane(engine, Logistic({}, 0.0))
    engine.close()


def test_two_cited_sources_are_said_in_their_own_words(citing_two: SpecialistLane) -> None:
    draft = citing_two.draft(two_prices("what do both lamps cost"), remaining_s=10.0)
    assert [s.text for s in draft.sentences] == list(PRICES)
    assert [[c.id for c in s.sources] for s in draft.sentences] == [["f0"], ["f1"]]
    assert dict(draft.signals)["is_copy"] == 1.0


def test_what_is_less_is_worked_out_by_code_and_cites_both(citing_two: SpecialistLane) -> None:
    draft = citing_two.draft(two_prices("which lamp is cheaper"), remaining_s=10.0)
    last = draft.sentences[-1]
    assert last.text == "$10.99 is less than $24.50."
    assert [c.id for c in last.sources] == ["f0", "f1"]
    cited = PRICES
    assert support(last.text, cited) == (1.0, 1.0)
    assert stray_values(last.text, cited=cited, asked=("which lamp is cheaper",)) == []
    assert support("$24.50 is less than $10.99.", cited) != (1.0, 1.0)

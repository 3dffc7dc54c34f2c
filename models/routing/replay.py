"""Replay asks whose answer is known through every lane and the whole ladder: recorded outcomes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from appliance.backroom import Store
from appliance.meter import Meter
from appliance.records import Draft, LaneName, Stitched, Verdict
from models.excerpts import LabelledAsk
from models.intents import LiveAsk
from models.outcomes import LANES, answers, draft_by, says, stitched_for
from models.routing.outcome_file import LaneOutcome, Outcome, Said

DIGITS = 4  # of a feature as it is recorded


def replay_handbook(store: Store, asks: Iterable[LabelledAsk]) -> Iterator[Outcome]:
    """Yield what came of asks whose answering sentence is known."""
    for ask in asks:
        stitched = stitched_for(store, ask.text)
        lanes = {}
        for lane in LANES:
            draft = draft_by(store, lane, stitched)
            lanes[lane.value] = _tried(draft, is_right=answers(draft, ask))
        verdict = _verdict(store, stitched)
        is_right = says(verdict.text, ask)
        yield _outcome(stitched, "handbook", lanes, verdict, is_right=is_right)


def replay_live(store: Store, asks: Iterable[LiveAsk]) -> Iterator[Outcome]:
    """Yield what came of questions for live facts; only the lookup lane can be right."""
    for ask in asks:
        stitched = stitched_for(store, ask.text)
        draft = draft_by(store, LaneName.LOOKUP, stitched)
        is_told = draft is not None and not draft.is_none
        subject = (ask.subject,) if ask.subject else ()
        found = is_told and stitched.intent == ask.intent and stitched.subject[:1] == subject
        lanes = {lane.value: LaneOutcome(right=False) for lane in LANES}
        lanes[LaneName.LOOKUP.value] = _tried(draft, is_right=found)
        verdict = _verdict(store, stitched)
        is_right = found and verdict.lane is LaneName.LOOKUP
        yield _outcome(stitched, "live", lanes, verdict, is_right=is_right)


def _tried(draft: Draft | None, *, is_right: bool) -> LaneOutcome:
    is_told = draft is not None and not draft.is_none
    return LaneOutcome(right=is_right, p=round(draft.p, DIGITS) if draft and is_told else None)


def _verdict(store: Store, stitched: Stitched) -> Verdict:
    return store.pipeline.answer(stitched, meter=Meter(store.clock.monotonic))


def _outcome(
    stitched: Stitched,
    kind: str,
    lanes: dict[str, LaneOutcome],
    verdict: Verdict,
    *,
    is_right: bool,
) -> Outcome:
    """Return the record; the outcome of the lane that spoke is that of what was heard of it."""
    said = verdict.lane.value
    if said in lanes:
        lanes[said] = LaneOutcome(right=is_right, p=lanes[said].p)
    text = stitched.ask.text
    return Outcome(
        id=hashlib.sha256(text.encode()).hexdigest()[:12],
        text=text,
        lanes=lanes,
        features={name: round(float(v), DIGITS) for name, v in stitched.features},
        slices={"kind": kind, "language": stitched.query.language},
        said=Said(said, round(verdict.confidence, DIGITS)),
    )

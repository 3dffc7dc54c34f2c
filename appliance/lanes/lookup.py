"""Live facts through their templates: no model, no guess."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.lanes.api import nothing
from appliance.lanes.returning import rule_of
from appliance.records import Draft, Fact, LaneName, Sentence, Source, Stitched
from appliance.stages.versus import contest_of, settled

MOST_FACTS = 5


@dataclass(frozen=True, slots=True)
class LookupLane:
    """Speaks the facts that were read for this ask's intent."""

    name: LaneName = LaneName.LOOKUP
    is_model: bool = False

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:  # noqa: ARG002
        """Return one sentence per fact, and one for each feed that could not be read."""
        facts = [f for f in stitched.evidence.facts if not f.is_stale][:MOST_FACTS]
        if not facts and not stitched.evidence.missing:
            return nothing(self.name, "no live fact was read for this ask")
        contest = contest_of(stitched.query.standalone) if len(stitched.subject) == 2 else None
        if contest is None:
            sentences = [_spoken(fact) for fact in facts]
            sentences += rule_of(stitched, facts)
        else:
            sentences = settled(contest, stitched.evidence.facts, language=stitched.query.language)
        sentences += [
            Sentence(f"{m[0].upper()}{m[1:].rstrip('.')}.") for m in stitched.evidence.missing
        ]
        if not sentences:
            return nothing(self.name, "what was asked to be compared is not listed")
        p = next((o.p for o in stitched.lanes if o.lane is self.name), 0.0)
        return Draft(self.name, tuple(sentences), p=p)


def _spoken(fact: Fact) -> Sentence:
    return Sentence(fact.text, (Source(fact.id, fact.family, 0, len(fact.text)),))

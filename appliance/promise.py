"""What a release promises of the store's own answers, and which answers that covers.

Proven at headquarters on the parts that ship (`models/routing/promise.py`): of what the store says
by itself at least this sure, at most so much is wrong. It covers asks drawn like those it was
proven on, and no answer of headquarters' own model.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.errors import DamagedRelease
from appliance.records import LaneName
from appliance.release import AGAIN, Manifest

EVALUATION, THRESHOLD = "promise", "promise_at"  # where a manifest keeps it
OURS = frozenset({LaneName.CARD, LaneName.LOOKUP, LaneName.SPECIALIST, LaneName.QUOTE})


@dataclass(frozen=True, slots=True)
class Promise:
    """A release's word on its own answers.

    Attributes:
        at: Least p of an answer it covers; None when nothing could be promised.
        risk: Share of these that may be wrong.
        confidence: That no more are.
        sentence: The same for a person, with what it was proven on.
        lanes: Whose answers it is about; of the store's other ones nothing is promised.
    """

    at: float | None
    risk: float
    confidence: float
    sentence: str
    lanes: frozenset[LaneName] = OURS

    def said_of(self, lane: LaneName, p: float) -> str:
        """Return what may be promised of one answer, in words; "" where it is not the store's."""
        if lane not in OURS:
            return ""
        if self.at is None:
            return "nothing is promised: this release could prove nothing of its answers"
        if lane not in self.lanes:
            return f"not promised: what is said by the {lane.value} lane is not covered"
        if p < self.at:
            return f"not promised: p {p:.2f} is under {self.at:.2f}"
        return (
            f"promised: of answers this sure at most {self.risk:.1%} are wrong, at"
            f" {self.confidence:.0%} confidence"
        )


def promise_of(manifest: Manifest) -> Promise | None:
    """Return what a release promises; None of one that was never asked to.

    Raises:
        DamagedRelease: What the manifest says of it is no promise.
    """
    row = manifest.evaluation.get(EVALUATION)
    if row is None:
        return None
    try:
        at = manifest.thresholds.get(THRESHOLD)
        risk, confidence = float(row["risk"]), float(row["confidence"])
        lanes = frozenset(map(LaneName, row.get("lanes", OURS)))
        least = None if at is None else float(at)
        return Promise(least, risk, confidence, str(row["sentence"]), lanes)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise DamagedRelease(
            f"Release {manifest.id}: its promise needs a risk, a confidence and a sentence.",
            hint=AGAIN,
        ) from exc

"""A pipeline that reads what was read then and writes nothing: for `backroom replay`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from appliance.codec import from_plain
from appliance.lanes.api import nothing
from appliance.pipeline import Pipeline, Unwatched
from appliance.ports import Clock, Facts, Reading
from appliance.records import Draft, Entry, Fact, LaneName, Role, Sentence, Stitched, Turn


def rehearsal(pipeline: Pipeline, row: Mapping[str, Any], *, clock: Clock) -> Pipeline:
    """Return `pipeline` as it stood for one reply, with a journal that keeps nothing.

    It reads the live facts recorded then; the lanes that could not be asked then are not asked,
    whatever today's pressure and breakers are; headquarters is not asked again, for it would say
    something else; and nobody counts the reply.

    Args:
        pipeline: The store's own.
        row: Body of the reply's journal row: `reading` and `reply` are used.
        clock: Of the rows that are not written.
    """
    reading, reply = row["reading"], row["reply"]
    guard = RecordedGuard(
        {a["lane"]: a["why"] for a in reply["attempts"] if a["outcome"] == "unavailable"},
        bool(reply.get("is_brief")),
    )
    facts = RecordedFacts(
        tuple(from_plain(f, Fact) for f in reading["facts"]),
        tuple(reading["missing"]),
        pipeline.stitch.facts,
    )
    recorded = RecordedGeneralist(reply)
    return replace(
        pipeline,
        route=replace(pipeline.route, line_is_configured=recorded.had_line),
        stitch=replace(pipeline.stitch, facts=facts),
        answer=replace(
            pipeline.answer,
            guard=guard,
            lanes={**pipeline.answer.lanes, recorded.name: recorded},
        ),
        audit=replace(pipeline.audit, journal=Unwritten(clock), threads=Forgetful()),
        monitor=Unwatched(),
    )


@dataclass(frozen=True, slots=True)
class RecordedFacts:
    """`ports.Facts` as they were read for one ask."""

    facts: tuple[Fact, ...]
    missing: tuple[str, ...]
    live: Facts  # tells which families there are; is never read

    def families(self) -> tuple[str, ...]:
        """Return the families of facts that can be read."""
        return self.live.families()

    def families_for(self, kind: str) -> tuple[str, ...]:
        """Return the families that answer a kind of question."""
        return self.live.families_for(kind)

    def read(
        self,
        families: Sequence[str],  # noqa: ARG002
        *,
        subject: str,
        at: datetime,  # noqa: ARG002
        role: Role = Role.ASSOCIATE,  # noqa: ARG002
        language: str = "en",  # noqa: ARG002 - as it was said then
    ) -> Reading:
        """Return what was read about `subject`, and all that was missing."""
        return Reading(tuple(f for f in self.facts if f.subject == subject), self.missing)


@dataclass(frozen=True, slots=True)
class RecordedGeneralist:
    """`ports.Lane` of headquarters' model as it answered one ask; it is governed anew."""

    reply: Mapping[str, Any]  # as recorded
    name: LaneName = LaneName.GENERALIST
    is_model: bool = True

    @property
    def had_line(self) -> bool:
        """Whether the store had a line then: its ladder shows it."""
        return any(odds["lane"] == self.name for odds in self.reply["lanes"])

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:  # noqa: ARG002
        """Return what it said then, or why it said nothing."""
        if self.reply["lane"] != self.name:
            tried = (a["why"] for a in self.reply["attempts"] if a["lane"] == self.name)
            return nothing(self.name, next(tried, "it was not asked"))
        said = tuple(from_plain(s, Sentence) for s in self.reply["sentences"])
        return Draft(self.name, said, p=self.reply["confidence"], model=self.reply["model"])


@dataclass(frozen=True, slots=True)
class RecordedGuard:
    """`ports.LaneGuard` as it stood for one ask."""

    rested: Mapping[str, str]  # lane -> why it could not answer then
    was_brief: bool

    def closed(self, lane: LaneName) -> str:
        """Return why the lane could not answer then, or ''."""
        return self.rested.get(lane.value, "")

    def heard(self, lane: LaneName, *, seconds: float, failed: bool) -> None:
        """Forget it: a replay says nothing of today's lanes."""

    def excuse(self, lane: LaneName) -> None:
        """Forget it."""

    def is_brief(self) -> bool:
        """Whether the answer was cut then."""
        return self.was_brief


@dataclass(frozen=True, slots=True)
class Unwritten:
    """`ports.Journal` that keeps nothing."""

    clock: Clock

    def append(self, kind: str, body: Mapping[str, Any]) -> Entry:  # noqa: ARG002
        """Return an entry that stands nowhere."""
        return Entry(0, self.clock.now(), kind, "", "", "")

    def reply(self, reply_id: str) -> None:  # noqa: ARG002
        """Return None: nothing was kept."""
        return

    def verify(self) -> int:
        """Return 0: there are no rows."""
        return 0


@dataclass(frozen=True, slots=True)
class Forgetful:
    """`ports.Threads` that keeps nothing; the turns of a replay are in its ask."""

    def turns(self, thread: str, *, limit: int = 6) -> tuple[Turn, ...]:  # noqa: ARG002
        """Return nothing."""
        return ()

    def add(self, thread: str, turn: Turn, *, reply_id: str, at: datetime) -> None:
        """Forget it."""

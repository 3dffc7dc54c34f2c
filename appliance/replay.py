"""A pipeline that reads what was read then and writes nothing: for `backroom replay`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from appliance.codec import from_plain
from appliance.pipeline import Pipeline
from appliance.ports import Clock, Facts, Reading
from appliance.records import Entry, Fact, Role, Turn


def rehearsal(pipeline: Pipeline, reading: Mapping[str, Any], *, clock: Clock) -> Pipeline:
    """Return `pipeline` over the recorded live facts, with a journal that keeps nothing.

    Args:
        pipeline: The store's own.
        reading: `reading` of a journal row: facts and what was missing.
        clock: Of the rows that are not written.
    """
    facts = RecordedFacts(
        tuple(from_plain(f, Fact) for f in reading["facts"]),
        tuple(reading["missing"]),
        pipeline.stitch.facts,
    )
    return replace(
        pipeline,
        stitch=replace(pipeline.stitch, facts=facts),
        audit=replace(pipeline.audit, journal=Unwritten(clock), threads=Forgetful()),
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
    ) -> Reading:
        """Return what was read about `subject`, and all that was missing."""
        return Reading(tuple(f for f in self.facts if f.subject == subject), self.missing)


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

"""Turns at the processor: as many asks are thought about at once as the model leaves cores.

Threads that all think at once take the interpreter from each other every few milliseconds, so each
of eight asks is done when all eight are. In turns, first come first served, the first is done
earlier and the last no later. Whoever waits for a model, a disk or the store's database holds none.
Measured: `python -m tests.bench.bench_store`.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

from appliance.ports import Facts, Lane, Reading, StreamingLane
from appliance.records import Draft, LaneName, Role, Stitched

MOST = 3  # the interpreter lets one think; embedding and numpy go on beside it


class Turns:
    """A fair gate; a thread holds one turn at most."""

    def __init__(self, count: int = 0) -> None:
        """Allow `count` turns at once; 0: one per core but the model's, MOST at most."""
        self._free = count or max(1, min((os.cpu_count() or 1) - 1, MOST))
        self._line: deque[threading.Lock] = deque()  # as long as there are threads
        self._lock = threading.Lock()
        self._mine = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn and hold it inside."""
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def rested(self) -> Iterator[None]:
        """Give this thread's turn, if it has one, back while it waits for something else."""
        if not getattr(self._mine, "has_turn", False):
            yield
            return
        self._give()
        try:
            yield
        finally:
            self._take(again=True)

    def _take(self, *, again: bool = False) -> None:
        with self._lock:
            is_free = self._free > 0
            called = threading.Lock()
            if is_free:
                self._free -= 1
            else:
                called.acquire()
                # Who had a turn before comes next: it was first come, too.
                (self._line.appendleft if again else self._line.append)(called)
        if not is_free:
            called.acquire()  # released by whoever gives its turn to this thread
        self._mine.has_turn = True

    def _give(self) -> None:
        self._mine.has_turn = False
        with self._lock:
            if self._line:
                self._line.popleft().release()
            else:
                self._free += 1


@dataclass(frozen=True, slots=True)
class RestingFacts:
    """`ports.Facts` over others; who waits for the store's database gives the turn back."""

    facts: Facts
    turns: Turns

    def families(self) -> tuple[str, ...]:
        """Return the families of facts that can be read."""
        return self.facts.families()

    def families_for(self, kind: str) -> tuple[str, ...]:
        """Return the families that answer a kind of question."""
        return self.facts.families_for(kind)

    def read(
        self,
        families: Sequence[str],
        *,
        subject: str,
        at: datetime,
        role: Role = Role.ASSOCIATE,
        language: str = "en",
    ) -> Reading:
        """Read the families for one subject; never raises."""
        if not families:
            return Reading(())
        with self.turns.rested():
            return self.facts.read(families, subject=subject, at=at, role=role, language=language)


@dataclass(frozen=True, slots=True)
class RestingLane:
    """`ports.Lane` over a model's; who waits for the model gives the turn back.

    The wait for the next turn is part of the draft's time.
    """

    lane: Lane
    turns: Turns

    @property
    def name(self) -> LaneName:
        """The lane's name."""
        return self.lane.name

    @property
    def is_model(self) -> bool:
        """Whether a model speaks."""
        return self.lane.is_model

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:
        """Return the lane's draft.

        Raises:
            BackroomError: As the lane does.
        """
        with self.turns.rested():
            return self.lane.draft(stitched, remaining_s=remaining_s)


@dataclass(frozen=True, slots=True)
class RestingStream(RestingLane):
    """`ports.StreamingLane` over a model's; between the pieces the turn is taken again."""

    lane: StreamingLane

    def drafts(self, stitched: Stitched, *, remaining_s: float) -> Generator[Draft]:
        """Yield the lane's draft as it grows.

        Raises:
            BackroomError: As the lane does.
        """
        with closing(self.lane.drafts(stitched, remaining_s=remaining_s)) as drafts:
            while True:
                with self.turns.rested():
                    draft = next(drafts, None)
                if draft is None:
                    return
                yield draft


def resting(lane: Lane, turns: Turns) -> Lane:
    """Return a model's lane, for whose wait the turn is given back; another as it is."""
    if not lane.is_model:
        return lane
    if isinstance(lane, StreamingLane):
        return RestingStream(lane, turns)
    return RestingLane(lane, turns)

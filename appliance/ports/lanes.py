"""Role of a way to answer: evidence in, a draft out."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol, runtime_checkable

from appliance.records import Draft, LaneName, Stitched


class Lane(Protocol):
    """One way to answer. A lane that finds nothing returns a draft that `is_none`."""

    @property
    def name(self) -> LaneName:
        """Which lane this is."""
        ...

    @property
    def is_model(self) -> bool:
        """Whether its time counts as the model's."""
        ...

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:
        """Return what this lane would say.

        Args:
            stitched: The ask with its evidence.
            remaining_s: Seconds left until the ask's deadline.

        Raises:
            BackroomError: The lane cannot answer now (engine busy, line down); the next one will.
        """
        ...


@runtime_checkable
class StreamingLane(Lane, Protocol):
    """A lane whose draft can be heard while it is still being written."""

    def drafts(self, stitched: Stitched, *, remaining_s: float) -> Generator[Draft]:
        """Yield the draft as it grows, the whole one last; to close the iterator ends it.

        Each but the last `is_partial`: its sentences are whole, and another will follow them.

        Raises:
            BackroomError: As `draft` does, also after some of it was yielded.
        """
        ...

"""Role of a way to answer: evidence in, a draft out."""

from __future__ import annotations

from typing import Protocol

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

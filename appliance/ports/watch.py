"""Roles of monitoring: who lets lanes be asked, and who hears of every ask."""

from __future__ import annotations

from typing import Protocol

from appliance.records import LaneName, Reply


class LaneGuard(Protocol):
    """Who may be asked now: lanes rest under pressure and while their breaker is open.

    A lane let in by `closed` is a try, and each try ends in one of `heard` and `excuse`.
    """

    def closed(self, lane: LaneName) -> str:
        """Return why this lane is not to be asked now, in words for a receipt; '' when it may."""
        ...

    def heard(self, lane: LaneName, *, seconds: float, failed: bool) -> None:
        """Note how a try went; an honest "none" has not failed."""
        ...

    def excuse(self, lane: LaneName) -> None:
        """Take a try back that says nothing of the lane: its queue was full, its time too short."""
        ...

    def is_brief(self) -> bool:
        """Whether long answers are to be cut to their first sentence."""
        ...


class Monitor(Protocol):
    """Hears of every ask, once it is over."""

    def answered(self, reply: Reply) -> None:
        """Note a reply that stands in the journal; never raises."""
        ...

    def failed(self, code: str) -> None:
        """Note an ask that got no reply, by its error's code; never raises."""
        ...

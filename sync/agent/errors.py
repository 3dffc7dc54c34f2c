"""What goes wrong at the store's end of the line, beside `appliance.errors` and `sync.errors`.

* BadInput
  x NotEnrolled         no hub knows this home
  x AgentRuns           another agent has this home
* LineDown
  x HubFailed           the hub answered that it cannot, or not as agreed
  x TurnedAway          the hub refuses this identity: counts as a line that is down
* HubRefused            the hub refuses one request: to send it again is of no use
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.errors import BackroomError, BadInput, LineDown


class NotEnrolled(BadInput):
    """No hub knows this home."""

    code = "not_enrolled"


class AgentRuns(BadInput):
    """Another agent has this home: one at a time may speak for it."""

    code = "agent_runs"


class HubFailed(LineDown):
    """The hub answered that it cannot now, or not as was agreed.

    Attributes:
        status: Of HTTP.
        retry_after_s: Seconds it wants to be left alone for; 0 when it did not say.
    """

    code = "hub_failed"

    def __init__(
        self, message: str, *, status: int = 0, retry_after_s: float = 0.0, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after_s = retry_after_s


class TurnedAway(LineDown):
    """The hub refuses this identity; what is owed waits as on a line that is down."""

    code = "turned_away"


class HubRefused(BackroomError):
    """The hub refuses one request.

    Attributes:
        status: Of HTTP.
        problem: The members of its problem document, as they came.
    """

    code = "hub_refused"

    def __init__(
        self, message: str, *, status: int, problem: Mapping[str, Any], hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.problem = problem

    @property
    def reason(self) -> str:
        """The problem's stable name: `clock_skew`, `bad_token` …; '' for none."""
        return str(self.problem.get("code", ""))

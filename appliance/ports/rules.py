"""The role of the chain's rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from appliance.records import Fired


@dataclass(frozen=True, slots=True)
class Decision:
    """The policy engine's word on one request."""

    allowed: bool
    fired: tuple[Fired, ...]  # determining policies; forbids first

    @property
    def rule(self) -> str:
        """Id of the rule that refused, or ''."""
        return next((f.rule for f in self.fired if f.effect == "forbid"), "")

    @property
    def message(self) -> str:
        """The refusal in words for an associate, or ''."""
        return next((f.message for f in self.fired if f.effect == "forbid"), "")


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """May `principal` do `action` on `resource`, in `context`?"""

    action: str  # "read_document", "read_fact", "promise_discount" …
    role: str
    resource_type: str = "Store"
    resource_id: str = "self"
    resource: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    associate: str = "anyone"
    store: str = "0001"


class Policy(Protocol):
    """The chain's rules."""

    def decide(self, request: PolicyRequest, *, at: datetime) -> Decision:
        """Return the decision under the rules in force at `at`."""
        ...

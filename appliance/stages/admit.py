"""Prepared -> Admitted: what this person on this device may ask and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from appliance.policy.claims import find_claims
from appliance.ports import Decision, Policy, PolicyRequest
from appliance.records import Admitted, Ask, Fired, Grant, Prepared, Role

INJECTION_RULE = "screen-injection"
INJECTION_MESSAGE = (
    "That reads like an instruction to the assistant, not a question about the store."
    " Please ask it as you would ask a colleague."
)

UNRULED = "no-rule"
UNRULED_MESSAGE = "No rule allows this. Please ask your lead or manager."


@dataclass(frozen=True, slots=True)
class Admit:
    """Prepared -> Admitted."""

    policy: Policy
    screen: Callable[[str], tuple[float, bool]]  # text -> (probability, is an injection)
    families: tuple[str, ...]  # every family of live facts the store can read

    def __call__(self, prepared: Prepared) -> Admitted:
        """Return the ask with its grant; a refusal is a grant that is not allowed."""
        ask = prepared.ask
        probability, is_injected = self.screen(prepared.query.text)
        fired: list[Fired] = []
        refusal = self._claims(prepared, fired)
        if is_injected:
            screened = Fired(INJECTION_RULE, "forbid", INJECTION_MESSAGE, f"p = {probability:.2f}")
            refusal = refusal or screened
            fired.append(screened)
        grant = Grant(
            allowed=refusal is None,
            audiences=self._audiences(ask),
            families=self.families_for(
                ask.role,
                at=ask.asked_at,
                has_order=any(e.kind == "order" for e in prepared.query.entities),
            ),
            rule=refusal.rule if refusal else "",
            message=refusal.message if refusal else "",
            fired=tuple(dict.fromkeys(fired)),
            injection=probability,
            is_injected=is_injected,
        )
        return Admitted(ask=ask, query=prepared.query, masked=prepared.masked, grant=grant)

    def families_for(self, role: Role, *, at: datetime, has_order: bool = False) -> tuple[str, ...]:
        """Return the families of live facts that a role may read at an instant."""

        def allowed(family: str) -> bool:
            request = PolicyRequest(
                action="read_fact",
                role=role.value,
                resource_type="Fact",
                resource_id=family,
                resource={"family": family},
                context={"order_given": has_order},
            )
            return self._decide(request, at).allowed

        return tuple(family for family in self.families if allowed(family))

    def _claims(self, prepared: Prepared, fired: list[Fired]) -> Fired | None:
        """Decide what the ask itself wants committed; return the first refusal."""
        ask = prepared.ask
        refusals: list[Fired] = []
        for claim in find_claims(prepared.query.text, role=ask.role.value, is_ask=True):
            decision = self._decide(claim, ask.asked_at)
            fired.extend(decision.fired)
            if not decision.allowed:
                refusals.append(_refusal(decision))
        return refusals[0] if refusals else None

    def _audiences(self, ask: Ask) -> tuple[str, ...]:
        def allowed(audience: str) -> bool:
            request = PolicyRequest(
                action="read_document",
                role=ask.role.value,
                resource_type="Document",
                resource_id=audience,
                resource={"audience": audience},
            )
            return self._decide(request, ask.asked_at).allowed

        return tuple(role.value for role in Role if allowed(role.value))

    def _decide(self, request: PolicyRequest, at: datetime) -> Decision:
        return self.policy.decide(request, at=at)


def _refusal(decision: Decision) -> Fired:
    """Return the first rule that forbade; a refusal without one refuses all the same."""
    forbids = (f for f in decision.fired if f.effect == "forbid")
    return next(forbids, Fired(UNRULED, "forbid", UNRULED_MESSAGE))

"""The policy engine: Cedar rules, parsed once, deciding in microseconds.

Closed by default: no rule, an attribute that the schema does not know, or a rule that cannot be
evaluated all refuse. What is not covered: whether a claim was read rightly from a text (claims.py).
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import cedarpy

from appliance.errors import BadRules
from appliance.policy.ruleset import Rule, RuleSet, load_rules
from appliance.ports import Decision, PolicyRequest
from appliance.records import Fired, Role

log = logging.getLogger(__name__)

DEFAULT_DENY = Fired(
    rule="default-deny",
    effect="forbid",
    message="No rule allows this. Ask your lead or manager.",
    why="What the rules do not allow is not allowed.",
)
CACHED_DECISIONS = 4096  # a decision is a few hundred bytes; a store day asks a few hundred kinds
CACHED_ENTITIES = 1024  # (person, resource) pairs
CACHED_SETS = 256  # (action, day) pairs with their parsed policies

K = TypeVar("K")
V = TypeVar("V")

_ROLE_NAMES = frozenset(role.value for role in Role)
_ROLES = json.dumps(
    [
        {
            "uid": {"type": "Role", "id": role.value},
            "attrs": {},
            "parents": [{"type": "Role", "id": list(Role)[i - 1].value}] if i else [],
        }
        for i, role in enumerate(Role)
    ]
)


@dataclass(frozen=True, slots=True)
class Line:
    """One rule's word on one request, for `explain`."""

    rule: Rule
    fired: bool
    in_force: bool
    values: tuple[tuple[str, str], ...]  # what its conditions read, as found; "—" when absent


class CedarPolicy:
    """`Policy` over one checked rule set."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._ruleset = ruleset
        self._by_id = {rule.id: rule for rule in ruleset.rules}
        self._roles = cedarpy.Entities.from_json_str(_ROLES)
        self._sets: OrderedDict[tuple[str, date], cedarpy.PolicySet] = OrderedDict()
        self._decisions: OrderedDict[tuple[str, date], Decision] = OrderedDict()
        self._entities: OrderedDict[str, cedarpy.Entities] = OrderedDict()
        self._lock = Lock()  # stages run on several threads; the caches are theirs in common

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, whatever its days."""
        return self._ruleset.rules

    def decide(self, request: PolicyRequest, *, at: datetime) -> Decision:
        """Return the decision under the rules in force on the day of `at`."""
        day = at.date()
        key = (_key(request), day)
        with self._lock:
            known = self._decisions.get(key)
        if known is not None:
            return known
        decision = self._decide(request, day, self._policies(request.action, day))
        with self._lock:
            _keep(self._decisions, key, decision, CACHED_DECISIONS)
        return decision

    def explain(self, request: PolicyRequest, *, at: datetime) -> tuple[Line, ...]:
        """Return each rule about the request's action, fired or not, with the values it read."""
        day = at.date()
        lines = []
        for rule in self._ruleset.rules:
            if rule.actions and request.action not in rule.actions:
                continue
            alone = cedarpy.PolicySet.from_str(rule.text)
            fired = any(f.rule == rule.id for f in self._decide(request, day, alone).fired)
            values = tuple((path, _value_at(path, request, day)) for path in rule.reads)
            in_force = rule.is_in_force(day)
            lines.append(Line(rule, fired=fired and in_force, in_force=in_force, values=values))
        return tuple(lines)

    def _decide(self, request: PolicyRequest, day: date, policies: cedarpy.PolicySet) -> Decision:
        try:
            entities = self._known(request)
        except ValueError as exc:
            return _refused(f"The request does not fit the schema: {exc}")
        answer = cedarpy.is_authorized(
            _cedar_request(request, day), policies, entities, self._ruleset.schema
        )
        if answer.diagnostics.errors:  # a forbid that cannot be evaluated must not be skipped
            return _refused(str(answer.diagnostics.errors[0]))
        names = answer.diagnostics.id_annotations_by_reason
        fired = sorted(
            (self._fired(names.get(reason, "")) for reason in answer.diagnostics.reasons),
            key=lambda f: (f.effect != "forbid", self._rank(f.rule)),
        )
        if not answer.allowed and not fired:
            fired = [DEFAULT_DENY]
        return Decision(allowed=answer.allowed, fired=tuple(fired))

    def _known(self, request: PolicyRequest) -> cedarpy.Entities:
        """Return the principal and resource as parsed entities, checked against the schema.

        Raises:
            ValueError: They do not fit the schema, or nobody has such a role.
        """
        if request.role not in _ROLE_NAMES:
            raise ValueError(f"there is no role {request.role!r}")
        key = _entities(request)
        with self._lock:
            known = self._entities.get(key)
        if known is None:
            known = self._roles.with_added_json_str(key, self._ruleset.schema)
            with self._lock:
                _keep(self._entities, key, known, CACHED_ENTITIES)
        return known

    def _policies(self, action: str, day: date) -> cedarpy.PolicySet:
        """Return the parsed rules about `action` on `day`: fewer rules, faster decisions."""
        with self._lock:
            known = self._sets.get((action, day))
        if known is None:
            known = cedarpy.PolicySet.from_str(
                "\n".join(
                    rule.text
                    for rule in self._ruleset.rules
                    if rule.is_in_force(day) and (not rule.actions or action in rule.actions)
                )
            )
            with self._lock:
                _keep(self._sets, (action, day), known, CACHED_SETS)
        return known

    def _fired(self, name: str) -> Fired:
        rule = self._by_id[name]
        return Fired(rule=rule.id, effect=rule.effect, message=rule.message, why=rule.why)

    def _rank(self, name: str) -> int:
        """Order of the rules in their files: the author puts the one to tell first."""
        return next(i for i, rule in enumerate(self._ruleset.rules) if rule.id == name)


@dataclass(slots=True)
class PolicyHolder:
    """A `Policy` whose rules can be replaced; bad ones leave the good ones in force."""

    policy: CedarPolicy
    problem: str = ""  # why the newest rules were refused; empty when they are in force
    _swap: Lock = field(default_factory=Lock, repr=False)

    @classmethod
    def load(cls, folder: Path) -> PolicyHolder:
        """Load the first rules.

        Raises:
            BadRules: They are refused, and there are no earlier ones to keep.
        """
        return cls(CedarPolicy(load_rules(folder)))

    def reload(self, folder: Path) -> bool:
        """Put the rules of `folder` in force; on failure keep the old ones and log why."""
        with self._swap:  # whole: of two reloads the later one must not lose to the earlier
            try:
                self.policy = CedarPolicy(load_rules(folder))
            except BadRules as exc:
                self.problem = str(exc)
                log.warning("rules: the last good ones stay in force. %s", exc)
                return False
            self.problem = ""
            return True

    def decide(self, request: PolicyRequest, *, at: datetime) -> Decision:
        """Decide under the rules now held."""
        return self.policy.decide(request, at=at)


def _refused(why: str) -> Decision:
    fired = Fired(rule="request-not-valid", effect="forbid", message=DEFAULT_DENY.message, why=why)
    return Decision(allowed=False, fired=(fired,))


def _key(request: PolicyRequest) -> str:
    """Return what the decision depends on, as text."""
    return repr(
        (
            request.action,
            request.role,
            request.resource_type,
            request.resource_id,
            sorted(request.resource.items()),
            sorted(request.context.items()),
            request.associate,
            request.store,
        )
    )


def _entities(request: PolicyRequest) -> str:
    principal = {
        "uid": {"type": "Associate", "id": request.associate or "anyone"},
        "attrs": {"store": request.store},
        "parents": [{"type": "Role", "id": request.role}],
    }
    resource = {
        "uid": {"type": request.resource_type, "id": request.resource_id},
        "attrs": {name: _attribute(name, value) for name, value in request.resource.items()},
        "parents": [],
    }
    return json.dumps([principal, resource])


def _attribute(name: str, value: object) -> object:
    """Return a Cedar JSON value: an audience is a role, a date a whole number."""
    if name == "audience":
        return {"__entity": {"type": "Role", "id": value}}
    return _number_of(value) if isinstance(value, date) else value


def _cedar_request(request: PolicyRequest, day: date) -> dict[str, Any]:
    return {
        "principal": {"type": "Associate", "id": request.associate or "anyone"},
        "action": {"type": "Action", "id": request.action},
        "resource": {"type": request.resource_type, "id": request.resource_id},
        "context": {"today": _number_of(day), **request.context},
    }


def _number_of(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def _value_at(path: str, request: PolicyRequest, day: date) -> str:
    owner, name = path.split(".", 1)
    if path == "principal.role":
        return request.role
    if path == "context.today":
        return day.isoformat()
    attributes: Mapping[str, Any] = {"context": request.context, "resource": request.resource}.get(
        owner, {}
    )
    return str(attributes[name]) if name in attributes else "—"


def _keep(cache: OrderedDict[K, V], key: K, value: V, limit: int) -> None:
    cache[key] = value
    if len(cache) > limit:
        cache.popitem(last=False)

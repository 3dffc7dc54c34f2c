"""`cases.toml`: what the rules must say, and whether they do."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from appliance.damage import found
from appliance.errors import BadRules
from appliance.ports import Decision, Policy, PolicyRequest

CASES_FILE = "cases.toml"
_KEYS = frozenset(
    ["name", "action", "role", "type", "id", "resource", "context", "on", "expect", "rule"]
)
_NEEDED = ("name", "action", "role", "expect")


@dataclass(frozen=True, slots=True)
class Case:
    """A request and the decision expected of it."""

    name: str
    request: PolicyRequest
    is_allowed: bool
    rule: str  # that must have fired; '' for any
    on: date | None  # None: the day of the run


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of a case."""

    case: Case
    decision: Decision
    passed: bool

    @property
    def found(self) -> str:
        """The decision in a line."""
        verdict = "allow" if self.decision.allowed else "deny"
        return f"{verdict} by {', '.join(f.rule for f in self.decision.fired)}"


def load_cases(file: Path) -> tuple[Case, ...]:
    """Read the cases.

    Raises:
        BadRules: The file is missing, does not parse, or a case lacks or misspells a key.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise BadRules(
            f"{file}: expected TOML, found {found(exc)}.", hint="Mend that line."
        ) from exc
    cases = table.get("case")
    if not isinstance(cases, list) or set(table) != {"case"}:
        raise BadRules(f"{file}: expected [[case]] tables only.", hint="See the demo's cases.toml.")
    return tuple(_case(row, file=file, number=i) for i, row in enumerate(cases, start=1))


def run_cases(cases: tuple[Case, ...], policy: Policy, *, at: datetime) -> tuple[CaseResult, ...]:
    """Decide every case, those without a day on the day of `at`."""
    results = []
    for case in cases:
        when = datetime.combine(case.on, time(12), tzinfo=UTC) if case.on else at
        decision = policy.decide(case.request, at=when)
        named = not case.rule or any(f.rule == case.rule for f in decision.fired)
        passed = decision.allowed == case.is_allowed and named
        results.append(CaseResult(case, decision, passed))
    return tuple(results)


def _case(row: Mapping[str, Any], *, file: Path, number: int) -> Case:
    missing = [key for key in _NEEDED if key not in row]
    unknown = sorted(set(row) - _KEYS)
    if missing or unknown or row["expect"] not in {"allow", "deny"}:
        wrong = (
            f"no {missing[0]}" if missing else f"unknown key {unknown[0]!r}" if unknown
            else f"expect is {row['expect']!r}, not 'allow' or 'deny'"
        )  # fmt: skip
        raise BadRules(f"{file}: case {number} has {wrong}.", hint=f"Keys: {sorted(_KEYS)}.")
    kind = row.get("type", "Store")
    request = PolicyRequest(
        action=row["action"],
        role=row["role"],
        resource_type=kind,
        resource_id=row.get("id", "self" if kind == "Store" else "case"),
        resource=row.get("resource", {}),
        context=row.get("context", {}),
    )
    try:
        on = date.fromisoformat(row["on"]) if "on" in row else None
    except (TypeError, ValueError) as exc:
        raise BadRules(
            f"{file}: case {number}: expected a day, found {row['on']!r}.",
            hint='Write on = "2026-01-31".',
        ) from exc
    return Case(row["name"], request, row["expect"] == "allow", row.get("rule", ""), on)

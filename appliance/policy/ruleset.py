"""Cedar files → a checked rule set: every rule with its place, words and days.

Cedar itself reports no line; files are cut into rules here, so that each complaint names one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import cedarpy

from appliance.errors import BadRules

SCHEMA_FILE = "schema.cedarschema"
ANNOTATIONS = frozenset({"id", "message", "why", "from", "to"})
MAX_FILE_BYTES = 1_000_000  # rules are read by people; a larger file is not one

# Strings and comments are skipped whole, so that a ';' inside them ends no rule.
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|;|"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule and where it stands."""

    id: str
    effect: str  # permit | forbid
    message: str
    why: str
    starts_on: date | None
    ends_on: date | None  # included
    actions: tuple[str, ...]  # empty: every action
    reads: tuple[str, ...]  # paths its conditions read: "context.percent"
    text: str
    file: str
    line: int  # of the rule's first line, from 1

    def is_in_force(self, day: date) -> bool:
        """Tell whether the rule holds on `day`."""
        return (self.starts_on is None or self.starts_on <= day) and (
            self.ends_on is None or day <= self.ends_on
        )


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a rule, and where."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Every rule of a folder, valid against its schema."""

    rules: tuple[Rule, ...]
    schema: cedarpy.Schema
    folder: str


def load_rules(folder: Path) -> RuleSet:
    """Read and check every ``*.cedar`` file of `folder` against its schema.

    Raises:
        BadRules: A file is missing, does not parse, or does not fit the schema; the message has a
            line per complaint, ``file:line: reason``.
    """
    ruleset, complaints = inspect_rules(folder)
    if ruleset is None:
        listed = "\n".join(str(c) for c in complaints)
        raise BadRules(
            f"The rules in {folder} are refused.\n{listed}\n",
            hint=f"Mend them, then run: backroom policy check --rules {folder}",
        )
    return ruleset


def inspect_rules(folder: Path) -> tuple[RuleSet | None, tuple[Complaint, ...]]:
    """Return the rule set, or None and every complaint found."""
    schema_text, complaint = _read(folder / SCHEMA_FILE)
    if complaint:
        return None, (complaint,)
    try:
        schema = cedarpy.Schema.from_str(schema_text)
    except ValueError as exc:
        where = _line_naming(schema_text, str(exc))
        return None, (Complaint(str(folder / SCHEMA_FILE), where, _one_line(exc)),)
    files = sorted(folder.glob("*.cedar"))
    if not files:
        return None, (Complaint(str(folder), 0, "no *.cedar file in this folder"),)
    rules: list[Rule] = []
    complaints: list[Complaint] = []
    for file in files:
        _inspect_file(file, schema, rules, complaints)
    complaints += _twice(rules)
    if complaints:
        return None, tuple(sorted(complaints, key=lambda c: (c.file, c.line)))
    return RuleSet(rules=tuple(rules), schema=schema, folder=str(folder)), ()


def _inspect_file(
    file: Path, schema: cedarpy.Schema, rules: list[Rule], complaints: list[Complaint]
) -> None:
    text, complaint = _read(file)
    if complaint:
        complaints.append(complaint)
        return
    found = list(blocks(text))
    if not found:  # a file cut short; without its rules all it spoke about would be refused
        size = len(text.encode("utf-8"))
        reason = f"expected a permit or forbid, found none in {size:,} bytes"
        complaints.append(Complaint(str(file), 1, reason))
    for line, block in found:
        try:
            rule = _rule(block, file=str(file), line=line)
        except ValueError as exc:
            complaints.append(Complaint(str(file), line, _one_line(exc)))
            continue
        rules.append(rule)
        result = cedarpy.validate_policies(block, schema)
        named = any("unrecognized" in e.error for e in result.errors)
        for error in result.errors:
            if named and "unable to find an applicable action" in error.error:
                continue  # a consequence of the unrecognized name, told without it
            reason = re.sub(r"^for policy `\w+`, ", f"rule {rule.id}: ", error.error)
            complaints.append(
                Complaint(str(file), line + _line_naming(block, reason) - 1, _one_line(reason))
            )


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """Cut Cedar text into (line of the first token, rule with its ';')."""
    start = 0
    for token in _TOKEN.finditer(text):
        if token[0] != ";":
            continue
        yield _block(text, start, token.end())
        start = token.end()
    line, rest = _block(text, start, len(text))
    if rest:
        yield line, rest


def _block(text: str, start: int, end: int) -> tuple[int, str]:
    lead = re.match(r"(?:\s+|//[^\n]*)*", text[start:end])
    start += lead.end() if lead else 0
    return text.count("\n", 0, start) + 1, text[start:end].rstrip()


def _rule(block: str, *, file: str, line: int) -> Rule:
    """Read one block.

    Raises:
        ValueError: It does not parse, or lacks a word that an associate would need.
    """
    parsed = json.loads(cedarpy.policies_to_json_str(block))
    if parsed.get("templates") or len(parsed["staticPolicies"]) != 1:
        raise ValueError("expected one rule without slots (?principal, ?resource) before each ';'")
    policy: Mapping[str, Any] = next(iter(parsed["staticPolicies"].values()))
    words: Mapping[str, str] = policy.get("annotations") or {}
    name = words.get("id") or ""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ValueError(f'expected @id("lower-case-name"), found {name!r}')
    for needed in ("message", "why"):
        if not words.get(needed):
            raise ValueError(f"rule {name} has no @{needed}")
    unknown = sorted(set(words) - ANNOTATIONS)
    if unknown:
        raise ValueError(f"rule {name} has an unknown annotation @{unknown[0]}")
    return Rule(
        id=name,
        effect=policy["effect"],
        message=words["message"],
        why=words["why"],
        starts_on=_day(words.get("from"), name),
        ends_on=_day(words.get("to"), name),
        actions=_actions(policy["action"]),
        reads=tuple(sorted(set(_paths(policy["conditions"])))),
        text=block,
        file=file,
        line=line,
    )


def _day(text: str | None, name: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"rule {name}: {text!r} is not a day; write 2026-01-31") from None


def _actions(scope: Mapping[str, Any]) -> tuple[str, ...]:
    entities = scope.get("entities") or ([scope["entity"]] if "entity" in scope else [])
    return tuple(e["id"] for e in entities)


def _paths(node: object) -> Iterator[str]:
    """Yield the attributes a condition reads, as dotted paths."""
    if isinstance(node, list):
        for item in node:
            yield from _paths(item)
    if not isinstance(node, dict):
        return
    for key, inner in node.items():
        if key in {".", "has"} and isinstance(inner, dict):
            left = inner.get("left", {})
            if isinstance(left, dict) and "Var" in left:
                yield f"{left['Var']}.{inner['attr']}"
        elif key == "in" and inner.get("left") == {"Var": "principal"}:
            yield "principal.role"
        yield from _paths(inner)


def _twice(rules: Sequence[Rule]) -> list[Complaint]:
    seen: dict[str, Rule] = {}
    found = []
    for rule in rules:
        first = seen.setdefault(rule.id, rule)
        if first is not rule:
            reason = f"rule {rule.id} is already at {first.file}:{first.line}"
            found.append(Complaint(rule.file, rule.line, reason))
    return found


def _read(file: Path) -> tuple[str, Complaint | None]:
    try:
        found = file.stat().st_size
        if found > MAX_FILE_BYTES:
            reason = f"{found:,} bytes; a rules file has at most {MAX_FILE_BYTES:,}"
            return "", Complaint(str(file), 0, reason)
        return file.read_text(encoding="utf-8"), None
    except OSError as exc:
        return "", Complaint(str(file), 0, exc.strerror or "cannot be read")
    except UnicodeDecodeError as exc:
        return "", Complaint(str(file), 0, f"not UTF-8 at byte {exc.start:,}")


def _line_naming(text: str, reason: str) -> int:
    """Return the line of `text` that has a name the reason quotes; 1 when none has."""
    names = re.findall(r'[`"](\w+)[`"]|types?: (\w+)', reason)
    for name in (a or b for a, b in names):
        found = re.search(rf"\b{re.escape(name)}\b", text)
        if found:
            return text.count("\n", 0, found.start()) + 1
    return 1


def _one_line(reason: object) -> str:
    return " ".join(str(reason).split())

"""`backroom policy check | test | explain`: the chain's rules from the command line."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from appliance.errors import BackroomError
from appliance.policy.cases import CASES_FILE, load_cases, run_cases
from appliance.policy.claims import find_claims
from appliance.policy.rules import CedarPolicy
from appliance.policy.ruleset import inspect_rules, load_rules
from appliance.ports import PolicyRequest
from appliance.records import Role

DEMO_RULES = Path(__file__).parent / "demo" / "release" / "rules"
Rules = Annotated[Path, typer.Option("--rules", help="Folder of *.cedar, schema and cases.")]
AsOf = Annotated[str, typer.Option("--as-of", help="Decide as on this day, e.g. 2026-01-15.")]

policy = typer.Typer(
    no_args_is_help=True, help="The chain's rules: check them, test them, ask why they decide."
)


def register(app: typer.Typer) -> None:
    """Add `backroom policy`."""
    app.add_typer(policy, name="policy")


@policy.command()
def check(rules: Rules = DEMO_RULES) -> None:
    """Parse the rules and check them against their schema; exit 1 when they are refused."""
    ruleset, complaints = inspect_rules(rules)
    for complaint in complaints:
        typer.echo(str(complaint), err=True)
    if ruleset is None:
        typer.echo(f"Refused: {len(complaints)} to mend in {rules}.", err=True)
        raise typer.Exit(1)
    files = {rule.file for rule in ruleset.rules}
    typer.echo(f"{len(ruleset.rules)} rules in {len(files)} files fit their schema.")


@policy.command("test")
def run_tests(rules: Rules = DEMO_RULES, as_of: AsOf = "") -> None:
    """Run the rules' own cases; exit 1 when one fails."""
    try:
        loaded = CedarPolicy(load_rules(rules))
        results = run_cases(load_cases(rules / CASES_FILE), loaded, at=_instant(as_of))
    except BackroomError as exc:
        typer.echo(str(exc), err=True)
        raise typer.Exit(1) from exc
    table = Table("", "case", "role", "expected", "found", box=None, header_style="bold")
    for result in results:
        expected = "allow" if result.case.is_allowed else "deny"
        mark = "[green]pass[/]" if result.passed else "[red]FAIL[/]"
        wanted = f"{expected} by {result.case.rule}" if result.case.rule else expected
        table.add_row(mark, result.case.name, result.case.request.role, wanted, result.found)
    Console().print(table)
    fired = {f.rule for r in results for f in r.decision.fired}
    idle = [rule.id for rule in loaded.rules if rule.id not in fired]
    if idle:
        typer.echo(f"No case for: {', '.join(idle)}.")
    failed = sum(not r.passed for r in results)
    typer.echo(f"{len(results) - failed} of {len(results)} cases pass.")
    if failed:
        raise typer.Exit(1)


@policy.command()
def explain(
    text: Annotated[str, typer.Argument(help='What is asked or promised: "can I give 25% off?"')],
    role: Annotated[Role, typer.Option(help="Who asks.")] = Role.ASSOCIATE,
    tier: Annotated[str, typer.Option(help="The customer's tier: silver or gold.")] = "",
    as_of: AsOf = "",
    rules: Rules = DEMO_RULES,
) -> None:
    """Print, per rule: fired or not, with the values read."""
    try:
        loaded = CedarPolicy(load_rules(rules))
        at = _instant(as_of)
    except BackroomError as exc:
        typer.echo(str(exc), err=True)
        raise typer.Exit(1) from exc
    claims = find_claims(text, role=role.value, is_ask=True) or find_claims(text, role=role.value)
    if not claims:
        typer.echo("No rule about what may be promised or asked bears on this.")
    for claim in claims:
        _explain(loaded, _with_tier(claim, tier), at)


def _explain(loaded: CedarPolicy, claim: PolicyRequest, at: datetime) -> None:
    console = Console()
    decision = loaded.decide(claim, at=at)
    read = ", ".join(f"{k} = {v}" for k, v in claim.context.items()) or claim.resource_id
    verdict = "[green]allowed[/]" if decision.allowed else "[red]refused[/]"
    console.print(f"{claim.action} ({read}) by {claim.role} on {at.date()}: {verdict}")
    table = Table("rule", "", "effect", "values read", "where", box=None, header_style="bold")
    for line in loaded.explain(claim, at=at):
        state = "fired" if line.fired else "not fired" if line.in_force else "not in force"
        values = ", ".join(f"{path.split('.', 1)[1]} = {value}" for path, value in line.values)
        place = f"{Path(line.rule.file).name}:{line.rule.line}"
        style = "bold" if line.fired else "dim"
        table.add_row(line.rule.id, state, line.rule.effect, values, place, style=style)
    console.print(table)
    for fired in decision.fired:
        if fired.effect == "forbid" or decision.allowed:
            console.print(f"{fired.rule}: {fired.message}\n  why: {fired.why}")


def _with_tier(claim: PolicyRequest, tier: str) -> PolicyRequest:
    if not tier or claim.action not in {"promise_discount", "promise_refund"}:
        return claim
    context = {**claim.context, "tier": tier.casefold()}
    return PolicyRequest(action=claim.action, role=claim.role, context=context)


def _instant(day: str) -> datetime:
    """Return noon of `day`, or now; the command line is where the clock is read.

    Raises:
        typer.BadParameter: `day` is not a day.
    """
    if not day:
        return datetime.now(UTC)
    try:
        return datetime.combine(date.fromisoformat(day), time(12), tzinfo=UTC)
    except ValueError as exc:
        raise typer.BadParameter(f"{day!r} is not a day; write 2026-01-15.") from exc

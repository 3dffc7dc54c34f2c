"""The demo rules' own cases, and the command line that runs them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner

from appliance.errors import BadRules
from appliance.policy.cases import CASES_FILE, load_cases, run_cases
from appliance.policy.notices import NOTICES_FILE, load_notices
from appliance.policy.rules import CedarPolicy
from appliance.policy.ruleset import load_rules
from appliance.policy_commands import DEMO_RULES, register

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def backroom(*arguments: str):
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return CliRunner().invoke(app, ["policy", *arguments], env={"COLUMNS": "200"})


def test_every_case_passes_and_every_rule_has_one():
    policy = CedarPolicy(load_rules(DEMO_RULES))

    results = run_cases(load_cases(DEMO_RULES / CASES_FILE), policy, at=NOW)

    assert [r.case.name for r in results if not r.passed] == []
    fired = {f.rule for r in results for f in r.decision.fired}
    assert {rule.id for rule in policy.rules} <= fired


@pytest.mark.parametrize(
    "text",
    ["[[case]]\nname = 'x'\n", "[[case]\n", "[[cases]]\nname='x'\n",
     "[[case]]\nname='x'\naction='a'\nrole='r'\nexpect='maybe'\n",
     "[[case]]\nname='x'\naction='a'\nrole='r'\nexpect='deny'\ncolour='red'\n",
     "[[case]]\nname='x'\naction='a'\nrole='r'\nexpect='deny'\non='soon'\n"],
)  # fmt: skip
def test_broken_cases_are_refused(tmp_path, text):
    file = tmp_path / "cases.toml"
    file.write_text(text)

    with pytest.raises(BadRules, match=r"cases\.toml"):
        load_cases(file)


@pytest.mark.parametrize(
    "text",
    ["[[banned]]\nid='x'\n", "[[banned]]\nid='x'\npattern='('\nwhy='y'\n", "[[notce]]\nid='x'\n",
     "[[banned]]\nid='x'\npattern='a'\nwhy='y'\ncolour='red'\n"],
)  # fmt: skip
def test_broken_notices_are_refused(tmp_path, text):
    file = tmp_path / "notices.toml"
    file.write_text(text)

    with pytest.raises(BadRules, match=r"notices\.toml"):
        load_notices(file)


def test_the_demo_notices_load():
    notices = load_notices(DEMO_RULES / NOTICES_FILE)

    assert notices.banned
    assert notices.notices


def test_check_says_how_many_rules_fit():
    result = backroom("check")

    assert result.exit_code == 0
    assert "fit their schema" in result.output


def test_check_exits_1_and_names_file_and_line(tmp_path):
    (tmp_path / "schema.cedarschema").write_text("entity Store;")
    (tmp_path / "a.cedar").write_text("\npermit (principal, action, resource) when { };\n")

    result = backroom("check", "--rules", str(tmp_path))

    assert result.exit_code == 1
    assert "a.cedar:2:" in result.output


def test_test_runs_the_cases():
    result = backroom("test")

    assert result.exit_code == 0
    assert "cases pass" in result.output


def test_explain_prints_fired_and_values():
    result = backroom("explain", "can I give 25% off?", "--role", "lead", "--tier", "gold")

    assert result.exit_code == 0
    assert "discount-over-20-manager-only" in result.output
    assert "percent = 25" in result.output
    assert "refused" in result.output


def test_explain_answers_for_an_earlier_day():
    now = backroom("explain", "can I refund after 50 days?", "--as-of", "2026-06-01")
    then = backroom("explain", "can I refund after 50 days?", "--as-of", "2026-01-15")

    assert "allowed" in now.output
    assert "The return window is 45 days." in then.output


def test_explain_says_when_no_rule_bears_on_it():
    assert "No rule" in backroom("explain", "where are the batteries?").output

"""Cedar rules: decisions, days, refusals to load, and what stays in force."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.errors import BadRules
from appliance.policy.rules import CedarPolicy, PolicyHolder
from appliance.policy.ruleset import blocks, inspect_rules, load_rules
from appliance.policy_commands import DEMO_RULES
from appliance.ports import PolicyRequest

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def policy() -> CedarPolicy:
    return CedarPolicy(load_rules(DEMO_RULES))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO_RULES, tmp_path / "rules"))


def discount(role: str, **context: object) -> PolicyRequest:
    return PolicyRequest("promise_discount", role, context=context)


def spoil(folder: Path, old: str, new: str) -> Path:
    file = folder / "promises.cedar"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return folder


@pytest.mark.parametrize(
    ("role", "tier", "percent", "allowed"),
    [
        ("manager", "gold", 25, True),
        ("manager", "silver", 25, False),
        ("manager", None, 21, False),
        ("manager", None, 20, True),
        ("lead", "gold", 25, False),
        ("associate", "gold", 25, False),
        ("manager", "gold", 31, False),
    ],
)
def test_no_discount_over_20_unless_the_customer_is_gold(policy, role, tier, percent, allowed):
    context = {"percent": percent} | ({"tier": tier} if tier else {})

    decision = policy.decide(discount(role, **context), at=NOW)

    assert decision.allowed is allowed


def test_a_refusal_names_its_rule_in_words(policy):
    decision = policy.decide(discount("manager", percent=25), at=NOW)

    assert decision.rule == "discount-over-20-gold-only"
    assert "Gold" in decision.message
    assert decision.fired[0].why


def test_there_are_twenty_rules_and_each_has_words(policy):
    assert len(policy.rules) >= 20
    assert all(rule.message and rule.why for rule in policy.rules)


def test_a_rule_holds_on_its_days_only(policy):
    refund = PolicyRequest("promise_refund", "associate", context={"days": 50})

    before = policy.decide(refund, at=datetime(2026, 1, 31, 12, tzinfo=UTC))
    after = policy.decide(refund, at=datetime(2026, 2, 1, 12, tzinfo=UTC))

    assert before.rule == "refund-window-2025"
    assert after.allowed


@pytest.mark.parametrize(
    "request_",
    [
        PolicyRequest("promise_moon", "manager"),
        PolicyRequest("promise_discount", "manager", context={"percent": "5"}),
        PolicyRequest("promise_discount", "manager"),
        PolicyRequest("promise_discount", "owner", context={"percent": 5}),
        PolicyRequest("promise_discount", "manager", context={"percent": 5, "mood": "good"}),
        PolicyRequest("read_fact", "manager", "Fact", "f", resource={"famly": "price"}),
    ],
)
def test_what_the_schema_does_not_know_is_refused(policy, request_):
    decision = policy.decide(request_, at=NOW)

    assert not decision.allowed
    assert decision.rule == "request-not-valid"


def test_what_no_rule_allows_is_refused_by_a_named_rule(policy):
    request = PolicyRequest("read_fact", "manager", "Fact", "cameras", resource={"family": "cam"})

    assert policy.decide(request, at=NOW).rule == "default-deny"


def test_explain_shows_values_read_and_rules_not_in_force(policy):
    request = PolicyRequest("promise_refund", "associate", context={"days": 50})

    lines = {
        line.rule.id: line
        for line in policy.explain(request, at=datetime(2026, 1, 15, 12, tzinfo=UTC))
    }

    assert lines["refund-window-2025"].fired
    assert ("context.days", "50") in lines["refund-window-2025"].values
    assert not lines["refund-window"].in_force
    assert not lines["refund-window"].fired


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("context.percent <= 20", "context.percnt <= 20", 16, "percnt"),
        ('Action::"promise_discount", resource)\nwhen { context.percent <= 10 }',
         'Action::"promise_gifts", resource)\nwhen { context.percent <= 10 }', 9, "promise_gifts"),
        ("context.percent <= 10", 'context.percent <= "ten"', 6, "Long"),
        ("context.percent <= 10", "context.percent <= ", 6, "unexpected token"),
        ('@id("discount-gold")', '@id("discount-lead")', 18, "already at"),
        ('@message("Up to 10 % is yours to give.")\n', "", 6, "no @message"),
        ('@from("2026-02-01")', '@from("next week")', 98, "not a day"),
        ('@id("discount-lead")', '@id("discount-lead") @colour("red")', 12, "@colour"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_refused_with_file_line_and_reason(folder, old, new, line, reason):
    ruleset, complaints = inspect_rules(spoil(folder, old, new))

    assert ruleset is None
    assert complaints[0].file.endswith("promises.cedar")
    assert complaints[0].line == line
    assert reason in complaints[0].reason


def test_the_last_good_rules_stay_in_force(folder):
    holder = PolicyHolder.load(folder)
    spoil(folder, "context.percent <= 10", "context.percent <= ")

    assert not holder.reload(folder)

    assert "promises.cedar:6" in holder.problem
    assert holder.decide(discount("associate", percent=10), at=NOW).allowed


def test_why_rules_are_refused_is_logged_as_bad_rules_would_be_told(folder, caplog):
    holder = PolicyHolder.load(folder)
    (folder / "promises.cedar").write_text("")

    assert not holder.reload(folder)

    (said,) = caplog.messages
    assert "the last good ones stay in force" in said
    assert "promises.cedar:1: expected a permit or forbid, found none in 0 bytes" in said


def test_good_rules_replace_the_old_ones(folder):
    holder = PolicyHolder.load(folder)
    spoil(folder, "context.percent <= 10", "context.percent <= 5")

    assert holder.reload(folder)

    assert holder.problem == ""
    assert not holder.decide(discount("associate", percent=8), at=NOW).allowed


@pytest.mark.parametrize("content", ["", " \n", "// all rules moved; see permit.cedar\n"])
def test_a_rules_file_without_a_rule_is_refused(folder, content):
    (folder / "promises.cedar").write_text(content)

    with pytest.raises(
        BadRules, match=r"promises\.cedar:1: expected a permit or forbid, found none"
    ):
        load_rules(folder)


@pytest.mark.parametrize("name", ["schema.cedarschema", "promises.cedar"])
def test_a_missing_or_foreign_file_is_refused(folder, name):
    (folder / name).write_bytes(b"GGUF\xff\x00\x01")

    with pytest.raises(BadRules, match=name):
        load_rules(folder)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(BadRules, match=r"schema\.cedarschema"):
        load_rules(tmp_path)


def test_a_semicolon_in_a_string_or_comment_ends_no_rule():
    text = '// a; b\n@id("x") @message("wait; go")\npermit (principal, action, resource);\n'

    assert [line for line, _ in blocks(text)] == [2]


def test_a_repeated_decision_takes_under_a_tenth_of_a_millisecond(policy):
    request = discount("lead", percent=25, tier="gold")
    policy.decide(request, at=NOW)

    def timed() -> float:
        start = time.perf_counter()
        policy.decide(request, at=NOW)
        return time.perf_counter() - start

    assert sorted(timed() for _ in range(200))[100] < 1e-4

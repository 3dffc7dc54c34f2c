"""Terms and alarms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sync.trust.roles import (
    ONLINE,
    ROLES,
    ROOT_KEYS,
    ROOT_THRESHOLD,
    TERMS,
    Expiry,
    alarms,
    is_online_key,
    key_names,
)

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def after(role: str, days: float) -> Expiry:
    return Expiry(role, 1, NOW + timedelta(days=days))


def test_each_role_rings_within_its_own_bound_most_urgent_first() -> None:
    found = alarms([after("root", 80), after("timestamp", 1), after("rings", 20)], NOW)

    assert [alarm.role for alarm in found] == ["timestamp", "root"]


def test_a_bound_for_all_replaces_each_ones_own() -> None:
    assert alarms([after("root", 80)], NOW, within_days=30) == ()
    assert len(alarms([after("rings", 20)], NOW, within_days=30)) == 1


def test_what_is_past_says_that_stores_go_on_answering() -> None:
    (alarm,) = alarms([after("snapshot", -3)], NOW)

    assert alarm.days == -3
    assert "expired 3.0 days ago" in alarm.text
    assert "go on answering" in alarm.text


def test_an_alarm_leaves_time_to_act_and_every_role_has_terms() -> None:
    assert set(TERMS) == set(ROLES)
    assert all(terms.warn_days * 2 < terms.life_days for terms in TERMS.values())


def test_two_of_three_root_keys_and_only_three_keys_are_online() -> None:
    assert (len(ROOT_KEYS), ROOT_THRESHOLD) == (3, 2)
    assert {name for name in key_names() if is_online_key(name)} == set(ONLINE)
    assert len(key_names()) == len(set(key_names())) == 9

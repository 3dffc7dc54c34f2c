"""Badges and PINs: right, wrong, guessed at, and never kept as typed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import BadInput, LockedOut, WrongPin
from appliance.records import Role
from appliance.store.associates import HASHER, MOST_STRANGERS, Associate
from tests.builders.people import ANA, BEN, PIN, People
from tests.fakes.clock import FakeClock

MINUTE = 60
NOBODY = "7777"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def people(tmp_path: Path, clock: FakeClock) -> People:
    people = People.at(tmp_path / "store.db", clock)
    people.move_in()
    return people


def miss(people: People, badge: str = ANA, *, times: int = 1) -> Exception:
    """Type wrong PINs; return what the last one was answered."""
    last: Exception = AssertionError("no PIN was typed")
    for _ in range(times):
        with pytest.raises((WrongPin, LockedOut)) as caught:
            people.associates.check(badge, "0000")
        last = caught.value
    return last


def test_a_badge_and_its_pin_are_somebody(people: People) -> None:
    assert people.associates.check(f" {BEN} ", PIN) == Associate(BEN, "Ben", Role.LEAD, True)


@pytest.mark.parametrize("pin", ["", "2581", "25800", "２５８０", "\x00", "\ud800", "x" * 100_000])
def test_a_wrong_pin_is_nobody(people: People, pin: str) -> None:
    with pytest.raises(WrongPin):
        people.associates.check(ANA, pin)


def test_an_unknown_badge_a_badge_without_a_pin_and_a_wrong_pin_get_the_same_words(
    people: People,
) -> None:
    people.associates.put("1004", "Leo", Role.ASSOCIATE)
    assert len({str(miss(people, badge)) for badge in (ANA, NOBODY, "1004", "", "\ud800")}) == 1


def test_an_unknown_badge_costs_as_much_as_a_known_one(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []
    # One argon2 run each: `hash` of an unknown badge, `verify` of a known one.
    for name in ("hash", "verify"):
        real = getattr(type(people.associates.hasher), name)

        def counted(self: Any, *args: Any, real: Any = real, name: str = name) -> Any:
            worked.append(name)
            return real(self, *args)

        monkeypatch.setattr(type(people.associates.hasher), name, counted)

    miss(people, ANA)
    miss(people, NOBODY)

    assert worked == ["verify", "hash"]


def test_pins_are_hashed_with_argon2id_and_the_work_the_rfc_asks_for(people: People) -> None:
    (kept,) = people.associates.database.rows(
        "SELECT pin_hash FROM associates WHERE badge = ?", (ANA,)
    )[0]
    assert kept.startswith("$argon2id$")
    assert PIN not in kept
    assert (HASHER.time_cost, HASHER.memory_cost) == (3, 64 * 1024)


@pytest.mark.parametrize("badge", [ANA, NOBODY])
def test_the_fifth_wrong_pin_locks_and_says_so(people: People, badge: str) -> None:
    assert isinstance(miss(people, badge, times=4), WrongPin)
    fifth = miss(people, badge)
    assert isinstance(fifth, LockedOut)
    assert fifth.retry_after_s == 5 * MINUTE
    assert "locked for 5 more minutes" in str(fifth)


@pytest.mark.parametrize("badge", [ANA, NOBODY])
def test_each_miss_after_a_lock_locks_for_twice_as_long(
    people: People, clock: FakeClock, badge: str
) -> None:
    miss(people, badge, times=5)
    for minutes in (10, 20, 40):
        clock.advance(3_600)
        locked = miss(people, badge)
        assert isinstance(locked, LockedOut)
        assert locked.retry_after_s == minutes * MINUTE


def test_while_locked_even_the_right_pin_is_not_looked_at(people: People, clock: FakeClock) -> None:
    miss(people, times=5)
    clock.advance(5 * MINUTE - 1)
    with pytest.raises(LockedOut, match="1 more minute"):
        people.associates.check(ANA, PIN)

    clock.advance(1)

    assert people.associates.check(ANA, PIN).name == "Ana"
    assert isinstance(miss(people, times=4), WrongPin)  # and the count began anew


def test_one_badges_lock_is_no_others(people: People) -> None:
    miss(people, times=5)
    assert people.associates.check(BEN, PIN)


def test_a_lock_outlives_a_restart(people: People, tmp_path: Path, clock: FakeClock) -> None:
    miss(people, times=5)
    again = People.at(tmp_path / "store.db", clock)
    with pytest.raises(LockedOut):
        again.associates.check(ANA, PIN)


def test_a_clock_set_back_to_1970_locks_nobody_for_56_years(
    people: People, clock: FakeClock
) -> None:
    miss(people, times=5)
    clock.at, clock.elapsed_s = datetime(1970, 1, 1, tzinfo=UTC), 0

    with pytest.raises(LockedOut) as caught:
        people.associates.check(ANA, PIN)
    assert caught.value.retry_after_s == 5 * MINUTE
    clock.advance(5 * MINUTE)

    assert people.associates.check(ANA, PIN)


def test_strangers_wrong_pins_take_a_bounded_place(people: People) -> None:
    associates = people.associates
    for n in range(MOST_STRANGERS + 5):
        miss(people, f"x{n}")
    assert len(associates._strangers) == MOST_STRANGERS


def test_a_new_pin_unlocks_and_ends_where_the_badge_was_signed_in(people: People) -> None:
    session = people.signed_in(ANA)
    other = people.signed_in(BEN)
    miss(people, times=5)

    people.associates.set_pin(ANA, "1397")

    assert people.associates.check(ANA, "1397")
    assert isinstance(miss(people), WrongPin)
    assert people.sessions.principal(session) is None
    assert people.sessions.principal(other) is not None


def test_who_left_signs_in_no_more_and_is_signed_out(people: People) -> None:
    session = people.signed_in(ANA)
    people.associates.close(ANA)
    assert people.sessions.principal(session) is None
    with pytest.raises(WrongPin):
        people.associates.check(ANA, PIN)
    assert [a.has_pin for a in people.associates.list()] == [False, True, True]


def test_a_change_of_role_keeps_the_pin_and_holds_at_once(people: People) -> None:
    session = people.signed_in(BEN)
    people.associates.put(BEN, "Ben Ode", Role.ASSOCIATE)

    principal = people.sessions.principal(session)

    assert principal is not None
    assert (principal.name, principal.role) == ("Ben Ode", Role.ASSOCIATE)
    assert people.associates.check(BEN, PIN).role is Role.ASSOCIATE


@pytest.mark.parametrize("pin", ["", "123", "1" * 13, "12a4", "１２４８", "-124", "12 4"])
def test_a_pin_is_four_to_twelve_digits(people: People, pin: str) -> None:
    with pytest.raises(BadInput, match="4 to 12 digits") as caught:
        people.associates.set_pin(ANA, pin)
    assert pin == "" or pin not in str(caught.value)


@pytest.mark.parametrize("pin", ["0000", "1234", "987654", "7777777"])
def test_the_pins_everyone_tries_first_are_refused(people: People, pin: str) -> None:
    with pytest.raises(BadInput, match="first anyone would try"):
        people.associates.set_pin(ANA, pin)


def test_a_pin_for_nobody_says_how_to_add_them(people: People) -> None:
    with pytest.raises(BadInput, match="Nobody has this badge") as caught:
        people.associates.set_pin(NOBODY, PIN)
    assert "associate add" in caught.value.hint


@pytest.mark.parametrize(
    ("badge", "name"), [("", "Ana"), ("10 01", "Ana"), ("é", "Ana"), ("1" * 17, "Ana"), ("1", "")]
)
def test_a_badge_and_a_name_are_what_a_badge_prints(people: People, badge: str, name: str) -> None:
    with pytest.raises(BadInput):
        people.associates.put(badge, name, Role.ASSOCIATE)

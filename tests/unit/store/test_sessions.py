"""Sessions: begun, ended, expired, and not fooled by a clock."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.records import Principal, Role
from tests.builders.people import ANA, BEN, People
from tests.fakes.clock import FakeClock

HOUR = 3_600
IN_1970 = datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC)
IN_2026 = datetime(2026, 11, 22, 15, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(IN_2026)


@pytest.fixture
def people(tmp_path: Path, clock: FakeClock) -> People:
    people = People.at(tmp_path / "store.db", clock)
    people.move_in()
    return people


def set_clock(clock: FakeClock, at: datetime) -> None:
    clock.at, clock.elapsed_s = at, 0.0


def rows(people: People) -> int:
    return int(people.sessions.database.rows("SELECT count(*) FROM sessions")[0][0])


def test_a_token_is_who_signed_in_on_which_device(people: People) -> None:
    device, _ = people.paired("Toys 1")
    session = people.sessions.of_token(people.sessions.begin(device, BEN))
    assert session is not None
    assert session.principal == Principal(device, BEN, Role.LEAD, "Ben")
    assert session.device_name == "Toys 1"
    assert session.expires_at == datetime(2026, 11, 23, 3, tzinfo=UTC)


def test_a_session_ends_after_its_hours_and_no_later(people: People, clock: FakeClock) -> None:
    token = people.signed_in()
    clock.advance(12 * HOUR - 1)
    assert people.sessions.principal(token)
    clock.advance(1)
    assert people.sessions.principal(token) is None


def test_signing_out_ends_it_and_twice_is_once(people: People) -> None:
    token, other = people.signed_in(ANA), people.signed_in(ANA)
    people.sessions.end(token)
    people.sessions.end(token)
    people.sessions.end("nobody's")
    assert people.sessions.principal(token) is None
    assert people.sessions.principal(other)


def test_a_handheld_holds_one_person(people: People) -> None:
    device, _ = people.paired()
    first = people.sessions.begin(device, ANA)
    second = people.sessions.begin(device, BEN)
    assert people.sessions.principal(first) is None
    assert people.sessions.principal(second)


def test_the_table_does_not_grow_with_every_shift(people: People, clock: FakeClock) -> None:
    devices = [people.paired()[0] for _ in range(3)]
    for _ in range(10):
        for device in devices:
            people.sessions.begin(device, ANA)
        clock.advance(13 * HOUR)
    people.sessions.begin(devices[0], ANA)
    assert rows(people) == 1


def test_signing_in_is_when_a_handheld_was_seen(people: People, clock: FakeClock) -> None:
    device, _ = people.paired()
    clock.advance(HOUR)
    people.sessions.begin(device, ANA)
    assert people.devices.list()[0].seen_at == clock.now()


# ── a clock in 1970 ───────────────────────────────────────────────────────────────────────────


def test_a_clock_set_back_ends_a_session_instead_of_giving_it_56_years(
    people: People, clock: FakeClock
) -> None:
    token = people.signed_in()
    set_clock(clock, IN_1970)
    assert people.sessions.principal(token) is None


def test_in_1970_people_sign_in_and_their_sessions_end_as_ever(
    people: People, clock: FakeClock
) -> None:
    set_clock(clock, IN_1970)
    token = people.signed_in()
    clock.advance(11 * HOUR)
    assert people.sessions.principal(token)
    clock.advance(HOUR)
    assert people.sessions.principal(token) is None


def test_a_clock_that_is_set_at_last_asks_everyone_to_sign_in_again_and_lets_them(
    people: People, clock: FakeClock
) -> None:
    set_clock(clock, IN_1970)
    token = people.signed_in()
    set_clock(clock, IN_2026)
    assert people.sessions.principal(token) is None
    assert people.sessions.principal(people.signed_in())


def test_a_machine_that_always_starts_in_1970_revives_no_session(
    people: People, clock: FakeClock
) -> None:
    set_clock(clock, IN_1970)
    early = people.signed_in()
    clock.advance(6 * HOUR)
    late = people.signed_in()

    set_clock(clock, IN_1970)
    people.sessions.forget_dead()  # as each start of the server does
    clock.advance(7 * HOUR)

    assert people.sessions.principal(early) is None
    assert people.sessions.principal(late) is None


def test_a_start_with_a_set_clock_keeps_who_is_signed_in(people: People, clock: FakeClock) -> None:
    old = people.signed_in(ANA)
    clock.advance(11 * HOUR)
    token = people.signed_in(BEN)
    clock.advance(2 * HOUR)

    people.sessions.forget_dead()

    assert people.sessions.principal(old) is None
    assert people.sessions.principal(token)
    assert rows(people) == 1


def test_a_clock_corrected_by_a_minute_signs_nobody_out(people: People, clock: FakeClock) -> None:
    token = people.signed_in()
    clock.advance(-60)
    assert people.sessions.principal(token)

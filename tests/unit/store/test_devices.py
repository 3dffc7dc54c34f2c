"""Devices: paired by a code once, known by a token, shut out at once."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from appliance.errors import BadInput, StoreError, WrongCode
from appliance.records import Role
from appliance.store.tokens import ALPHABET, CODE_CHARS
from tests.builders.people import ANA, People
from tests.fakes.clock import FakeClock

CODE_S = 600
IN_1970 = datetime(1970, 1, 1, 0, 2, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def people(tmp_path: Path, clock: FakeClock) -> People:
    return People.at(tmp_path / "store.db", clock)


def everything_in(path: Path) -> bytes:
    return b"".join(p.read_bytes() for p in path.parent.glob(f"{path.name}*"))


def test_a_code_has_no_signs_that_look_alike_and_none_repeats(people: People) -> None:
    codes = {people.devices.new_code(CODE_S) for _ in range(50)}
    assert len(codes) == 50
    assert {len(code) for code in codes} == {CODE_CHARS}
    assert not set("".join(codes)) & set("01258BILOSVZ")
    assert not set("01258BILOSVZ") & set(ALPHABET)


@pytest.mark.parametrize("typed", ["{}", " {} ", "{}\n"])
def test_a_code_pairs_however_it_is_typed(people: People, typed: str) -> None:
    code = people.devices.new_code(CODE_S)
    spaced = typed.format(f"{code[:4].lower()}-{code[4:]}")

    device, token = people.devices.pair(spaced, "  Electronics   2 ")

    found = people.devices.of_token(token)
    assert found is not None
    assert (found.id, found.name, found.is_key) == (device, "Electronics 2", False)


def test_a_code_pairs_once(people: People) -> None:
    code = people.devices.new_code(CODE_S)
    people.devices.pair(code, "Electronics 2")
    with pytest.raises(WrongCode):
        people.devices.pair(code, "Toys 1")
    assert [device.name for device in people.devices.list()] == ["Electronics 2"]


def test_a_code_expires(people: People, clock: FakeClock) -> None:
    code = people.devices.new_code(CODE_S)
    clock.advance(CODE_S)
    with pytest.raises(WrongCode):
        people.devices.pair(code, "Electronics 2")


def test_every_wrong_code_gets_the_same_words(people: People, clock: FakeClock) -> None:
    used, old = people.devices.new_code(CODE_S), people.devices.new_code(10)
    people.devices.pair(used, "Electronics 2")
    clock.advance(20)
    said = set()
    for code in (used, old, "AAAAAAAA", "", "x" * 10_000, "\ud800"):
        with pytest.raises(WrongCode) as caught:
            people.devices.pair(code, "Toys 1")
        said.add(str(caught.value))
    assert len(said) == 1


def test_a_code_of_a_clock_set_back_pairs_nothing(people: People, clock: FakeClock) -> None:
    code = people.devices.new_code(CODE_S)
    clock.at, clock.elapsed_s = IN_1970, 0
    with pytest.raises(WrongCode):
        people.devices.pair(code, "Electronics 2")
    people.devices.pair(people.devices.new_code(CODE_S), "Electronics 2")  # but a new one does


def test_while_the_clock_is_not_set_no_code_outlives_a_start(
    people: People, clock: FakeClock
) -> None:
    clock.at = IN_1970
    codes = [people.devices.new_code(CODE_S) for _ in range(2)]
    people.devices.pair(codes[0], "Toys 1")  # a second code does not spoil the first

    people.devices.forget_codes()

    with pytest.raises(WrongCode):
        people.devices.pair(codes[1], "Toys 2")


def test_a_start_keeps_the_codes_that_hold(people: People, clock: FakeClock) -> None:
    old, code = people.devices.new_code(10), people.devices.new_code(CODE_S)
    clock.advance(20)
    people.devices.forget_codes()
    assert people.devices.pair(code, "Toys 2")
    with pytest.raises(WrongCode):
        people.devices.pair(old, "Toys 3")


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "a\x00b", "a\u202eb"])
def test_a_name_nobody_can_read_is_refused_and_the_code_lives_on(people: People, name: str) -> None:
    code = people.devices.new_code(CODE_S)
    with pytest.raises(BadInput, match="1 to 40 printable"):
        people.devices.pair(code, name)
    assert people.devices.pair(code, "Toys 1")


def test_a_key_is_a_device_with_a_role(people: People) -> None:
    key, token = people.devices.key("Label printer", Role.LEAD)
    found = people.devices.of_token(token)
    assert found is not None
    assert (found.id, found.is_key, found.role) == (key, True, Role.LEAD)


@pytest.mark.parametrize("token", ["", "x", "\ud800", "' OR 1=1 --"])
def test_a_token_nobody_was_given_is_nobodys(people: People, token: str) -> None:
    people.devices.key("Label printer", Role.LEAD)
    assert people.devices.of_token(token) is None


def test_a_revoked_device_is_nobodys_and_stays_in_the_list(people: People) -> None:
    people.move_in()
    device, token = people.paired()
    session = people.sessions.begin(device, ANA)

    people.devices.revoke(device)
    people.devices.revoke(device)  # twice is once

    assert people.devices.of_token(token) is None
    assert people.sessions.principal(session) is None
    assert people.devices.list()[0].revoked_at is not None


def test_a_device_that_is_not_there_cannot_be_revoked(people: People) -> None:
    with pytest.raises(BadInput, match="no device") as caught:
        people.devices.revoke("nobody")
    assert "device list" in caught.value.hint


def test_seen_is_written_down_once_an_hour(people: People, clock: FakeClock) -> None:
    _, token = people.devices.key("Label printer", Role.LEAD)
    paired_at = clock.now()
    for minutes in (30, 29):
        clock.advance(minutes * 60)
        people.devices.of_token(token)
    assert people.devices.list()[0].seen_at == paired_at

    clock.advance(120)
    people.devices.of_token(token)

    assert people.devices.list()[0].seen_at == clock.now()


def test_nobody_is_turned_away_because_the_disk_is_full(
    people: People, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    _, token = people.devices.key("Label printer", Role.LEAD)
    clock.advance(7_200)

    def refuse(_: object) -> None:
        raise StoreError("the disk is full")

    people.devices.database.write = refuse  # type: ignore[method-assign,assignment]

    with caplog.at_level(logging.WARNING):
        assert people.devices.of_token(token) is not None
    assert "is not kept" in caplog.text
    assert token not in caplog.text


def test_no_code_and_no_token_is_on_the_disk(people: People, tmp_path: Path) -> None:
    people.move_in()
    code = people.devices.new_code(CODE_S)
    device, token = people.devices.pair(code, "Electronics 2")
    unused = people.devices.new_code(CODE_S)
    _, key = people.devices.key("Label printer", Role.LEAD)
    session = people.sessions.begin(device, ANA)

    kept = everything_in(tmp_path / "store.db")

    assert b"Electronics 2" in kept
    for secret in (code, unused, token, key, session):
        assert secret.encode() not in kept


def test_pairing_is_whole_or_not_at_all(people: People) -> None:
    code = people.devices.new_code(CODE_S)

    def break_devices(connection: apsw.Connection) -> None:
        connection.execute("ALTER TABLE devices RENAME TO gone")

    people.devices.database.write(break_devices)
    with pytest.raises(StoreError):
        people.devices.pair(code, "Toys 1")
    people.devices.database.write(lambda c: c.execute("ALTER TABLE gone RENAME TO devices"))

    assert people.devices.pair(code, "Toys 1")

"""Who came and went stands in the journal, with the change it tells of, and without a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw
import pytest
import typer
from typer.testing import CliRunner

from appliance import journal_commands
from appliance.errors import LockedOut, StoreError, WrongPin
from appliance.records import Role
from appliance.store.journal import SqliteJournal
from tests.builders.people import ANA, BEN, PIN, People
from tests.fakes.clock import FakeClock


@pytest.fixture
def people(tmp_path: Path) -> People:
    people = People.at(tmp_path / "store.db", FakeClock())
    people.move_in()
    return people


def journal(people: People) -> SqliteJournal:
    return SqliteJournal(people.devices.database, people.devices.clock)


def rows(people: People) -> list[tuple[str, dict[str, Any]]]:
    """Return every row, oldest first, once the chain verifies."""
    book = journal(people)
    assert book.verify() == book.count()
    return [(e.kind, json.loads(e.body)) for e in reversed(book.latest(limit=100))]


def test_pairing_signing_in_and_out_and_revoking_are_rows(people: People) -> None:
    device, _ = people.paired()
    token = people.sessions.begin(device, ANA)
    people.sessions.end(token)
    people.sessions.end(token)
    people.devices.revoke(device)
    people.devices.revoke(device)

    assert [kind for kind, _ in rows(people)] == ["pairing", "sign_in", "sign_out", "revocation"]
    paired, came, went, out = (told for _, told in rows(people))
    assert paired == {"device": device, "name": "Electronics 2", "kind": "handheld"}
    assert (came["device"], came["associate"]) == (device, ANA)
    assert went == {"device": device, "associate": ANA}
    assert out == {"device": device}


def test_who_signs_in_over_another_signs_them_out(people: People) -> None:
    device, _ = people.paired()
    people.sessions.begin(device, ANA)
    people.sessions.begin(device, BEN)
    told = [(kind, body.get("associate")) for kind, body in rows(people)][1:]
    assert told == [("sign_in", ANA), ("sign_out", ANA), ("sign_in", BEN)]


def test_a_handheld_paired_again_names_the_device_it_was(people: People) -> None:
    old, token = people.paired()
    new, _ = people.devices.pair(people.devices.new_code(600), "Electronics 2", replaces=token)
    assert rows(people)[-1][1]["replaces"] == old
    assert rows(people)[-1][1]["device"] == new


def test_a_lock_out_is_a_row_and_a_strangers_badge_is_not_written_down(people: People) -> None:
    for badge in (ANA, "24680135"):
        for _ in range(4):
            with pytest.raises(WrongPin):
                people.associates.check(badge, "9753", device="d1")
        with pytest.raises(LockedOut):
            people.associates.check(badge, "9753", device="d1")
        with pytest.raises(LockedOut):
            people.associates.check(badge, "9753", device="d1")
    known, stranger = rows(people)
    assert (known[0], known[1]["associate"], known[1]["device"]) == ("lock_out", ANA, "d1")
    assert (stranger[0], stranger[1]["associate"]) == ("lock_out", "")


def test_no_pin_code_or_token_is_in_a_row(people: People) -> None:
    code = people.devices.new_code(600)
    device, token = people.devices.pair(code, "Electronics 2")
    session = people.sessions.begin(device, ANA)
    _, key = people.devices.key("Label printer", Role.LEAD)
    people.associates.check(ANA, PIN)
    text = json.dumps(rows(people))
    assert not [secret for secret in (code, token, session, key, f'"{PIN}"') if secret in text]


def test_what_cannot_be_journaled_does_not_happen(people: People) -> None:
    device, _ = people.paired()
    database = people.devices.database
    database.write(lambda c: c.execute("ALTER TABLE journal RENAME TO gone"))
    code = people.devices.new_code(600)
    with pytest.raises(StoreError):
        people.sessions.begin(device, ANA)
    with pytest.raises(StoreError):
        people.devices.revoke(device)
    with pytest.raises(StoreError):
        people.devices.pair(code, "Toys 1")
    database.write(lambda c: c.execute("ALTER TABLE gone RENAME TO journal"))
    assert database.rows("SELECT count(*) FROM sessions") == [(0,)]
    assert [found.revoked_at for found in people.devices.list()] == [None]
    people.devices.pair(code, "Toys 1")  # the code was not used up


def test_a_row_of_the_door_that_is_altered_is_noticed(people: People) -> None:
    device, _ = people.paired()
    people.devices.revoke(device)
    connection = apsw.Connection(str(people.devices.database.path))
    connection.execute("UPDATE journal SET body = '{}' WHERE kind = 'revocation'")
    connection.close()
    with pytest.raises(StoreError, match="altered"):
        journal(people).verify()


def test_the_tail_shows_them_beside_the_replies(people: People, tmp_path: Path) -> None:
    device, _ = people.paired()
    reply = {"id": "r1", "masked": "hours?", "reply": {"lane": "card", "text": "We open at 8:00."}}
    journal(people).append("sentence", {"id": "r1", "n": 0, "text": "We open at 8:00."})
    journal(people).append("reply", reply)
    journal(people).append("feedback", {"id": "r1", "verdict": "down", "text": "[wrong]"})
    people.sessions.begin(device, ANA)
    app = typer.Typer()
    journal_commands.register(app)

    result = CliRunner().invoke(app, ["journal", "tail", "--home", str(tmp_path)])

    newest, thumb, said, paired = result.output.splitlines()
    assert f"sign_in associate {ANA} · device {device}" in newest
    assert "feedback text [wrong] · verdict down" in thumb
    assert "card hours? → We open at 8:00." in said
    assert "pairing" in paired
    assert "name Electronics 2" in paired

"""Two handhelds, two associates, one real store: what is one's is no other's."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.backroom import Store
from appliance.records import Role
from tests.builders.people import ANA, BEN, PIN, People
from tests.builders.records import NOW
from tests.builders.stores import Parts
from tests.fakes.clock import FakeClock
from tests.fakes.server import running

QUESTION = "how long do customers have to return opened headphones"
FOLLOW_UP = "and laptops?"
STREAM = {"Accept": "text/event-stream"}
NO_PIN = "9753"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Store:
    store = Parts.at(tmp_path, clock).store(tmp_path)
    People(store.devices, store.associates, store.sessions).move_in()
    return replace(store, settings=replace(store.settings, sign_in="required"))


@dataclass
class Handheld:
    """A browser with its own cookies."""

    http: httpx.Client
    device: str
    token: str

    def ask(self, text: str, thread: str = "", **options: Any) -> httpx.Response:
        return self.http.post("/v1/ask", json={"text": text, "thread": thread}, **options)

    def sign_in(self, badge: str, pin: str = PIN) -> httpx.Response:
        return self.http.post("/v1/sign-in", json={"badge": badge, "pin": pin})


@contextmanager
def handheld(url: str, store: Store, name: str, badge: str = "") -> Iterator[Handheld]:
    with httpx.Client(base_url=url, timeout=30) as http:
        body = {"code": store.devices.new_code(600), "name": name}
        paired = http.post("/v1/devices/pair", json=body).json()
        held = Handheld(http, paired["device"], paired["token"])
        if badge:
            assert held.sign_in(badge).status_code == 200
        yield held


@pytest.fixture
def two(store: Store) -> Iterator[tuple[Handheld, Handheld]]:
    with (
        running(store) as url,
        handheld(url, store, "Electronics 2", ANA) as ana,
        handheld(url, store, "Toys 1", BEN) as ben,
    ):
        yield ana, ben


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_an_ask_is_journaled_with_its_badge_its_device_and_its_role(
    store: Store, two: tuple[Handheld, Handheld]
) -> None:
    ana, ben = two
    for held, badge, role in ((ana, ANA, "associate"), (ben, BEN, "lead")):
        row = store.journal.reply(held.ask(QUESTION).json()["id"])
        assert row is not None
        asked = row["ask"]
        assert (asked["associate"], asked["device"], asked["role"]) == (badge, held.device, role)


@pytest.mark.parametrize("headers", [{}, STREAM], ids=["json", "stream"])
def test_neither_can_continue_the_others_thread(
    store: Store, two: tuple[Handheld, Handheld], headers: dict[str, str]
) -> None:
    for mine, yours in (two, two[::-1]):
        thread = mine.ask(QUESTION).json()["thread"]
        rows = store.journal.verify()

        refused = yours.ask(FOLLOW_UP, thread, headers=headers)

        assert code(refused) == (404, "no_such_thread")
        assert QUESTION not in refused.text
        assert store.journal.verify() == rows  # nothing was said, so nothing was written
        assert [turn.text for turn in store.threads.turns(thread)] == [QUESTION]
        assert mine.ask(FOLLOW_UP, thread).json()["thread"] == thread


def test_neither_can_read_the_others_thread_or_rate_its_reply(
    store: Store, two: tuple[Handheld, Handheld]
) -> None:
    for mine, yours in (two, two[::-1]):
        reply = mine.ask(QUESTION).json()
        thread, thumb = f"/v1/threads/{reply['thread']}", f"/v1/replies/{reply['id']}/feedback"

        read = yours.http.get(thread)
        rated = yours.http.post(thumb, json={"verdict": "down", "text": "wrong"})

        # In the very words of what is not there at all.
        assert (read.status_code, rated.status_code) == (404, 404)
        assert read.json() == yours.http.get("/v1/threads/nothing").json()
        nothing = yours.http.post("/v1/replies/nothing/feedback", json={"verdict": "down"})
        assert rated.json() == nothing.json()
        assert store.database.rows("SELECT count(*) FROM feedback") == [(0,)]
        assert mine.http.get(thread).json()["turns"][0]["reply"] == reply["id"]
    assert mine.http.post(thumb, json={"verdict": "up"}).status_code == 200


def test_the_same_person_on_another_device_and_another_on_the_same_are_others(
    store: Store, two: tuple[Handheld, Handheld]
) -> None:
    ana, ben = two
    thread = ana.ask(QUESTION).json()["thread"]

    ben.sign_in(ANA)
    elsewhere = ben.ask(FOLLOW_UP, thread)
    ana.sign_in(BEN)
    same_device = ana.ask(FOLLOW_UP, thread)
    ana.sign_in(ANA)
    again = ana.ask(FOLLOW_UP, thread)

    assert code(elsewhere) == code(same_device) == (404, "no_such_thread")
    assert again.status_code == 200


def test_a_thread_may_be_opened_under_a_name_of_ones_own_while_nobody_has_it(
    two: tuple[Handheld, Handheld],
) -> None:
    ana, ben = two
    assert ana.ask(QUESTION, "shift-7").json()["thread"] == "shift-7"
    assert code(ben.ask(QUESTION, "shift-7")) == (404, "no_such_thread")
    assert ben.ask(QUESTION, "shift-8").status_code == 200


def test_a_thread_outlives_the_session_it_was_opened_in(
    clock: FakeClock, two: tuple[Handheld, Handheld]
) -> None:
    ana, _ = two
    thread = ana.ask(QUESTION).json()["thread"]
    clock.advance(13 * 3_600)
    assert code(ana.ask(FOLLOW_UP, thread)) == (401, "not_signed_in")
    ana.sign_in(ANA)
    assert ana.ask(FOLLOW_UP, thread).status_code == 200


def test_a_revoked_device_is_out_at_once_and_the_other_stays(
    store: Store, two: tuple[Handheld, Handheld]
) -> None:
    ana, ben = two
    thread = ana.ask(QUESTION).json()["thread"]
    session = ana.http.cookies["backroom_session"]

    store.devices.revoke(ana.device)

    bearers = ({}, {"Authorization": f"Bearer {session}"}, {"Authorization": f"Bearer {ana.token}"})
    for headers in bearers:
        assert code(ana.ask(FOLLOW_UP, thread, headers=headers)) == (401, "not_paired")
    assert code(ana.sign_in(ANA)) == (401, "not_paired")
    assert code(ana.http.get("/v1/passages/safe%231")) == (401, "not_paired")
    assert ben.ask(QUESTION).status_code == 200


def test_who_is_signed_out_or_removed_asks_no_more(
    store: Store, two: tuple[Handheld, Handheld]
) -> None:
    ana, ben = two
    ana.http.post("/v1/sign-out")
    store.associates.close(BEN)
    assert code(ana.ask(QUESTION)) == code(ben.ask(QUESTION)) == (401, "not_signed_in")


def test_a_lock_out_on_one_handheld_holds_on_every_other(
    clock: FakeClock, two: tuple[Handheld, Handheld]
) -> None:
    ana, ben = two
    for _ in range(4):
        assert code(ben.sign_in(ANA, NO_PIN)) == (403, "wrong_pin")
    assert code(ben.sign_in(ANA, NO_PIN)) == (429, "locked_out")
    assert code(ana.sign_in(ANA)) == (429, "locked_out")
    assert ana.ask(QUESTION).status_code == 200  # but nobody is thrown out by it
    clock.advance(5 * 60)
    assert ana.sign_in(ANA).status_code == 200


def test_a_role_taken_away_is_gone_with_the_next_request(
    store: Store, two: tuple[Handheld, Handheld]
) -> None:
    ana, _ = two
    store.associates.put(ANA, "Ana", Role.MANAGER)
    assert ana.http.get("/v1/passages/safe%231").status_code == 200
    store.associates.put(ANA, "Ana", Role.ASSOCIATE)
    assert code(ana.http.get("/v1/passages/safe%231")) == (403, "not_for_this_role")
    asked = ana.http.post("/v1/ask", json={"text": QUESTION, "role": "manager"})
    assert code(asked) == (403, "role_not_yours")


def test_everyone_stays_signed_in_across_a_restart(store: Store) -> None:
    with running(store) as url, handheld(url, store, "Electronics 2", ANA) as ana:
        thread = ana.ask(QUESTION).json()["thread"]
        kept = dict(ana.http.cookies)
    with running(store) as url, httpx.Client(base_url=url, cookies=kept, timeout=30) as http:
        body = {"text": FOLLOW_UP, "thread": thread}
        assert http.post("/v1/ask", json=body).json()["thread"] == thread


# ── what is typed and handed out stays between the two ────────────────────────────────────────


def test_no_code_no_pin_and_no_token_is_logged_or_journaled_or_on_the_disk(
    store: Store,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for client in ("httpcore", "httpx"):  # the handheld's side of the wire
        caplog.set_level(logging.WARNING, logger=client)
    # Long enough to stand in no port, time or digest by chance.
    pin, wrong = "864209753186", "975318642097"
    store.associates.set_pin(ANA, pin)
    secrets = [pin, wrong]
    with running(store) as url, handheld(url, store, "Electronics 2") as ana:
        assert ana.sign_in(ANA, pin).status_code == 200
        secrets += [store.devices.new_code(600), ana.token, ana.http.cookies["backroom_session"]]
        key, token = store.devices.key("Label printer", Role.LEAD)
        secrets.append(token)
        ana.http.post("/v1/devices/pair", json={"code": secrets[2], "name": ""})
        for body in ({"badge": ANA, "pin": wrong}, {"badge": ANA, "pin": int(wrong)}):
            ana.http.post("/v1/sign-in", json=body)
        for bearer in (token, ana.token, secrets[4]):
            ana.ask(QUESTION, headers={"Authorization": f"Bearer {bearer}"})
        store.devices.revoke(key)
        ana.ask(QUESTION, headers={"Authorization": f"Bearer {token}"})
        ana.ask(QUESTION)
        _fail_on_purpose(store, ana, pin)
        ana.http.post("/v1/sign-out")

    said = capfd.readouterr()
    rows = json.dumps(store.database.rows("SELECT body FROM journal"))
    disk = b"".join(p.read_bytes() for p in tmp_path.glob("store.db*"))
    assert "store_error" in caplog.text  # the log was listened to
    for secret in secrets:
        for text in (caplog.text, said.out, said.err, rows):
            assert secret not in text
        assert secret.encode() not in disk


def _fail_on_purpose(store: Store, held: Handheld, pin: str) -> None:
    """Make signing in fail inside SQLite, which logs, and mend it."""
    store.database.write(lambda c: c.execute("ALTER TABLE sessions RENAME TO gone"))
    assert held.sign_in(ANA, pin).status_code == 503
    store.database.write(lambda c: c.execute("ALTER TABLE gone RENAME TO sessions"))

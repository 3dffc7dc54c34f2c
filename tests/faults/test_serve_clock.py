"""The whole server on a clock that is wrong: 1970, as a mini-PC without a battery starts, and 2040.

The process is `backroom run` with the machine's clock of `appliance.clock` moved: the one place the
program reads the time. Not moved are files' times, and the interpreter's own log.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from appliance.config import load_settings
from appliance.demo.refresh import LIVE_DATABASE
from appliance.records import Role
from appliance.store.db import Database
from appliance.store.devices import SqliteDevices
from appliance.wiring import DATABASE, open_people, open_store
from tests.builders.server import Way, running
from tests.fakes.clock import FakeClock

SETTINGS = 'sign_in = "required"\ntimezone = "America/New_York"\n'
BADGE, PIN = "1001", "2580"
RULE = "how long do customers have to return opened headphones"
PRICE = "what does SKU LM-100004 cost"
BEGINS_1970 = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
BEGINS_2040 = datetime(2040, 3, 1, 15, 0, tzinfo=UTC)
SHIFT = timedelta(hours=12)


def from_instant(at: datetime) -> Way:
    """Start the server at an instant from which its clock then runs on."""
    return Way(program=("-m", "tests.builders.on_clock", at.isoformat()))


@dataclass(frozen=True)
class Handheld:
    """A handheld that keeps its cookies over restarts."""

    cookies: httpx.Cookies

    @contextmanager
    def at(self, url: str) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=url, timeout=60, cookies=self.cookies) as http:
            yield http
            self.cookies.update(http.cookies)


def pair(http: httpx.Client, home: Path, now: datetime) -> None:
    """Pair with a code that somebody made at `now` on the store's own machine."""
    code = SqliteDevices(Database(home / DATABASE), FakeClock(now)).new_code(600)
    paired = http.post("/v1/devices/pair", json={"code": code, "name": "Toys 1"})
    assert paired.status_code == 200, paired.text


def sign_in(http: httpx.Client) -> dict[str, Any]:
    answer = http.post("/v1/sign-in", json={"badge": BADGE, "pin": PIN})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ask(http: httpx.Client, text: str) -> dict[str, Any]:
    answer = http.post("/v1/ask", json={"text": text})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def is_within(text: str, begins: datetime, length: timedelta = timedelta(hours=1)) -> bool:
    return begins <= datetime.fromisoformat(text) <= begins + length


def test_a_store_lives_through_1970_today_and_2040_and_lies_about_none(tmp_path: Path) -> None:
    home, handheld = tmp_path / "store", Handheld(httpx.Cookies())

    with (
        running(home, settings=SETTINGS, way=from_instant(BEGINS_1970)) as server,
        handheld.at(server.url) as http,
    ):
        people = open_people(load_settings(home))[1]
        people.put(BADGE, "Ana", Role.ASSOCIATE)
        people.set_pin(BADGE, PIN)
        pair(http, home, BEGINS_1970 + timedelta(minutes=1))
        assert is_within(sign_in(http)["expires_at"], BEGINS_1970 + SHIFT)
        early = [ask(http, RULE), ask(http, PRICE)]
    assert early[0]["lane"] == "handoff"  # no rule of the handbook was in force then, none is said
    check_times(early, BEGINS_1970)
    # Of the same year as all else that machine wrote; the file system's clock was not moved.
    os.utime(home / LIVE_DATABASE, (BEGINS_1970.timestamp(),) * 2)

    with running(home, settings=SETTINGS) as server, handheld.at(server.url) as http:
        again = http.post("/v1/ask", json={"text": RULE})
        assert (again.status_code, again.json()["code"]) == (401, "not_signed_in")
        today = sign_in(http)  # the pairing holds: nobody walks the aisles with a code again
        assert is_within(today["expires_at"], datetime.now(UTC), SHIFT + timedelta(minutes=1))
        now = [ask(http, RULE), ask(http, PRICE)]
    assert now[0]["lane"] != "handoff"
    check_times(now, datetime.now(UTC) - timedelta(hours=1))

    with (
        running(home, settings=SETTINGS, way=from_instant(BEGINS_2040)) as server,
        handheld.at(server.url) as http,
    ):
        again = http.post("/v1/ask", json={"text": RULE})
        assert (again.status_code, again.json()["code"]) == (401, "not_signed_in")
        assert is_within(sign_in(http)["expires_at"], BEGINS_2040 + SHIFT)
        late = [ask(http, RULE), ask(http, PRICE)]
    check_times(late, BEGINS_2040)
    check_record(home, [*early, *now, *late])


def check_times(replies: list[dict[str, Any]], begins: datetime) -> None:
    """Each reply is of its time, and its live fact was true a little before it."""
    rule, price = replies
    assert is_within(rule["asked_at"], begins)
    assert is_within(price["asked_at"], begins)
    assert "$92.99" in price["text"]
    assert is_within(price["facts"][0]["as_of"], begins - timedelta(hours=1), timedelta(hours=2))


def check_record(home: Path, replies: list[dict[str, Any]]) -> None:
    """The chain is whole over all three clocks, and each reply is built again as it was said."""
    with open_store(load_settings(home)) as store:
        assert store.journal.verify() >= len(replies)
        for reply in replies:
            assert store.replay(reply["id"])[1].text == reply["text"]

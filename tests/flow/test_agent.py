"""An agent and a real hub: beats, pushes, batches, the generalist, and answers that come later."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.backroom import Store
from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.lanes.generalist import GeneralistLane
from appliance.pipeline import Listener
from appliance.records import LaneName, Principal, Role
from sync.agent.agent import Agent
from sync.agent.ends import open_ends
from sync.agent.figures import Standing
from sync.hub.late import owed_asks, put_answer
from sync.hub.ledger import Ledger
from sync.hub.settings import FILE_NAME, load_settings
from sync.hub.wishes import put_wish
from sync.wire import Wish, WishKind
from tests.builders.agents import enrolled
from tests.builders.hub.homes import make_home
from tests.builders.hub.process import RunningHub, running
from tests.builders.stores import HEADPHONES, Parts
from tests.fakes.hub import scripted_hub

ASKER = Principal(device="d1", badge="a7", role=Role.ASSOCIATE)
UNKNOWN = "zzz qqq for customer Maria Lopez"
LONGEST_S = 30.0
SECRET = "sk-vendor-0123456789"
CLOCK = SystemClock()


class Well:
    """`Figures` of a store without a fault."""

    def standing(self) -> Standing:
        return Standing("calm", True)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    home = tmp_path_factory.mktemp("hub")
    with running(home, settings="beat_s = 60\nenrols_per_address = 1000\n") as hub:
        yield hub


@pytest.fixture
def ledger(hub: RunningHub) -> Iterator[Ledger]:
    ledger = Ledger(load_settings(hub.home).database_url)
    yield ledger
    ledger.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Parts.at(tmp_path, CLOCK).store(tmp_path)


@contextmanager
def agent_of(store: Store, hub: RunningHub, number: str) -> Iterator[Agent]:
    """Give the agent of a store, at work, enrolled at a hub."""
    home = store.settings.home
    enrolled(home, hub.url, hub.code(number))
    (home / "agent" / "agent.toml").write_text("look_minutes = 600\n")
    ends = open_ends(Settings(home=home))
    with ends.folder.locked():
        ends.become_agent()
        agent = Agent(Settings(home=home), ends, store.database, Well())
        with agent.running():
            yield agent


def wait(is_so: Callable[[], Any], what: str) -> None:
    until = time.monotonic() + LONGEST_S
    while not is_so():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def rows(ledger: Ledger, sql: str) -> list[Any]:
    from sqlalchemy import text

    return list(ledger.read(lambda c: c.execute(text(sql)).all()))


def test_an_ask_nobody_can_answer_comes_back_answered_to_whoever_asked(
    hub: RunningHub, ledger: Ledger, store: Store
) -> None:
    with agent_of(store, hub, "0101") as agent:
        wait(lambda: agent.ends.memory.known.contact_at, "no beat was answered")
        reply = store.ask(UNKNOWN, thread="t1", device="d1", associate="a7")
        agent.jobs.soon("send")  # within half a minute by itself
        wait(lambda: [o for o in ledger.read(owed_asks) if o.reply == reply.id], "never arrived")
        owed = next(o for o in ledger.read(owed_asks) if o.reply == reply.id)
        assert owed.body["masked"] == "zzz qqq for customer [NAME_1]"
        assert "Maria" not in str(owed.body)

        text = "Tell [NAME_1]: 45 days."
        ledger.write(
            lambda c: put_answer(c, reply=reply.id, text=text, by="expert", now=CLOCK.now())
        )

        wait(lambda: store.late_answers(ASKER), "the answer never came")
    (late,) = store.late_answers(ASKER)
    assert (late.text, late.reply) == ("Tell Maria Lopez: 45 days.", reply.id)
    assert store.spool.count() == 0
    assert store.journal.verify() == 2


def test_a_push_reaches_the_store_though_it_polls_every_ten_hours(
    hub: RunningHub, ledger: Ledger, store: Store
) -> None:
    with agent_of(store, hub, "0102") as agent:
        wait(lambda: agent.ends.memory.known.next_look_at, "it never looked")
        before = agent.ends.memory.known.next_look_at
        time.sleep(1.0)  # the wake stream opens
        wish = Wish(WishKind.LOOK, "pilot")
        ledger.write(lambda c: put_wish(c, wish, now=CLOCK.now(), store="0102"))
        wait(lambda: agent.ends.memory.known.next_look_at != before, "nobody woke it")


def test_the_hub_knows_how_the_store_is(hub: RunningHub, ledger: Ledger, store: Store) -> None:
    store.ask("how long to return opened headphones")
    with agent_of(store, hub, "0103"):
        wait(lambda: rows(ledger, "SELECT 1 FROM beats WHERE store = '0103'"), "no beat")
    ((level, live, journal),) = rows(
        ledger, "SELECT level, live, journal FROM beats WHERE store = '0103'"
    )
    assert (level, journal) == ("calm", 1)
    assert live


def test_a_device_that_is_revoked_loses_nothing_and_goes_on_once_it_is_enrolled_again(
    hub: RunningHub, ledger: Ledger, store: Store
) -> None:
    from sync.agent.enrol import leave
    from sync.hub.registry import shut_out

    with agent_of(store, hub, "0104") as agent:
        wait(lambda: agent.ends.memory.known.contact_at, "no beat was answered")
        ledger.write(lambda c: shut_out(c, "0104", now=CLOCK.now()))
        store.ask(UNKNOWN)
        agent.jobs.soon("send")
        wait(lambda: "turns this device away" in str(agent.ends.memory.known.faults), "not told")
        assert store.spool.count() == 1
    leave(agent.ends.folder)
    with agent_of(store, hub, "0104") as agent:
        wait(lambda: store.spool.count() == 0, "what was owed did not go on")
    ((count,),) = rows(ledger, "SELECT count(*) FROM items WHERE store = '0104'")
    assert count == 1


def test_the_generalist_answers_through_the_hub_with_names_put_back_sentence_by_sentence(
    tmp_path: Path,
) -> None:
    said = "[NAME_1], opened headphones come back within 30 days [1]. "
    said += "Opened headphones come back with the receipt [1]."
    words = re.findall(r".{1,7}", said)  # tokens of ours are cut in half
    parts = Parts.at(tmp_path / "store", CLOCK)
    store, heard = parts.store(tmp_path / "store"), list[str]()
    with (
        scripted_hub(chat=words, tokens={SECRET}) as vendor,
        _gateway(tmp_path / "hub", f"{vendor.url}/v1") as hub,
    ):
        enrolled(tmp_path / "store", hub.url, hub.code("0105"))
        ends = open_ends(Settings(home=tmp_path / "store"))
        with ends.folder.locked():
            ends.become_agent()
            line = ends.generalist()
            lanes = {**store.pipeline.answer.lanes}
            lanes[LaneName.GENERALIST] = GeneralistLane(line, "Cite.")
            answer = replace(store.pipeline.answer, lanes=lanes)
            asked = replace(store, pipeline=replace(store.pipeline, answer=answer))
            reply = asked.ask(
                "how long does customer Maria Lopez have to return opened headphones with receipt",
                listener=Listener(_no, _no, lambda s: heard.append(s.text)),
            )
            ends.close()
        sent = str(vendor.chats)
    assert "Maria" not in sent
    assert HEADPHONES.text in sent
    tried = [(a.outcome, a.why) for a in reply.attempts if a.lane is LaneName.GENERALIST]
    assert tried == [("answered", "")], (tmp_path / "hub" / "log").read_text()
    first = "Maria Lopez, opened headphones come back within 30 days."
    assert heard == [first, "Opened headphones come back with the receipt."]
    assert reply.text == " ".join(heard)


def _no(_: object) -> None:
    """Hear nothing of it."""


@contextmanager
def _gateway(home: Path, vendor: str) -> Iterator[RunningHub]:
    make_home(home)
    key = home / "keys" / "u0.key"
    key.write_text(SECRET)
    key.chmod(0o600)
    table = f'[[gateway.upstreams]]\nname = "u0"\nbase_url = "{vendor}"\nmodel = "m"\n'
    (home / FILE_NAME).write_text(f'{table}key_file = "keys/u0.key"\n')
    with running(home) as hub:
        yield hub

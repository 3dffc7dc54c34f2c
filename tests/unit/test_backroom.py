"""The store as one object: what it takes in, and what it owes headquarters."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.backroom import Store, new_id
from appliance.config import Settings
from appliance.errors import BadInput, StoreError
from appliance.policy.rules import PolicyHolder
from appliance.policy_commands import DEMO_RULES
from appliance.records import LaneName, Role
from tests.builders.records import NOW
from tests.builders.stores import Parts
from tests.fakes.clock import FakeClock

UNKNOWN = "zzz qqq for ana@example.com"


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts.at(tmp_path, FakeClock(NOW))


@pytest.fixture
def store(parts: Parts, tmp_path: Path) -> Store:
    return parts.store(tmp_path)


def spooled(store: Store) -> list[dict[str, Any]]:
    return [json.loads(body) for (body,) in store.database.rows("SELECT body FROM spool")]


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_ask_is_refused_with_what_to_do(store: Store, text: str) -> None:
    with pytest.raises(BadInput, match="empty") as caught:
        store.ask(text)
    assert caught.value.hint


def test_a_long_ask_is_refused_with_both_numbers_and_none_of_its_words(store: Store) -> None:
    with pytest.raises(BadInput, match=r"2,001 characters; at most 2,000") as caught:
        store.ask("secret " + "x" * 1_994)
    assert "secret" not in str(caught.value)
    assert store.ask("x" * 2_000).text


def test_rules_are_reloaded_from_the_release_and_a_manifest_they_do_not_fit_is_logged(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    rules = Path(shutil.copytree(DEMO_RULES, tmp_path / "release" / "rules"))
    file = rules / "promises.cedar"
    manifest = {"id": "r", "counter": 1, "created_at": NOW.isoformat(), "min_agent": "0"}
    parts = {"rules/promises.cedar": {"sha256": "0" * 64, "bytes": file.stat().st_size}}
    table = {**manifest, "disk_needed": 0, "parts": parts, "compatibility": {}}
    (tmp_path / "release" / "manifest.json").write_text(json.dumps(table))
    release = replace(store.release, folder=tmp_path / "release")
    running = replace(store, release=release, rules=PolicyHolder.load(rules))

    assert running.reload_rules()
    assert "will not open again" in caplog.messages[-1]

    file.write_text(file.read_text().replace("context.percent <= 10", "context.percent <="))
    assert not running.reload_rules()
    assert "promises.cedar" in caplog.messages[-1]


def test_a_store_whose_rules_are_fixed_reloads_none(store: Store) -> None:
    assert not store.reload_rules()


@pytest.mark.parametrize("thread", ["a b", "../x", "é", "x" * 65, "a\n", " "])
def test_a_thread_is_named_as_it_is_over_http_or_refused(store: Store, thread: str) -> None:
    with pytest.raises(BadInput, match="1 to 64 letters, digits, - and _") as caught:
        store.ask("how long for returns", thread=thread)
    assert caught.value.hint
    assert store.ask("how long for returns", thread="a-B_" + "9" * 60).text


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "\x00", "'; DROP TABLE journal; --", "LM-1"])
def test_odd_asks_get_an_honest_reply(store: Store, text: str) -> None:
    reply = store.ask(text, thread="t1")
    assert reply.lane is LaneName.HANDOFF
    assert reply.text
    assert store.replay(reply.id)[1].text == reply.text
    assert store.journal.verify() == 1


def test_an_ask_carries_the_stores_own_settings(store: Store) -> None:
    ask = store.make_ask("x", role=Role.LEAD, thread="t1", associate="a7")
    assert (ask.asked_at, ask.role, ask.store) == (NOW, Role.LEAD, store.settings.store)
    assert (ask.thread, ask.associate) == ("t1", "a7")
    assert ask.deadline_s == store.settings.ask_deadline_s
    assert store.make_ask("x", deadline_s=2.5).deadline_s == 2.5


def test_what_the_store_could_not_answer_is_owed_to_headquarters_masked(store: Store) -> None:
    reply = store.ask(UNKNOWN)
    (owed,) = spooled(store)
    assert owed["reply"] == reply.id
    assert owed["masked"] == "zzz qqq for [EMAIL_1]"
    assert reply.is_kept
    assert "ana@example.com" not in str(owed)


@pytest.mark.parametrize(
    "text", ["how long to return opened headphones", "write me a poem about the weather"]
)
def test_what_was_answered_or_is_out_of_scope_is_not_owed(store: Store, text: str) -> None:
    store.ask(text)
    assert spooled(store) == []


def test_a_reply_that_stands_is_given_though_the_spool_fails(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.database.write(lambda c: c.execute("DROP TABLE spool"))
    with caplog.at_level(logging.WARNING):
        reply = store.ask(UNKNOWN)
    assert store.journal.reply(reply.id) is not None
    assert "is not kept" in caplog.text
    assert "ana@example.com" not in caplog.text


def test_a_journal_that_fails_gives_no_reply(store: Store, parts: Parts) -> None:
    parts.journal.fails_on = "reply"
    with pytest.raises(StoreError):
        store.ask(UNKNOWN)
    assert spooled(store) == []


def test_the_callers_id_is_the_replys(store: Store) -> None:
    assert store.ask("x y", reply_id="r1").id == "r1"
    assert store.replay("r1")[0]["id"] == "r1"


def test_ids_do_not_repeat() -> None:
    assert len({new_id() for _ in range(1_000)}) == 1_000


def test_health_counts_what_stands(store: Store) -> None:
    store.ask(UNKNOWN)
    health = store.health()
    assert health["checks"] == {"journal_rows": 1, "spooled": 1}
    assert health["line"] == "configured"  # the builder's router has one
    assert health["release"] == "demo-7"


def test_leaving_the_store_gives_its_resources_back(store: Store) -> None:
    given_back: list[str] = []
    store.resources.callback(given_back.append, "engine")
    with store:
        pass
    store.close()
    assert given_back == ["engine"]


def test_an_answer_the_store_doubts_is_given_and_owed_as_an_edge_case(
    parts: Parts, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, edge_case_under=1.0)
    store = replace(parts.store(tmp_path), settings=settings)

    reply = store.ask("how long to return opened headphones", thread="t1")

    (owed,) = spooled(store)
    assert (owed["reply"], owed["why"], owed["verdict"]) == (reply.id, "unsure", "")
    assert owed["lane"] == reply.lane.value == "quote"


def test_what_is_refused_or_handed_over_is_no_edge_case(parts: Parts, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, edge_case_under=2.0)
    store = replace(parts.store(tmp_path), settings=settings)

    for text in ("can I give 30 % off", "write me a poem about the weather", UNKNOWN):
        store.ask(text)

    assert [owed.get("why") for owed in spooled(store)] == [None]  # the deferred ask alone


def test_a_doubted_answer_is_given_though_the_spool_fails(
    parts: Parts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = replace(parts.store(tmp_path), settings=Settings(home=tmp_path, edge_case_under=1.0))
    store.database.write(lambda c: c.execute("DROP TABLE spool"))
    with caplog.at_level(logging.WARNING):
        assert store.ask("how long to return opened headphones").text
    assert "is not kept" in caplog.text

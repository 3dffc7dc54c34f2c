"""A reply built again says what was said then, whatever the store knows now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.backroom import Store
from appliance.errors import BadInput
from appliance.records import LaneName, Sentence, Source
from tests.builders.records import NOW, a_fact
from tests.builders.stores import HEADPHONES, KETTLE, Parts
from tests.fakes.clock import FakeClock
from tests.fakes.ports import MemoryFacts, saying

PRICE = "what is the price of the fernway kettle"


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts.at(tmp_path, FakeClock(NOW))


@pytest.fixture
def store(parts: Parts, tmp_path: Path) -> Store:
    return parts.store(tmp_path)


def test_a_replay_says_the_price_of_then_though_it_changed_since(
    store: Store, parts: Parts
) -> None:
    then = store.ask(PRICE)
    parts.facts.by_subject[KETTLE] = [a_fact("LM-104233 is $29.99 today.")]

    recorded, again = store.replay(then.id)

    assert "29.99" in store.ask(PRICE).text
    assert again.text == recorded["text"] == then.text == "LM-104233 is $24.99 today."
    assert again.facts == then.facts
    assert again.checks == then.checks


def test_a_replay_says_what_was_missing_then(store: Store, parts: Parts) -> None:
    known, parts.facts.by_subject = parts.facts.by_subject, {}
    parts.facts.missing["price"] = "price: not known since 14:02"
    then = store.ask(PRICE)
    parts.facts.by_subject, parts.facts.missing = known, {}

    _, again = store.replay(then.id)

    assert again.text == then.text == "Price: not known since 14:02."


def test_a_replay_reads_no_live_database(store: Store, parts: Parts) -> None:
    then = store.ask(PRICE)
    before = list(parts.facts.asked)
    store.replay(then.id)
    assert parts.facts.asked == before


def test_a_replay_of_a_follow_up_reads_the_turns_of_then(store: Store) -> None:
    store.ask("how long to return opened headphones", thread="t1")
    then = store.ask("and for laptops?", thread="t1")
    store.ask("what is the wifi password for customers", thread="t1")

    _, again = store.replay(then.id)

    assert "15 days" in then.text
    assert again.text == then.text


def test_a_replay_writes_no_row_and_no_turn(store: Store) -> None:
    then = store.ask("how long to return opened headphones", thread="t1")
    handed = store.ask("zzz qqq", thread="t1")
    rows, turns, spooled = store.journal.verify(), store.threads.turns("t1"), store.spool.count()

    store.replay(then.id)
    store.replay(handed.id)

    assert store.journal.verify() == rows
    assert store.threads.turns("t1") == turns
    assert store.spool.count() == spooled > 0


def test_a_replay_keeps_the_clock_of_then(store: Store, parts: Parts) -> None:
    then = store.ask("how long to return opened headphones")
    parts.index.passages[HEADPHONES.id] = replace(HEADPHONES, effective_to=NOW.date())
    assert isinstance(parts.clock, FakeClock)
    parts.clock.advance(86_400 * 2)

    _, again = store.replay(then.id)

    assert again.text == then.text
    assert "30 days" not in store.ask("how long to return opened headphones").text


def test_a_refusal_is_replayed_too(store: Store) -> None:
    then = store.ask("can I give 25% off")
    _, again = store.replay(then.id)
    assert (again.text, again.lane, again.policies) == (then.text, then.lane, then.policies)


def test_an_unknown_reply_is_named(store: Store) -> None:
    with pytest.raises(BadInput, match="no reply nobody"):
        store.replay("nobody")


def test_a_reply_of_another_release_is_not_rebuilt_by_this_one(store: Store) -> None:
    then = store.ask(PRICE)
    manifest = replace(store.release.manifest, id="demo-8")
    newer = replace(store, release=replace(store.release, manifest=manifest))
    with pytest.raises(BadInput, match=r"release demo-7; this is\s+demo-8"):
        newer.replay(then.id)


def test_the_stores_own_facts_stay_in_place_after_a_replay(store: Store) -> None:
    then = store.ask(PRICE)
    store.replay(then.id)
    assert isinstance(store.pipeline.stitch.facts, MemoryFacts)


def test_what_headquarters_said_is_replayed_without_asking_it_again(
    store: Store, parts: Parts
) -> None:
    cited = Source(HEADPHONES.id, HEADPHONES.title, 0, len(HEADPHONES.text))
    said = Sentence("Opened headphones come back within 30 days.", (cited,))
    parts.generalist.script = saying(LaneName.GENERALIST, said)
    then = store.ask("how long to return opened headphones")
    asked = len(parts.generalist.remaining_s)
    parts.generalist.script = saying(LaneName.GENERALIST, Sentence("Something else."))

    recorded, again = store.replay(then.id)

    assert then.lane is again.lane is LaneName.GENERALIST
    assert recorded["text"] == again.text == then.text
    assert len(parts.generalist.remaining_s) == asked

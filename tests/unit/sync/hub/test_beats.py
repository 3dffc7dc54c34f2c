from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from sync.hub.alarms import open_alarms
from sync.hub.book import slot_of
from sync.hub.parts import Hub
from sync.hub.registry import move
from sync.hub.standing import standings
from sync.hub.tables import history
from sync.hub.watch import Watch
from sync.hub.wishes import put_wish
from sync.wire import SwitchReport, SwitchState, Wish, WishKind
from tests.builders.hub.homes import code_of, store_at
from tests.fakes.clock import FakeClock

Client = TestClient[Any]


def alarms_of(hub: Hub) -> list[tuple[str, str]]:
    return [(alarm.store, alarm.kind) for alarm in hub.ledger.read(open_alarms)]


def test_a_beat_is_answered_with_the_time_an_interval_and_the_ring(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    answer = store_at(hub, client).beaten()

    assert (answer.now, answer.ring, answer.wishes) == (clock.now(), "pilot", ())
    assert 54 <= answer.interval_s <= 66


def test_intervals_differ_so_that_stores_that_began_together_drift_apart(
    hub: Hub, client: Client
) -> None:
    store = store_at(hub, client)

    assert len({store.beaten().interval_s for _ in range(4)}) == 4


def test_the_newest_beat_of_each_store_is_kept_whole(hub: Hub, client: Client) -> None:
    store, other = store_at(hub, client), store_at(hub, client, "0002")
    told = SwitchReport(SwitchState.PROBATION, "v2", 2, previous="v1", candidate="v2")
    for asks in (1, 2, 3):
        store.beaten(asks=asks, switch=told, shares={"routing": 0.3})
    other.beaten()

    first, second = hub.ledger.read(standings)

    assert first.beat is not None
    assert (first.beat.sequence, first.beat.asks, first.beat.switch) == (3, 3, told)
    assert (first.beat.shares, second.store, second.ring) == ({"routing": 0.3}, "0002", "pilot")


def test_a_beat_that_comes_again_or_too_late_changes_nothing_and_is_answered(
    hub: Hub, client: Client
) -> None:
    store = store_at(hub, client)
    for sequence, asks in ((1, 5), (3, 7), (3, 7), (2, 6)):
        store.beaten(sequence=sequence, asks=asks)

    (found,) = hub.ledger.read(standings)
    asks = hub.ledger.read(lambda c: c.execute(history.select()).one().asks)

    assert found.beat is not None
    assert (found.beat.sequence, asks) == (3, 12)


def test_a_new_boot_begins_its_sequence_anew(hub: Hub, client: Client) -> None:
    store = store_at(hub, client)
    store.beaten(sequence=900)
    store.beaten(sequence=1, boot="another")

    (found,) = hub.ledger.read(standings)

    assert found.beat is not None
    assert (found.beat.boot, found.beat.sequence) == ("another", 1)


def test_history_holds_a_row_a_quarter_of_an_hour(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    store.beaten(asks=3, errors=1, p50_ms=20.0, p95_ms=80.0)
    store.beaten(asks=2, p50_ms=30.0, p95_ms=60.0, level="strained")
    store.beaten(asks=0)
    clock.advance(14 * 60)
    store.beaten(asks=4)
    clock.advance(60)
    store.renew()
    store.beaten(asks=1)

    rows = hub.ledger.read(lambda c: c.execute(history.select().order_by("slot_at")).all())

    assert [(row.beats, row.asks, row.errors) for row in rows] == [(4, 9, 1), (1, 1, 0)]
    assert (rows[0].p95_ms, rows[0].slot_at) == (80.0, slot_of(clock.now()) - timedelta(minutes=15))


def test_a_wish_is_told_at_the_next_beat_and_not_for_ever(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store, other = store_at(hub, client), store_at(hub, client, "0002", "rest")
    for one in (store, other):
        one.beaten()
    wish = Wish(WishKind.LOOK, "pilot", "v2")
    hub.ledger.write(lambda c: put_wish(c, wish, now=clock.now(), to_ring="pilot"))
    look(hub)

    told = []
    for _ in range(5):
        clock.advance(60)
        told.append(store.beaten().wishes)

    assert told[0] == (wish,)
    assert told[-1] == ()
    assert other.beaten().wishes == ()


def test_a_store_that_was_away_for_hours_is_told_each_wish_once(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    store.beaten()
    clock.advance(600)
    wish = Wish(WishKind.LOOK, "pilot", "v2")
    for _ in range(3):
        hub.ledger.write(lambda c: put_wish(c, wish, now=clock.now(), to_ring="pilot"))
    look(hub)
    clock.advance(5 * 3600)
    store.renew()

    assert store.beaten().wishes == (Wish(WishKind.LOOK, "pilot", "v2"),)


def look(hub: Hub) -> None:
    """Let the hub look at its table of wishes now, and not at the next half second."""
    hub.signals._kept.extend(hub.ledger.read(hub.signals._look))


def test_a_store_moved_to_another_ring_hears_of_it_at_its_next_beat(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    store.beaten()

    hub.ledger.write(lambda c: move(c, "0001", "rest", now=clock.now()))

    assert store.beaten().ring == "rest"


def test_items_dropped_from_a_spool_are_an_alarm_for_a_day(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    store.beaten(spool={"dropped": 4})
    assert alarms_of(hub) == []  # dropped before this hub ever heard of it

    store.beaten(spool={"dropped": 9})
    (alarm,) = hub.ledger.read(open_alarms)
    clock.advance(86_401)
    Watch(hub, 0.0).tidy()

    assert (alarm.kind, "5 items" in alarm.why) == ("spool_drops", True)
    assert alarms_of(hub) == []


@pytest.mark.parametrize(
    ("first", "second", "is_wrong"),
    [
        ({"sequence": 10, "hash": "a"}, {"sequence": 12, "hash": "b"}, False),
        ({"sequence": 10, "hash": "a"}, {"sequence": 10, "hash": "a"}, False),
        ({"sequence": 10, "hash": "a"}, {}, False),
        ({"sequence": 10, "hash": "a"}, {"sequence": 7, "hash": "c"}, True),
        ({"sequence": 10, "hash": "a"}, {"sequence": 10, "hash": "x"}, True),
    ],
)
def test_a_journal_whose_tail_was_cut_off_or_changed_is_an_alarm(
    hub: Hub, client: Client, first: dict[str, Any], second: dict[str, Any], is_wrong: bool
) -> None:
    store = store_at(hub, client)
    store.beaten(journal=first)
    store.beaten(journal=second)

    assert alarms_of(hub) == ([("0001", "journal_back")] if is_wrong else [])


def test_expired_metadata_is_an_alarm_until_beats_say_so_no_more(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store = store_at(hub, client)
    store.beaten(faults=("The token has expired.",))
    assert alarms_of(hub) == []
    stale = "The repository's metadata is past its date: timestamp.json is expired."
    store.beaten(faults=("disk", stale))
    assert alarms_of(hub) == [("0001", "expired_metadata")]

    store.beaten()
    clock.advance(601)
    Watch(hub, 0.0).tidy()

    assert alarms_of(hub) == []


def test_a_store_without_a_beat_for_ten_minutes_is_an_alarm_until_it_beats(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    watch, store, never = Watch(hub, 0.0), store_at(hub, client), store_at(hub, client, "0002")
    store.beaten()
    clock.advance(601)
    watch.silent()
    assert alarms_of(hub) == [("0001", "silent"), ("0002", "silent")]

    store.beaten()
    watch.silent()

    assert never.sequence == 0
    assert alarms_of(hub) == [("0002", "silent")]


def test_a_hub_that_has_just_begun_calls_nobody_silent(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    store_at(hub, client).beaten()
    clock.advance(3_600)

    Watch(hub, clock.monotonic()).silent()

    assert alarms_of(hub) == []


def test_a_store_with_a_code_and_no_machine_stands_in_the_table(hub: Hub, clock: FakeClock) -> None:
    code_of(hub.ledger, clock, "0003", "rest")

    (found,) = hub.ledger.read(standings)

    assert (found.store, found.ring, found.state, found.beat) == (
        *("0003", "rest", "not enrolled"),
        None,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"level": "x" * 5_000},
        {"level": "nul\x00nul"},
        {"boot": "b\x00" * 90},
        {"asks": 10**18},
        {"asks": -5},
        {"spool": {"dropped": 2**62}},
        {"journal": {"sequence": "many", "hash": ["a"]}},
        {"journal": {"sequence": 1.5e300, "hash": None}},
        {"journal": {"sequence": True}},
        {"faults": ("⟦v3⟧", "\x00")},
        {"p95_ms": 1e308},
    ],
)
def test_a_beat_with_strange_values_is_kept_cut_to_size(
    hub: Hub, client: Client, change: dict[str, Any]
) -> None:
    store = store_at(hub, client)

    assert store.beat(**change).status_code == 200
    assert store.beat(**change).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"boot": 1}',
        b"\xff\xfe",
        b'{"boot": "' + b"[" * 50_000,
        b"[" * 60_000,
        b'{"at": "yesterday"}',
    ],
)
def test_a_body_that_is_no_beat_is_a_problem_with_a_code(
    hub: Hub, client: Client, body: bytes
) -> None:
    store = store_at(hub, client)

    answer = client.post("/v1/beat", content=body, headers=store.headers)

    assert answer.status_code == 400
    assert answer.json()["code"] in {"bad_record", "not_json", "not_utf8"}


def test_a_body_longer_than_any_beat_is_refused(hub: Hub, client: Client) -> None:
    store = store_at(hub, client)

    answer = client.post("/v1/beat", content=b" " * 70_000, headers=store.headers)

    assert answer.status_code == 413


def test_a_field_that_an_older_hub_does_not_know_is_passed_over(hub: Hub, client: Client) -> None:
    store = store_at(hub, client)
    plain = msgspec.to_builtins(store.beat_record()) | {"tomorrow": {"a": 1}}

    answer = client.post("/v1/beat", content=msgspec.json.encode(plain), headers=store.headers)

    assert answer.status_code == 200


def test_a_beat_says_nothing_for_another_store(hub: Hub, client: Client) -> None:
    store, other = store_at(hub, client), store_at(hub, client, "0002")
    stolen = replace(store.beat_record(), ring="elsewhere")

    client.post("/v1/beat", content=msgspec.json.encode(stolen), headers=other.headers)

    first, second = hub.ledger.read(standings)
    assert (first.beat, second.store) == (None, "0002")
    assert second.ring == "pilot"

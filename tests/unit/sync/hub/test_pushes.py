from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.hub.alarms import open_alarms
from sync.hub.parts import Hub
from sync.hub.pushes import Pushes, expiries, read_pointers
from sync.hub.watch import Watch
from sync.publish.repository import Repository
from sync.trust.ring import RingPointer
from tests.builders.hub.homes import hub_at, make_home
from tests.builders.repositories import published, release, repository
from tests.fakes.clock import FakeClock

PILOT, REST = RingPointer("pilot", "v1", 1), RingPointer("rest", "v1", 1)


@pytest.fixture
def signed(tmp_path: Path, clock: FakeClock) -> Repository:
    made = repository(tmp_path, clock)
    published(made, release(tmp_path / "v1", "v1", 1))
    for pointer in (PILOT, REST):
        made.promote(pointer)
    return made


@pytest.fixture
def hub(tmp_path: Path, clock: FakeClock, signed: Repository) -> Iterator[Hub]:
    settings = f'repository = "{signed.folder}"\n'
    with hub_at(make_home(tmp_path / "hub", settings=settings), clock) as hub:
        yield hub


@pytest.fixture
def pushes(hub: Hub) -> Pushes:
    found = Pushes(hub.settings.repository_folder, hub.signals)
    assert found.look() == {}
    return found


def test_what_is_there_at_the_start_is_no_news(pushes: Pushes) -> None:
    assert pushes.look() == {}


def test_a_promotion_is_news_of_its_ring_alone(pushes: Pushes, signed: Repository) -> None:
    pointer = signed.promote(RingPointer("rest", "v1", 1, percent=10.0))

    assert pushes.look() == {"rest": pointer}
    assert pushes.look() == {}


def test_a_new_ring_is_news(pushes: Pushes, signed: Repository) -> None:
    pointer = signed.promote(RingPointer("lab", "v1", 1))

    assert pushes.look() == {"lab": pointer}


def test_a_timestamp_signed_anew_is_no_news(
    pushes: Pushes, signed: Repository, clock: FakeClock
) -> None:
    clock.advance(86_400 * 30)
    signed.refresh(force=True)

    assert pushes.look() == {}


def test_a_repository_being_written_is_read_at_the_next_look(
    pushes: Pushes, signed: Repository
) -> None:
    pointer = signed.promote(RingPointer("rest", "v1", 1, percent=10.0))
    timestamp = signed.folder / "metadata" / "timestamp.json"
    whole = timestamp.read_text()
    timestamp.write_text(whole[:40])
    assert pushes.look() == {}
    timestamp.write_text(whole)

    assert pushes.look() == {"rest": pointer}


@pytest.mark.parametrize("content", ["", "[]", '{"signed": 3}', '{"signed": {"meta": {}}}', "\x00"])
def test_a_repository_that_is_none_is_no_news_and_no_bug(
    tmp_path: Path, hub: Hub, content: str
) -> None:
    (tmp_path / "bad" / "metadata").mkdir(parents=True)
    (tmp_path / "bad" / "metadata" / "timestamp.json").write_text(content)

    assert Pushes(tmp_path / "bad", hub.signals).look() == {}
    assert Pushes(tmp_path / "absent", hub.signals).look() == {}


def test_every_rings_pointer_is_read(signed: Repository) -> None:
    found = read_pointers(signed.folder)

    assert {ring: pointer.release for ring, pointer in found.items()} == {
        "pilot": "v1",
        "rest": "v1",
    }


def test_metadata_that_runs_out_is_the_hubs_own_alarm_until_it_is_signed_anew(
    hub: Hub, signed: Repository, clock: FakeClock
) -> None:
    watch, first = Watch(hub, 0.0), min(expiries(signed.folder).values())
    watch.expiry()
    assert hub.ledger.read(open_alarms) == []

    clock.advance((first - clock.now()).total_seconds() - 3_600)
    watch.expiry()
    (alarm,) = hub.ledger.read(open_alarms)
    signed.refresh(force=True)
    watch.expiry()

    assert (alarm.store, alarm.kind, "timestamp" in alarm.why) == ("", "expired_metadata", True)
    assert hub.ledger.read(open_alarms) == []

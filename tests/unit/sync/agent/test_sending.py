"""What is owed goes up: whole, once, and out of the spool only when headquarters has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from appliance.errors import BackroomError, BadInput, LineDown
from appliance.store.spool import SqliteSpool
from sync.agent import batches as sealing
from sync.agent.ends import Ends
from sync.agent.sending import Sending
from sync.wire import BATCH_AGE_S, BATCH_BYTES, BATCHES, PIECE_BYTES
from tests.builders.agents import a_sending, a_spool, agent_ends
from tests.fakes.clock import FakeClock
from tests.fakes.hub import ScriptedHub


@pytest.fixture
def spool(ends: Ends) -> Iterator[SqliteSpool]:
    spool = a_spool(ends.folder.home)
    yield spool
    spool.database.close()


def put(spool: SqliteSpool, *bodies: Any, priority: int = 2) -> None:
    for body in bodies:
        spool.put("edge_case", {"n": body}, priority=priority)


def told(hub: ScriptedHub) -> list[Any]:
    return sorted(body["n"] for body in hub.bodies.values())


def test_what_is_owed_arrives_and_leaves_the_spool(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool
) -> None:
    put(spool, 1, 2, 3)
    assert a_sending(ends, spool)(is_wanted=True) == 3
    assert told(hub) == [1, 2, 3]
    assert spool.counted().items == 0
    assert list(ends.folder.batches.glob("*.zst")) == []


def test_a_batch_waits_for_company_but_not_for_ever(ends: Ends, spool: SqliteSpool) -> None:
    put(spool, 1)
    clock = FakeClock(datetime.now(UTC))
    sending = a_sending(ends, spool, clock)
    assert sending() == 0
    clock.advance(BATCH_AGE_S - 60)
    assert sending() == 0
    clock.advance(61)
    assert sending() == 1


@pytest.mark.parametrize("years", [-56, 14])
def test_a_clock_that_was_put_holds_nothing_back(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool, years: int
) -> None:
    put(spool, 1)
    clock = FakeClock(datetime.now(UTC) + timedelta(days=365 * years))
    assert a_sending(ends, spool, clock)() == 1


def test_an_ask_somebody_waits_for_goes_at_once(ends: Ends, spool: SqliteSpool) -> None:
    put(spool, 1, priority=5)
    assert a_sending(ends, spool)() == 1


def test_a_batch_is_bounded_and_the_rest_follows(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool
) -> None:
    import random

    noise = random.Random(7)
    put(spool, *(noise.randbytes(400_000).hex() for _ in range(12)))
    assert a_sending(ends, spool)(is_wanted=True) == 12
    assert len(hub.kept) >= 2
    assert max(len(b) for b in hub.batches.values()) <= BATCH_BYTES
    assert hub.asked[f"PUT {BATCHES}/{next(iter(hub.kept))}"] >= 2  # pieces


@pytest.mark.parametrize("fault", ["500", "cut", "garbage", "lost", "503"])
@pytest.mark.parametrize("at", range(4))
def test_whatever_happens_to_a_piece_nothing_is_lost_and_nothing_comes_twice(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool, fault: str, at: int
) -> None:
    import random

    put(spool, *(random.Random(n).randbytes(300_000).hex() for n in range(4)))
    sending = a_sending(ends, spool)
    hub.befall(BATCHES, *[""] * at, fault)

    for _ in range(6):
        try:
            sending(is_wanted=True)
        except BackroomError:
            ends.line.breaker.heard(failed=False)
    assert len(hub.items) == 4
    assert set(hub.items.values()) == {1}
    assert spool.counted().items == 0
    assert spool.dropped() == 0


def test_a_line_that_turns_the_device_away_drops_nothing(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool
) -> None:
    put(spool, 1, 2)
    hub.befall(BATCHES, *["401"] * 6)
    sending = a_sending(ends, spool)
    for _ in range(3):
        with pytest.raises(LineDown):
            sending(is_wanted=True)
    assert spool.counted().items == 2
    assert spool.dropped() == 0


def test_a_sealed_batch_is_gone_on_from_where_it_was_left_by_the_next_start(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool
) -> None:
    import random

    put(spool, *(random.Random(n).randbytes(500_000).hex() for n in range(3)))
    hub.befall(BATCHES, "", "", "500")  # the state, the first piece, and no further
    with pytest.raises(LineDown):
        a_sending(ends, spool)(is_wanted=True)
    (name,) = hub.batches
    assert len(hub.batches[name]) == PIECE_BYTES
    assert [p.stem for p in ends.folder.batches.glob("*.zst")] == [name]

    assert a_sending(ends, spool)() == 3

    assert list(hub.kept) == [name]


def test_killed_between_the_acknowledgement_and_the_spool_nothing_comes_twice(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(spool, 1, 2)

    class Killed(BaseException):
        pass

    def die(self: Sending, batch: object) -> int:
        raise Killed

    monkeypatch.setattr(Sending, "_kept", die)
    with pytest.raises(Killed):
        a_sending(ends, spool)(is_wanted=True)
    monkeypatch.undo()
    assert spool.counted().items == 2

    a_sending(ends, spool)(is_wanted=True)

    assert set(hub.items.values()) == {1}
    assert spool.counted().items == 0


def test_a_damaged_batch_is_put_aside_and_its_items_go_again_under_their_names(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool
) -> None:
    put(spool, 1, 2)
    names = {owing.id for owing in spool.owing(most_bytes=10**6)}
    hub.befall(BATCHES, "500")
    with pytest.raises(LineDown):
        a_sending(ends, spool)(is_wanted=True)
    (path,) = ends.folder.batches.glob("*.zst")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))

    assert a_sending(ends, spool)(is_wanted=True) == 2

    assert set(hub.items) == names
    assert [p.name for p in (ends.folder.batches / "damaged").iterdir()] == [path.name]


def test_one_item_headquarters_cannot_read_is_found_and_given_up_alone(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool
) -> None:
    hub.refuses = lambda body: body["n"] == 7
    put(spool, *range(20))
    assert a_sending(ends, spool)(is_wanted=True) == 19
    assert told(hub) == [n for n in range(20) if n != 7]
    assert spool.dropped() == 1
    assert spool.counted().items == 0


def test_an_item_too_long_for_any_batch_is_given_up_and_the_rest_goes(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool
) -> None:
    put(spool, "x" * 2**20)
    put(spool, 2)
    sending = a_sending(ends, spool)
    sending(is_wanted=True)
    sending(is_wanted=True)
    assert told(hub) == [2]
    assert spool.dropped() == 1


def test_a_disk_that_takes_no_batch_loses_nothing(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path) -> Any:
        raise BadInput("No space left on device.")

    put(spool, 1)
    monkeypatch.setattr(sealing, "replaced_file", full)
    with pytest.raises(BadInput):
        a_sending(ends, spool)(is_wanted=True)
    monkeypatch.undo()
    assert spool.counted().items == 1
    assert a_sending(ends, spool)(is_wanted=True) == 1


def test_a_batch_says_whose_it_is_and_each_item_its_name(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool
) -> None:
    spool.put("deferred_ask", {"reply": "r1", "text": "¿Cuánto? 🎧"}, priority=5)
    a_sending(ends, spool)()
    (content,) = hub.batches.values()
    head, item = (json.loads(line) for line in zstd.decompress(bytes(content)).splitlines())
    assert (head["store"], head["device"], head["items"]) == ("0417", "dev1", 1)
    assert (item["kind"], item["priority"], item["body"]["reply"]) == ("deferred_ask", 5, "r1")
    assert len(item["id"]) == 32


def test_what_was_sealed_before_a_new_identity_still_arrives(
    hub: ScriptedHub, ends: Ends, spool: SqliteSpool
) -> None:
    put(spool, 1)
    hub.befall(BATCHES, "500")
    with pytest.raises(LineDown):
        a_sending(ends, spool)(is_wanted=True)
    with agent_ends(ends.folder.home) as again:
        assert a_sending(again, spool)() == 1
    assert set(hub.items.values()) == {1}

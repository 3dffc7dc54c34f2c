from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.codec import from_plain, to_plain
from appliance.live import OWN, Live, Slot
from sync.switch import machine
from sync.switch.record import MOST_TRIED, SwitchRecord
from sync.trust.ring import RingPointer
from sync.wire import SwitchState as S

NOW = datetime(2026, 11, 27, 22, 0, tzinfo=UTC)
V1, V2, V3 = Slot("v1", 1), Slot("v2", 2), Slot("v3", 3)
POINTER = RingPointer("stable", "v2", 2, salt="s", made_at=NOW)
SLOTS = [OWN, V1, V2, V3]


def _walked(*states: S) -> SwitchRecord:
    record = SwitchRecord(live=V1)
    for state in states:
        if state is S.OFFERED:
            record = machine.offered(record, V2, at=NOW, pointer=POINTER)
        elif state is S.LIVE:
            record = machine.live(record, at=NOW, row=5)
        elif state is S.SETTLED:
            record = machine.settled(record, at=NOW)
        else:
            record = machine.advanced(record, at=NOW)
        assert record.state is state
    return record


WAY = (S.OFFERED, S.FITS, S.DOWNLOADING, S.VERIFIED, S.REHEARSED)


def test_a_release_goes_the_whole_way_and_the_one_before_stays_beside_it() -> None:
    record = _walked(*WAY, S.LIVE, S.PROBATION, S.SETTLED)
    assert (record.live, record.previous, record.turn) == (V2, V1, 1)
    assert record.candidate is None


@pytest.mark.parametrize("at", range(1, len(WAY) + 1))
def test_a_release_refused_anywhere_on_its_way_leaves_the_live_one_as_it_was(at: int) -> None:
    record = machine.refused(_walked(*WAY[:at]), "no room", at=NOW)
    assert (record.live, record.previous, record.turn) == (V1, None, 0)
    assert (record.state, record.why) == (S.REFUSED, "no room")


@pytest.mark.parametrize("last", [S.LIVE, S.PROBATION, S.SETTLED])
def test_a_release_left_gives_the_place_back_with_the_reason(last: S) -> None:
    way = [*WAY, S.LIVE, S.PROBATION, S.SETTLED]
    record = machine.back(_walked(*way[: way.index(last) + 1]), "it crashed", at=NOW)
    assert (record.live, record.state, record.why) == (V1, S.BACK, "it crashed")
    assert (record.candidate, record.turn) == (V2, 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: machine.live(r, at=NOW, row=0),
        lambda r: machine.settled(r, at=NOW),
        lambda r: machine.advanced(r, at=NOW),
        lambda r: machine.refused(r, "", at=NOW),
        lambda r: machine.watched(r, 1),
        lambda r: machine.given_up(r, "", at=NOW),
        lambda r: machine.back(r, "", at=NOW),
        lambda r: machine.offered(r, V1, at=NOW),
    ],
)
def test_no_state_is_skipped(change: object) -> None:
    with pytest.raises(ValueError, match=r"never|live already|nothing to go back"):
        change(SwitchRecord(live=V1))  # type: ignore[operator]


def test_nothing_is_offered_over_a_release_on_trial() -> None:
    with pytest.raises(ValueError, match="never"):
        machine.offered(_walked(*WAY, S.LIVE), V3, at=NOW)


# ── what a ring's word asks ──────────────────────────────────────────────────────────────────────


def _wanted(record: SwitchRecord, pointer: RingPointer = POINTER, *, at: datetime = NOW) -> bool:
    return machine.is_wanted(record, pointer, store="0001", live_id=record.live.id, at=at)


def test_a_release_that_did_not_stay_is_not_taken_again_on_the_same_word() -> None:
    record = machine.back(_walked(*WAY, S.LIVE), "it crashed", at=NOW)
    assert not _wanted(record)
    assert not _wanted(record, at=NOW + timedelta(days=9000))
    assert _wanted(record, replace(POINTER, made_at=NOW + timedelta(hours=1)))  # a new word


def test_what_only_room_kept_out_is_tried_again_later_and_ever_less_often() -> None:
    record = _walked(S.OFFERED)
    waits = []
    for _ in range(8):
        record = machine.refused(record, "no room", at=NOW, is_passing=True)
        wait = next(
            hours
            for hours in range(100)
            if _wanted(record, at=NOW + timedelta(hours=hours, seconds=1))
        )
        waits.append(wait)
        record = machine.offered(record, V2, at=NOW, pointer=POINTER)
    assert waits == [1, 2, 4, 8, 16, 24, 24, 24]


def test_a_clock_that_was_put_back_holds_no_retry_up() -> None:
    record = machine.refused(_walked(S.OFFERED), "no room", at=NOW, is_passing=True)
    assert _wanted(record, at=datetime(1970, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("word", "is_wanted"),
    [
        (POINTER, True),
        (replace(POINTER, state="pause"), False),
        (replace(POINTER, percent=0.0), False),
        (replace(POINTER, release="v1"), False),  # is live
    ],
)
def test_only_a_word_that_means_this_store_and_something_new_is_wanted(
    word: RingPointer, is_wanted: bool
) -> None:
    assert _wanted(SwitchRecord(live=V1), word) is is_wanted


def test_what_is_on_its_way_is_not_begun_again() -> None:
    assert not _wanted(_walked(S.OFFERED, S.FITS))


def test_a_splay_counts_from_when_the_word_was_first_seen() -> None:
    record = machine.refused(_walked(S.OFFERED), "no room", at=NOW, is_passing=True)
    later = machine.offered(record, V2, at=NOW + timedelta(hours=2), pointer=POINTER)
    assert later.seen_at == NOW


def test_the_memory_of_what_was_tried_is_bounded() -> None:
    record = SwitchRecord(live=V1)
    for number in range(2, 3 * MOST_TRIED):
        at = NOW + timedelta(minutes=number)
        record = machine.offered(record, Slot(f"v{number}", number), at=at, pointer=POINTER)
        record = machine.refused(record, "no", at=at)
    assert len(record.tried) == MOST_TRIED
    assert f"v{3 * MOST_TRIED - 1}" in record.tried


# ── no path has two live or none ─────────────────────────────────────────────────────────────────


class World:
    """A store's disk and record under any sequence of what may happen, cut anywhere."""

    def __init__(self) -> None:
        self.record = SwitchRecord()
        self.disk = {OWN}
        self.at = NOW

    def do(self, what: str, slot: Slot) -> None:
        before = self.record
        try:
            self._do(what, slot)
        except ValueError:
            assert self.record == before  # refused whole
        self.at += timedelta(minutes=1)
        self._check(before)

    def _do(self, what: str, slot: Slot) -> None:
        record, at = self.record, self.at
        if what == "offer":
            after = machine.offered(record, slot, at=at, pointer=replace(POINTER, made_at=at))
        elif what == "go on" and record.state is S.DOWNLOADING:
            assert record.candidate is not None
            self.disk.add(record.candidate)  # its name comes before the record
            after = machine.advanced(record, at=at)
        elif what == "go on" and record.state is S.REHEARSED:
            after = machine.live(record, at=at, row=1)
        elif what == "go on" and record.state is S.PROBATION:
            after = machine.settled(record, at=at)
        elif what == "go on":
            after = machine.advanced(record, at=at)
        elif what == "refuse":
            after = machine.refused(record, "why", at=at)
        elif what == "give up":
            after = machine.given_up(record, "why", at=at)
        elif what == "fall":  # the store left it by itself, for what it could open
            after = machine.back(record, "why", at=at, to=record.previous or OWN)
        elif what == "back":
            after = machine.back(record, "why", at=at)
        elif what == "clear":
            kept = {record.live, record.previous or record.live, OWN}
            if record.state in machine.ON_THE_WAY and record.candidate:
                kept.add(record.candidate)
            self.disk &= kept
            return
        else:  # killed after the work, before the record was written
            return
        self.record = from_plain(json.loads(json.dumps(to_plain(after))), SwitchRecord)

    def _check(self, before: SwitchRecord) -> None:
        record = self.record
        assert record.live in self.disk
        assert record.previous is None or record.previous in self.disk
        assert record.previous != record.live
        assert record.turn == before.turn + (record.live != before.live)
        if record.state in {S.OFFERED, S.FITS, S.DOWNLOADING, S.VERIFIED, S.REHEARSED}:
            assert record.candidate not in {None, record.live}
        if record.state in {S.LIVE, S.PROBATION}:
            assert record.candidate == record.live
            assert record.previous is not None
        told = from_plain(to_plain(record), Live)
        assert (told.live, told.previous, told.turn) == (record.live, record.previous, record.turn)
        assert told.is_on_trial is (record.state in {S.LIVE, S.PROBATION})


DOINGS = ["offer", "go on", "go on", "go on", "refuse", "give up", "fall", "back", "clear", "kill"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(DOINGS), st.sampled_from(SLOTS[1:])), max_size=60))
def test_no_path_leaves_two_live_or_none(doings: list[tuple[str, Slot]]) -> None:
    world = World()
    for what, slot in doings:
        world.do(what, slot)

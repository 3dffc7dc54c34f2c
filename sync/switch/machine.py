"""Record -> record: how a switch goes from state to state. Pure; no path has two live or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from appliance.live import OWN, Slot
from sync.switch.record import MOST_TRIED, SwitchRecord, Tried, pointer_key
from sync.trust.ring import RingPointer, is_chosen
from sync.wire import SwitchState as S

ON_THE_WAY = frozenset({S.OFFERED, S.FITS, S.DOWNLOADING, S.VERIFIED, S.REHEARSED})
ON_TRIAL = frozenset({S.LIVE, S.PROBATION})
AT_REST = frozenset({S.SETTLED, S.BACK, S.REFUSED})
NEXT: Mapping[S, S] = {
    S.OFFERED: S.FITS,
    S.FITS: S.DOWNLOADING,
    S.DOWNLOADING: S.VERIFIED,
    S.VERIFIED: S.REHEARSED,
    S.LIVE: S.PROBATION,
}
AGAIN_S = 3600.0  # before a release is tried again that only a passing fault kept out; doubled
MOST_AGAIN_S = 24 * 3600.0


def offered(
    record: SwitchRecord,
    candidate: Slot,
    *,
    at: datetime,
    pointer: RingPointer | None = None,
    is_back: bool = False,
) -> SwitchRecord:
    """Return the record of a release that was just offered; one on its way gives way to it."""
    _only(record, ON_THE_WAY | AT_REST, "is offered a release")
    if candidate == record.live:
        raise ValueError(f"{candidate.id} is live already.")
    is_same = pointer is not None and pointer_key(record.pointer) == pointer_key(pointer)
    return replace(
        record,
        state=S.OFFERED,
        candidate=candidate,
        pointer=pointer,
        seen_at=record.seen_at if is_same and record.seen_at else at,
        since=at,
        why="",
        is_back=is_back,
    )


def advanced(record: SwitchRecord, *, at: datetime, why: str = "") -> SwitchRecord:
    """Return the record one state on, where the way has no fork."""
    _only(record, frozenset(NEXT), "goes on")
    return replace(record, state=NEXT[record.state], since=at, why=why)


def live(record: SwitchRecord, *, at: datetime, row: int, failed: int = 0) -> SwitchRecord:
    """Return the record in which the candidate is live, and what was live is the previous one.

    Args:
        record: A rehearsed candidate's.
        at: Now.
        row: The journal's last.
        failed: Asks the candidate failed ever, in an earlier time as the live one.
    """
    _only(record, frozenset({S.REHEARSED}), "goes live")
    candidate = _candidate(record)
    return replace(
        record,
        live=candidate,
        previous=record.live,
        turn=record.turn + 1,
        state=S.LIVE,
        since=at,
        why="",
        from_row=row,
        failed_before=failed,
        spent_s=0.0,
    )


def settled(record: SwitchRecord, *, at: datetime, why: str = "") -> SwitchRecord:
    """Return the record in which the live release stays."""
    _only(record, ON_TRIAL, "settles")
    return replace(record, state=S.SETTLED, candidate=None, since=at, why=why)


def back(record: SwitchRecord, why: str, *, at: datetime, to: Slot | None = None) -> SwitchRecord:
    """Return the record in which the release before is live again.

    Args:
        record: Any: a release can also turn out damaged long after it settled.
        why: The reason, for people.
        at: Now.
        to: What stands already; None: the previous release.
    """
    target = to if to is not None else record.previous
    if target is None or target == record.live:
        raise ValueError(f"There is nothing to go back to from {record.live.id or 'the first'}.")
    left = record.live
    return replace(
        _remembered(record, left, why, at=at),
        live=target,
        previous=None,
        turn=record.turn + 1,
        state=S.BACK,
        candidate=left,
        since=at,
        why=why,
        spent_s=0.0,
    )


def refused(
    record: SwitchRecord, why: str, *, at: datetime, is_passing: bool = False
) -> SwitchRecord:
    """Return the record in which the candidate never went live."""
    _only(record, ON_THE_WAY, "is refused")
    noted = _remembered(record, _candidate(record), why, at=at, is_passing=is_passing)
    return replace(noted, state=S.REFUSED, since=at, why=why)


def given_up(record: SwitchRecord, why: str, *, at: datetime) -> SwitchRecord:
    """Return the record in which nobody wants the candidate any more."""
    _only(record, ON_THE_WAY, "is given up")
    return replace(record, state=S.SETTLED, candidate=None, pointer=None, since=at, why=why)


def watched(record: SwitchRecord, seconds: float) -> SwitchRecord:
    """Return the record with so much more of its probation spent."""
    _only(record, frozenset({S.PROBATION}), "is watched")
    return replace(record, spent_s=record.spent_s + max(0.0, seconds))


def is_wanted(
    record: SwitchRecord, pointer: RingPointer, *, store: str, live_id: str, at: datetime
) -> bool:
    """Tell whether a ring's word asks this store for something it should begin now.

    Args:
        record: Where the store stands.
        pointer: The word, verified.
        store: This one's number, for its draw.
        live_id: Of the live release, also where that is the installed one.
        at: Now.
    """
    if not is_chosen(pointer, store) or pointer.release == live_id:
        return False
    candidate = record.candidate
    if record.state in ON_THE_WAY and candidate is not None and candidate.id == pointer.release:
        return False  # it is on its way already
    tried = record.tried.get(pointer.release)
    if tried is None or tried.key != pointer_key(pointer):
        return True
    return tried.is_passing and not timedelta() <= at - tried.at < _again_after(tried)


def _again_after(tried: Tried) -> timedelta:
    return timedelta(seconds=min(AGAIN_S * 2 ** min(tried.times - 1, 16), MOST_AGAIN_S))


def _remembered(
    record: SwitchRecord, slot: Slot, why: str, *, at: datetime, is_passing: bool = False
) -> SwitchRecord:
    if slot == OWN:
        return record
    key = pointer_key(record.pointer)
    known = record.tried.get(slot.id)
    times = known.times + 1 if known is not None and known.key == key else 1
    others = [(name, t) for name, t in record.tried.items() if name != slot.id]
    latest = sorted(others, key=lambda other: other[1].at)[-(MOST_TRIED - 1) :]
    tried = Tried(key, why, at, is_passing, times)
    return replace(record, tried={**dict(latest), slot.id: tried})


def _candidate(record: SwitchRecord) -> Slot:
    if record.candidate is None:
        raise ValueError(f"The record is {record.state.value} and names no candidate.")
    return record.candidate


def _only(record: SwitchRecord, states: frozenset[S], what: str) -> None:
    if record.state not in states:
        raise ValueError(f"A record that is {record.state.value} never {what}.")

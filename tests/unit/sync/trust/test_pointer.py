"""Which pointer a store may follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.codec import to_plain
from sync.errors import PointerRefused, Untrusted
from sync.trust.pointer import (
    BackWord,
    Move,
    check_move,
    check_pointer,
    read_back_word,
    read_pointer,
)
from sync.trust.ring import RingPointer, is_chosen, may_fetch_full

POINTER = RingPointer("pilot", "r-2", 2)
WORD = BackWord("pilot", "r-2", 2, from_counter=5)
COUNTERS = st.integers(0, 10)


def test_forward_and_the_same_release_need_no_word() -> None:
    assert check_move(POINTER, release_counter=2, live_counter=1) == Move("r-2", 2)
    assert check_move(POINTER, release_counter=2, live_counter=2) == Move("r-2", 2)


def test_back_needs_a_word() -> None:
    with pytest.raises(PointerRefused, match="rollback --ring pilot --release r-2"):
        check_move(POINTER, release_counter=2, live_counter=3)
    assert check_move(POINTER, release_counter=2, live_counter=3, back=WORD).is_back


@pytest.mark.parametrize(
    "word",
    [
        replace(WORD, ring="all"),
        replace(WORD, release="r-1"),
        replace(WORD, counter=1),
        replace(WORD, from_counter=2),
    ],
)
def test_a_word_about_something_else_is_no_word(word: BackWord) -> None:
    with pytest.raises(PointerRefused):
        check_move(POINTER, release_counter=2, live_counter=3, back=word)


@given(pointed=COUNTERS, manifest=COUNTERS, live=COUNTERS)
def test_without_a_word_no_move_lowers_the_counter(pointed: int, manifest: int, live: int) -> None:
    pointer = replace(POINTER, counter=pointed)
    try:
        move = check_move(pointer, release_counter=manifest, live_counter=live)
    except PointerRefused:
        assert pointed != manifest or pointed < live
    else:
        assert move.counter == manifest >= live


@pytest.mark.parametrize(
    "change",
    [
        {"state": "stop"},
        {"percent": -1.0},
        {"percent": 100.5},
        {"percent": float("nan")},
        {"splay_s": -1.0},
        {"splay_s": 1e9},
        {"splay_s": float("inf")},
        {"full_fallback": "sometimes"},
        {"window": "22-05"},
        {"window": "25:00-05:00"},
        {"counter": -1},
        {"deadline_at": datetime(2026, 1, 1)},  # noqa: DTZ001
    ],
)
def test_a_field_out_of_its_range_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PointerRefused, match=next(iter(change))):
        check_pointer(replace(POINTER, **change))


def test_a_pointer_survives_being_written_and_read() -> None:
    pointer = replace(POINTER, deadline_at=datetime(2026, 11, 28, tzinfo=UTC), window="22:00-05:00")

    assert read_pointer(to_plain(pointer), ring="pilot") == pointer


@pytest.mark.parametrize("plain", [None, [], {}, {"ring": 1}, {"ring": "pilot", "release": "r-2"}])
def test_what_is_no_pointer_is_refused(plain: object) -> None:
    with pytest.raises(Untrusted):
        read_pointer(plain, ring="pilot")


def test_another_rings_pointer_and_word_are_refused() -> None:
    with pytest.raises(PointerRefused):
        read_pointer(to_plain(POINTER), ring="all")
    with pytest.raises(Untrusted):
        read_back_word(to_plain(WORD), ring="all", release="r-2")
    with pytest.raises(Untrusted):
        read_back_word({}, ring="pilot", release="r-2")
    assert read_back_word(to_plain(WORD), ring="pilot", release="r-2") == WORD


def test_raising_the_percent_keeps_the_stores_that_were_in() -> None:
    stores = [f"store-{n}" for n in range(500)]
    few = {s for s in stores if is_chosen(replace(POINTER, percent=10, salt="r-2"), s)}
    more = {s for s in stores if is_chosen(replace(POINTER, percent=40, salt="r-2"), s)}

    assert few < more
    assert 20 < len(few) < 90
    assert not any(is_chosen(replace(POINTER, state="pause"), s) for s in stores)


@pytest.mark.parametrize(
    ("word", "inside", "outside"),
    [("always", True, True), ("window", True, False), ("never", False, False)],
)
def test_full_downloads_follow_the_rings_word(word: str, inside: bool, outside: bool) -> None:
    pointer = replace(POINTER, full_fallback=word)

    assert may_fetch_full(pointer, is_in_window=True) is inside
    assert may_fetch_full(pointer, is_in_window=False) is outside

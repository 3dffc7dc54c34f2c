"""Which pointer of a ring a store may follow: forward always, back only with a second word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from appliance.codec import from_plain
from appliance.errors import BadInput
from sync.errors import PointerRefused, Untrusted
from sync.trust.paths import check_name
from sync.trust.ring import RingPointer

STATES = ("go", "pause")
FALLBACKS = ("never", "window", "always")
MOST_SPLAY_S = 7 * 86_400.0
WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class BackWord:
    """`releases/back/<ring>-<release>.json`: the release manager lets a ring go back.

    It lets go back only from `from_counter` or below: once a ring has moved past that, an old
    word in a thief's hands is worth nothing.
    """

    ring: str
    release: str  # to go back to
    counter: int  # of that release
    from_counter: int  # of the release that is left
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """What a pointer would have a store do."""

    release: str
    counter: int
    is_back: bool = False


def read_pointer(plain: Any, *, ring: str) -> RingPointer:
    """Return the pointer a ring's file holds.

    Raises:
        PointerRefused: It is another ring's, or a field cannot be meant.
        Untrusted: It is no pointer at all.
    """
    try:
        pointer = from_plain(plain, RingPointer)
    except BadInput as exc:
        raise Untrusted(f"rings/{ring}.json is no pointer. {exc.message}") from exc
    if pointer.ring != ring:
        raise PointerRefused(f"rings/{ring}.json is the pointer of ring {pointer.ring[:80]!r}.")
    check_pointer(pointer)
    return pointer


def check_pointer(pointer: RingPointer) -> None:
    """Check that a pointer's fields can be meant.

    Raises:
        PointerRefused: One is out of its range.
        Untrusted: Its ring or release is no name.
    """
    check_name(pointer.ring, what="Ring")
    check_name(pointer.release, what="Release")
    faults = [
        ("state", pointer.state, pointer.state in STATES),
        ("percent", pointer.percent, 0.0 <= pointer.percent <= 100.0),
        ("splay_s", pointer.splay_s, 0.0 <= pointer.splay_s <= MOST_SPLAY_S),
        ("window", pointer.window, is_window(pointer.window)),
        ("full_fallback", pointer.full_fallback, pointer.full_fallback in FALLBACKS),
        ("counter", pointer.counter, pointer.counter >= 0),
        ("deadline_at", pointer.deadline_at, _is_aware(pointer.deadline_at)),
    ]
    for name, value, is_good in faults:
        if not is_good:
            raise PointerRefused(f"Ring {pointer.ring}: {name} cannot be {value!r}.")


def is_window(text: str) -> bool:
    """Tell whether a text may be a pointer's window: `22:00-05:00`, or '' for always."""
    return not text or WINDOW.fullmatch(text.strip()) is not None


def read_back_word(plain: Any, *, ring: str, release: str) -> BackWord:
    """Return the word a file holds.

    Raises:
        Untrusted: It is none, or is about another ring or release.
    """
    try:
        word = from_plain(plain, BackWord)
    except BadInput as exc:
        raise Untrusted(f"The word to go back to {release} is none. {exc.message}") from exc
    if (word.ring, word.release) != (ring, release):
        raise Untrusted(
            f"The word for ring {ring} to go back to {release} is about ring"
            f" {word.ring[:80]!r} and {word.release[:80]!r}."
        )
    return word


def check_move(
    pointer: RingPointer, *, release_counter: int, live_counter: int, back: BackWord | None = None
) -> Move:
    """Return the move a pointer asks of a store, if it may ask it.

    Args:
        pointer: The ring's, verified.
        release_counter: What the signed manifest of the release it names says.
        live_counter: Of the release that is live here.
        back: The release manager's word, when there is one.

    Raises:
        PointerRefused: The counters differ, or it goes back without a word that covers it.
    """
    if pointer.counter != release_counter:
        raise PointerRefused(
            f"Ring {pointer.ring} says release {pointer.release} has counter"
            f" {pointer.counter:,}; its manifest says {release_counter:,}."
        )
    if pointer.counter >= live_counter:
        return Move(pointer.release, pointer.counter)
    if back is None or not covers(back, pointer, live_counter=live_counter):
        raise PointerRefused(
            f"Ring {pointer.ring} points at {pointer.release} (counter {pointer.counter:,}), older"
            f" than what is live (counter {live_counter:,}), and no word of the release manager"
            " allows it.",
            hint=f"To go back: backroom release rollback --ring {pointer.ring}"
            f" --release {pointer.release}",
        )
    return Move(pointer.release, pointer.counter, is_back=True)


def covers(back: BackWord, pointer: RingPointer, *, live_counter: int) -> bool:
    """Tell whether a word lets a ring go back from a counter to where its pointer says."""
    return (
        back.ring == pointer.ring
        and back.release == pointer.release
        and back.counter == pointer.counter
        and live_counter <= back.from_counter
    )


def _is_aware(instant: datetime | None) -> bool:
    return instant is None or instant.tzinfo is not None

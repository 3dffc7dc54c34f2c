"""Ring pointers: what operations signs to say which release a ring of stores is to run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class RingPointer:
    """`rings/<ring>.json`, about 1 kB, signed with operations' key."""

    ring: str
    release: str  # id
    counter: int  # of that release
    state: str = "go"  # go | pause
    percent: float = 100.0  # of the ring's stores
    salt: str = ""  # draws which ones; the same salt keeps earlier ones in as percent rises
    splay_s: float = 0.0  # stores begin spread over this long
    window: str = ""  # "22:00-05:00" store-local, in which a store may switch; '': always
    full_fallback: str = "always"  # full downloads where no delta fits: never | window | always
    deadline_at: datetime | None = None  # after it a silent store counts as failed
    made_at: datetime | None = None


def draw(salt: str, store: str) -> float:
    """Return a store's place in [0, 1), the same for the same salt."""
    digest = sha256(f"{salt}\n{store}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def is_chosen(pointer: RingPointer, store: str) -> bool:
    """Tell whether a store is among the pointer's percent."""
    return pointer.state == "go" and draw(pointer.salt, store) * 100 < pointer.percent


def begins_after_s(pointer: RingPointer, store: str) -> float:
    """Return how long after it sees the pointer a store begins; its own draw, not `is_chosen`'s."""
    return draw(f"{pointer.salt} splay", store) * pointer.splay_s


def may_fetch_full(pointer: RingPointer, *, is_in_window: bool) -> bool:
    """Tell whether large parts without a delta may travel whole now, by the ring's word."""
    return pointer.full_fallback == "always" or (pointer.full_fallback == "window" and is_in_window)

"""Where a store stands between two releases, as `home/switch.json` keeps it.

One process writes it (`sync.switch.switcher`, under the agent's lock); the running store reads the
fields of `appliance.live.Live` out of it. It is replaced whole and synced before anything that it
says is done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from appliance.codec import from_plain, to_plain
from appliance.errors import BackroomError, BadInput
from appliance.files import replaced
from appliance.live import OWN, SWITCH, Slot, read_live
from sync.errors import CannotWrite
from sync.trust.ring import RingPointer
from sync.wire import SwitchState

MOST_TRIED = 16  # releases whose fate here is remembered


@dataclass(frozen=True, slots=True)
class Tried:
    """A release that did not stay, and under which word of the ring."""

    key: str  # of the pointer, `pointer_key`
    why: str
    at: datetime
    is_passing: bool = False  # what stood in its way may pass: a full disk
    times: int = 1


@dataclass(frozen=True, slots=True)
class SwitchRecord:
    """Everything the switch knows; a kill at any moment loses nothing that matters."""

    live: Slot = OWN
    previous: Slot | None = None
    turn: int = 0  # counts each change of `live`
    state: SwitchState = SwitchState.SETTLED
    candidate: Slot | None = None  # on its way, on trial, or the last that did not stay
    pointer: RingPointer | None = None  # that asked for the candidate; None: a stick did
    seen_at: datetime | None = None  # when that pointer was first seen: its splay counts from here
    since: datetime | None = None  # of `state`
    why: str = ""
    from_row: int = 0  # of the journal, when `live` went live
    failed_before: int = 0  # asks that release had failed ever, when it went live
    spent_s: float = 0.0  # of the probation; by the monotonic clock, while the store stood
    is_back: bool = False  # the ring went back to an older release
    tried: Mapping[str, Tried] = field(default_factory=dict)  # by release id


def pointer_key(pointer: RingPointer | None) -> str:
    """Return what tells one word of a ring from its next one about the same release."""
    if pointer is None:
        return "stick"
    made_at = pointer.made_at.isoformat() if pointer.made_at else ""
    return f"{pointer.ring} {pointer.release} {pointer.salt} {made_at}"


def read_record(home: Path) -> SwitchRecord:
    """Return the record; a fresh one where nothing was ever switched.

    One that cannot be read is begun anew from what last stood, so that no candidate is forgotten
    as the live release.
    """
    try:
        return from_plain(json.loads((home / SWITCH).read_text(encoding="utf-8")), SwitchRecord)
    except FileNotFoundError:
        return SwitchRecord()
    except (OSError, ValueError, RecursionError, BadInput):
        known = read_live(home)
        return SwitchRecord(live=known.live, turn=known.turn + 1, why="switch.json was damaged")


def write_record(home: Path, record: SwitchRecord) -> None:
    """Write the record durably.

    Raises:
        CannotWrite: The disk is full or refuses; what was there stays.
    """
    try:
        with replaced(home / SWITCH) as file:
            json.dump(to_plain(record), file, indent=1, sort_keys=True)
    except BackroomError as exc:
        raise CannotWrite(exc.message, hint=exc.hint) from exc

"""Which release is live: what `switch.json` says, and what a start makes of it.

`switch.json` has one writer, whoever fetches releases; `standing.json` has one, the running store.
A store without a `switch.json` lives on the release its settings name. A release that is on trial
and does not let the store stand is left for the one before by the store alone: nobody else need be
there. What it decided stands in `standing.json` until the next turn.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.codec import from_plain, to_plain
from appliance.config import Settings
from appliance.damage import found
from appliance.errors import BadInput
from appliance.files import replaced

log = logging.getLogger(__name__)

SWITCH = "switch.json"
STANDING = "standing.json"
RELEASES = "releases"
TRIAL = frozenset({"live", "probation"})  # states in which a release may still be left
# Three: one start lost to a power cut and one to a technician are not the release's fault.
MOST_STARTS = 3
HEALTHY_S = 60.0  # standing so long, and ready, is a healthy start
# One folder's name that is neither hidden nor `..` nor that of a release still on its way.
SLOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,119}(?<!\.)(?<!\.incoming)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Slot:
    """A release on this machine; without an id it is the one the settings name."""

    id: str = ""
    counter: int = 0

    def folder(self, settings: Settings) -> Path:
        """Return where it lies.

        Raises:
            BadInput: The id is no folder's name.
        """
        if not self.id:
            return settings.release
        if not SLOT.fullmatch(self.id):
            raise BadInput(f"{self.id!r} is no release's name.", hint="Look at switch.json.")
        return settings.home / RELEASES / self.id


OWN = Slot()  # the settings' release, as installed


@dataclass(frozen=True, slots=True)
class Live:
    """What `switch.json` says to a running store; it holds more, which is not the store's."""

    live: Slot = OWN
    previous: Slot | None = None
    turn: int = 0  # counts each change of the live release
    state: str = "settled"

    @property
    def is_on_trial(self) -> bool:
        """Whether the live release may still be left for the one before."""
        return self.state in TRIAL


@dataclass(frozen=True, slots=True)
class Standing:
    """What the running store says: which release answers, since when, and what it was left for."""

    stands: Slot = OWN  # what answers, or is being opened
    is_open: bool = False  # it answers, or did when this was written
    turn: int = -1  # of `switch.json` that this is about
    boot: str = ""  # random, of the process that wrote this
    starts: int = 0  # in this turn that had no healthy while; those ended in order do not count
    is_healthy: bool = False  # it stood for HEALTHY_S, ready
    left: str = ""  # why the live release of this turn does not stand; '' it does

    def begun(self, slot: Slot, turn: int, boot: str) -> Standing:
        """Return what holds as this slot is about to be opened."""
        if turn != self.turn:
            return Standing(slot, turn=turn, boot=boot, starts=1)
        return replace(
            self, stands=slot, is_open=False, boot=boot, starts=self.starts + 1, is_healthy=False
        )

    def opened(self) -> Standing:
        """Return what holds once it answers."""
        return replace(self, is_open=True)

    def healthy(self) -> Standing:
        """Return what holds after a healthy while."""
        return replace(self, starts=0, is_healthy=True)

    def ended(self) -> Standing:
        """Return what holds after an end in order: that start is not held against the release."""
        return self if self.is_healthy else replace(self, starts=max(0, self.starts - 1))

    def left_for(self, slot: Slot, why: str) -> Standing:
        """Return what holds when the turn's live release is left for another."""
        return replace(self, stands=slot, is_open=False, starts=1, is_healthy=False, left=why)


def read_live(home: Path) -> Live:
    """Return what is live; the settings' release where nothing was ever switched.

    A `switch.json` that cannot be read is logged, and what last stood is live.
    """
    path = home / SWITCH
    try:
        return from_plain(json.loads(path.read_text(encoding="utf-8")), Live)
    except FileNotFoundError:
        return Live()
    except (OSError, ValueError, RecursionError, BadInput) as exc:
        # It is replaced whole and synced: this is a disk that rots, and the store must answer.
        log.error("switch: %s cannot be read (%s): what last stood is live", path, found(exc))
    known = read_standing(home)
    return Live(known.stands, turn=known.turn)


def read_standing(home: Path) -> Standing:
    """Return what the store last said; an empty record where it never did, or it cannot be read."""
    path = home / STANDING
    try:
        return from_plain(json.loads(path.read_text(encoding="utf-8")), Standing)
    except FileNotFoundError:
        return Standing()
    except (OSError, ValueError, RecursionError, BadInput) as exc:
        log.error("switch: %s cannot be read (%s): starts are counted anew", path, found(exc))
        return Standing()


def write_standing(home: Path, standing: Standing) -> None:
    """Write it durably.

    Raises:
        BadInput: The folder cannot be written; what was there stays.
    """
    with replaced(home / STANDING) as file:
        file.write(json.dumps(to_plain(standing)) + "\n")


def clear_parts(home: Path, name: str) -> None:
    """Remove what kills left of earlier tries to replace a file; its one writer calls it."""
    for part in home.glob(f".{name}.*.part"):
        with suppress(OSError):
            part.unlink()


def choices(live: Live, standing: Standing) -> Iterator[tuple[Slot, str]]:
    """Yield what a start should open, best first, each with why it is not the live release.

    The live one, unless this turn's was left already, or is on trial and start after start had no
    healthy while; then the one before; at last what was installed with the store.
    """
    is_of_turn = standing.turn == live.turn
    why = standing.left if is_of_turn else ""
    is_loop = standing.starts >= MOST_STARTS and not standing.is_healthy
    if not why and live.is_on_trial and is_of_turn and is_loop:
        why = f"{standing.starts} starts without {HEALTHY_S:.0f} s of health"
    if not why:
        yield live.live, ""
    for slot in dict.fromkeys(s for s in (live.previous, OWN) if s not in {None, live.live}):
        if slot is not None:
            yield slot, why or f"{live.live.id} does not open"
    if why:  # nothing else opened: better the one that was left than none
        yield live.live, ""


def live_settings(settings: Settings) -> Settings:
    """Return the settings with the release that a start would open, for commands that only read."""
    slot, _ = next(choices(read_live(settings.home), read_standing(settings.home)))
    return replace(settings, release=slot.folder(settings))

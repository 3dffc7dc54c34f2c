"""Pushes noticed: which rings' pointers changed in the repository, so that their stores are told.

Only a hint is read here, without checking a signature: a store believes nothing but the signed
repository itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from sync.hub.signals import Signals
from sync.trust.ring import RingPointer
from sync.trust.roles import RINGS
from sync.wire import Wish, WishKind

log = logging.getLogger("backroom.hub")
LOOK_S = 1.0
MOST_BYTES = 16 * 2**20  # of one metadata file
PREFIX, SUFFIX = "rings/", ".json"
Pointers = Mapping[str, RingPointer]


@dataclass(slots=True)
class Pushes:
    """One worker's watch over the repository's folder."""

    folder: Path
    signals: Signals
    _seen: tuple[int, int, int] | None = None  # of timestamp.json
    _pointers: Pointers | None = field(default=None)

    async def follow(self) -> None:
        """Look every second until cancelled. What is there at the start is no news."""
        while True:
            for ring, pointer in (await asyncio.to_thread(self.look)).items():
                release = "" if pointer is None else pointer.release
                self.signals.tell_here(Wish(WishKind.LOOK, ring, release), to_ring=ring)
            await asyncio.sleep(LOOK_S)

    def look(self) -> Mapping[str, RingPointer | None]:
        """Return the rings whose pointers changed since the last look; '' for all, unread."""
        now = _stamp(self.folder / "metadata" / "timestamp.json")
        if now is None or now == self._seen:
            return {}
        try:
            pointers = read_pointers(self.folder)
        except (OSError, msgspec.MsgspecError, KeyError, TypeError, ValueError) as exc:
            # Being written just now, or not as we know it: read again at the next look.
            log.info("The repository could not be read yet: %s.", type(exc).__name__)
            return {}
        before, self._pointers, self._seen = self._pointers, pointers, now
        if before is None:
            return {}
        return {ring: found for ring, found in pointers.items() if before.get(ring) != found}


def read_pointers(folder: Path) -> Pointers:
    """Return every ring's pointer as the newest metadata has it, unverified.

    Raises:
        OSError: A file is missing.
        msgspec.MsgspecError, KeyError, TypeError, ValueError: One is not what TUF says it is.
    """
    targets = _signed(folder, f"{_snapshot_version(folder, RINGS)}.{RINGS}.json")["targets"]
    found = {}
    for path, target in targets.items():
        if path.startswith(PREFIX) and path.endswith(SUFFIX):
            name = f"{target['hashes']['sha256']}.{path.removeprefix(PREFIX)}"
            data = _read(folder / "targets" / "rings" / Path(name).name)
            pointer = msgspec.json.decode(data, type=RingPointer)
            found[pointer.ring] = pointer
    return found


def expiries(folder: Path) -> Mapping[str, datetime]:
    """Return until when the metadata holds that stores need to be sure of what they have.

    Raises:
        OSError: A file is missing.
        msgspec.MsgspecError, KeyError, TypeError, ValueError: One is not what TUF says it is.
    """
    names = {
        "timestamp": "timestamp.json",
        "snapshot": f"{_timestamp_version(folder)}.snapshot.json",
    }
    names[RINGS] = f"{_snapshot_version(folder, RINGS)}.{RINGS}.json"
    names["targets"] = f"{_snapshot_version(folder, 'targets')}.targets.json"
    found = {}
    for role, name in names.items():
        until = datetime.fromisoformat(str(_signed(folder, name)["expires"]))
        found[role] = until if until.tzinfo else until.replace(tzinfo=UTC)
    return found


def _timestamp_version(folder: Path) -> int:
    return int(_signed(folder, "timestamp.json")["meta"]["snapshot.json"]["version"])


def _snapshot_version(folder: Path, role: str) -> int:
    snapshot = _signed(folder, f"{_timestamp_version(folder)}.snapshot.json")
    return int(snapshot["meta"][f"{role}.json"]["version"])


def _signed(folder: Path, name: str) -> dict[str, Any]:
    plain = msgspec.json.decode(_read(folder / "metadata" / name))
    signed: dict[str, Any] = plain["signed"]
    return signed


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"{path.name} is over {MOST_BYTES:,} bytes")
    return data


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

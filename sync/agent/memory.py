"""What the agent knows from one start to the next: its place in things, replaced whole."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from appliance.codec import from_plain, to_plain
from appliance.errors import BadInput
from appliance.files import replaced
from appliance.ports import Clock
from sync.agent.folder import AgentFolder, write_secret

log = logging.getLogger(__name__)
LEAST_SKEW_S = 2.0  # less is the way to the hub and back


@dataclass(frozen=True, slots=True)
class Known:
    """`agent/state.json`; a lost one costs nothing but what `agent status` tells."""

    ring: str = ""  # as the hub last said; '' as enrolled
    offset_s: float = 0.0  # of the hub's time from this machine's; that clock itself is never set
    cursor: int = 0  # of the last late answer that is kept here
    told_row: int = -1  # of the journal, up to which beats have told; -1: nothing yet
    contact_at: datetime | None = None  # the hub's time, when it last answered
    beat_every_s: float = 60.0
    next_beat_at: datetime | None = None  # this machine's time, as are those below
    next_look_at: datetime | None = None
    looked_at: datetime | None = None  # when the ring was last seen, verified
    is_paused: bool = False  # the hub asked to take nothing new of this ring
    faults: dict[str, str] = field(default_factory=dict)  # job -> what is wrong with it, in words
    breaker: str = "closed"
    bytes_up: int = 0  # since enrolment
    bytes_down: int = 0


class Memory:
    """Keeps `Known` on disk; any thread may ask and change it."""

    def __init__(self, path: Path, *, may_write: bool = True) -> None:
        """Read what is there; without `may_write` nothing is ever written."""
        self._path = path
        self._may_write = may_write
        self._lock = threading.Lock()
        self._known = read_known(path)

    def become(self) -> None:
        """Read what there is now, and write from now on: this process is the agent."""
        with self._lock:
            self._known = read_known(self._path)
            self._may_write = True

    @property
    def known(self) -> Known:
        """What is known now."""
        return self._known

    def change(self, **fields: Any) -> None:
        """Note something, durably if the disk takes it: a full one must not stop the agent."""
        with self._lock:
            changed = replace(self._known, **fields)
            if changed == self._known:
                return
            self._known = changed
            if not self._may_write:
                return
            try:
                with replaced(self._path, make_folders=False) as file:
                    json.dump(to_plain(changed), file, indent=1)
            except BadInput as exc:
                log.warning("agent: %s", exc)

    def fault(self, job: str, why: str) -> None:
        """Note what is wrong with a job; '' when it is well again."""
        others = {name: told for name, told in self._known.faults.items() if name != job}
        self.change(faults={**others, job: why} if why else others)


def read_known(path: Path) -> Known:
    """Return what an agent knew; nothing where there is no file, or none that can be read."""
    try:
        return from_plain(json.loads(path.read_text(encoding="utf-8")), Known)
    except FileNotFoundError:
        return Known()
    except (OSError, ValueError, RecursionError, BadInput) as exc:
        log.warning("agent: %s is begun anew: %s", path, type(exc).__name__)
        return Known()


@dataclass(frozen=True, slots=True)
class HubClock:
    """`ports.Clock` by the hub's time, as far as it is known; this machine's is never set."""

    machine: Clock
    memory: Memory

    def now(self) -> datetime:
        """Return the hub's time, as near as is known."""
        try:
            return self.machine.now() + timedelta(seconds=self.memory.known.offset_s)
        except OverflowError:
            return self.machine.now()

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        return self.machine.monotonic()

    def heard(self, now: datetime) -> None:
        """Note the hub's time, which it has just told, and that it answered."""
        offset_s = (now - self.machine.now()).total_seconds()
        if abs(offset_s - self.memory.known.offset_s) < LEAST_SKEW_S:
            offset_s = self.memory.known.offset_s
        elif abs(offset_s) < LEAST_SKEW_S:
            offset_s = 0.0
        self.memory.change(offset_s=round(offset_s, 1), contact_at=now)


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain of grants on disk. A grant may be used once its chain is here, not before."""

    folder: AgentFolder

    def read(self) -> str:
        """Return the last grant's chain; '' when there was none, or it cannot be read."""
        try:
            plain = json.loads(self.folder.chain.read_text(encoding="utf-8"))
            return str(plain["chain"])
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, KeyError, TypeError) as exc:
            log.error("agent: %s cannot be read: %s", self.folder.chain, type(exc).__name__)
            return ""

    def write(self, chain: str) -> None:
        """Keep a chain durably.

        Raises:
            BadInput: The disk did not take it: the grant must not be used.
        """
        write_secret(self.folder.chain, json.dumps({"chain": chain}) + "\n")

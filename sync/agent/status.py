"""What a field engineer needs to know of a line, in about ten lines. Pure but for `look`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from appliance.config import Settings
from appliance.errors import BackroomError
from appliance.ports import Clock
from appliance.store.db import Database
from appliance.store.home import DATABASE
from appliance.store.spool import SpoolCount, SqliteSpool
from sync.agent.folder import AgentFolder
from sync.agent.identity import Identity, read_identity
from sync.agent.memory import Known, read_known
from sync.agent.settings import load_agent_settings
from sync.wire import SwitchReport, SwitchState

FAR_S = 3600.0  # a clock this far off should be mended, though the line works
SILENT_S = 600.0


@dataclass(frozen=True, slots=True)
class Look:
    """Everything the lines are made of."""

    home: str
    identity: Identity
    known: Known
    switch: SwitchReport | None
    spool: SpoolCount | None
    sealed: int  # batches on their way
    is_running: bool
    rate_kib_s: float
    store: str  # as the store's own settings name it
    now: datetime
    faults: tuple[str, ...] = ()  # what could not be looked at


def look(settings: Settings, clock: Clock) -> Look:
    """Look at a home from outside: nothing is asked of the hub, nothing is changed.

    Raises:
        NotEnrolled: It is not enrolled.
        BadInput: Its identity or settings cannot be read.
    """
    folder = AgentFolder(settings.home)
    identity, faults = read_identity(folder), list[str]()
    chosen = load_agent_settings(folder.settings)
    switch = spool = None
    try:
        switch = _switch(settings, clock)
    except BackroomError as exc:
        faults.append(str(exc))
    try:
        spool = _spool(settings, clock)
    except BackroomError as exc:
        faults.append(str(exc))
    return Look(
        home=str(settings.home),
        identity=identity,
        known=read_known(folder.state),
        switch=switch,
        spool=spool,
        sealed=len(list(folder.batches.glob("*.zst"))),
        is_running=folder.is_locked(),
        rate_kib_s=chosen.line_kib_s,
        store=settings.store,
        now=clock.now(),
        faults=tuple(faults),
    )


def lines(found: Look) -> Iterator[tuple[str, str]]:
    """Yield (what, how it is), the most important first."""
    known, identity = found.known, found.identity
    yield "store", f"{identity.store}, ring {known.ring or identity.ring}, device {identity.device}"
    yield "agent", "running" if found.is_running else "not running"
    yield "hub", f"{identity.hub}, {_contact(found)}"
    yield from _releases(found.switch)
    yield "spool", _owed(found)
    yield (
        "next",
        f"beat {_when(found, known.next_beat_at)}, look {_when(found, known.next_look_at)}",
    )
    yield "clock", _clock(known.offset_s)
    rate = f"{found.rate_kib_s:g} KiB/s" if found.rate_kib_s else "no limit"
    passed = f"{_mib(known.bytes_up)} up, {_mib(known.bytes_down)} down"
    yield "line", f"breaker {known.breaker}, {rate}; {passed} since enrolment"
    told = faults(found)
    yield "faults", "none" if not told else told[0][0]
    for why, _ in told[1:]:
        yield "", why
    if told:
        yield "do", next((command for _, command in told if command), "Call HQ operations.")


def faults(found: Look) -> list[tuple[str, str]]:
    """Return (what is wrong, the next command), the most urgent first."""
    known, home = found.known, found.home
    told = []
    if not found.is_running:
        told.append(("no agent runs", f"backroom run --home {home}"))
    if found.store not in {found.identity.store, "0001"}:
        why = f"the store calls itself {found.store}, the hub {found.identity.store}"
        told.append((why, f'Write store = "{found.identity.store}" in {home}/backroom.toml'))
    if found.is_running and _silence_s(found) > SILENT_S:
        told.append(
            ("the hub has not answered for a while", f"curl -sS {found.identity.hub}/health")
        )
    told += [(why, "") for why in (*known.faults.values(), *found.faults)]
    if abs(known.offset_s) > FAR_S:
        told.append(("this machine's clock is far off", "timedatectl set-ntp true"))
    if found.spool is not None and found.spool.dropped:
        told.append((f"{found.spool.dropped:,} items owed to headquarters were dropped", ""))
    return told


def plain(found: Look) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "lines": {name: said for name, said in lines(found) if name},
        "is_running": found.is_running,
        "faults": [{"why": why, "do": command} for why, command in faults(found)],
    }


def _switch(settings: Settings, clock: Clock) -> SwitchReport:
    from sync.switch.switcher import Switcher  # noqa: PLC0415 - heavy, and not for `--help`

    return Switcher(settings, clock, ring="").report()


def _spool(settings: Settings, clock: Clock) -> SpoolCount | None:
    path = settings.home / DATABASE
    if not path.exists():
        return None
    database = Database(path)
    try:
        return SqliteSpool(database, clock).counted()
    finally:
        database.close()


def _releases(switch: SwitchReport | None) -> Iterator[tuple[str, str]]:
    if switch is None:
        yield "release", "cannot be read"
        return
    before = f", before it {switch.previous}" if switch.previous else ""
    yield "release", f"{switch.live} ({switch.counter}), {switch.state.value}{before}"
    if switch.candidate and switch.state is not SwitchState.SETTLED:
        why = f": {switch.why}" if switch.why else ""
        yield "candidate", f"{switch.candidate}{why}"


def _owed(found: Look) -> str:
    spool = found.spool
    if spool is None:
        return "nothing yet"
    size = f"{spool.bytes / 1024:,.0f} KiB" if spool.bytes else "0 KiB"
    return f"{spool.items:,} items, {size}, {found.sealed} sealed, {spool.dropped:,} dropped"


def _contact(found: Look) -> str:
    if found.known.contact_at is None:
        return "not heard yet"
    return f"last heard {_ago(_silence_s(found))}"


def _silence_s(found: Look) -> float:
    heard_at = found.known.contact_at
    if heard_at is None:
        return float("inf")
    # By the hub's time on both sides: this machine's clock may be years off.
    return found.now.timestamp() + found.known.offset_s - heard_at.timestamp()


def _when(found: Look, at: datetime | None) -> str:
    if at is None or not found.is_running:
        return "unknown"
    return f"in {max(0.0, (at - found.now).total_seconds()):.0f} s"


def _clock(offset_s: float) -> str:
    if not offset_s:
        return "as the hub's"
    way = "behind" if offset_s > 0 else "ahead of"
    return f"{abs(offset_s):,.0f} s {way} the hub's; allowed for, and not set"


def _ago(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"

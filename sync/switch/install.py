"""A release from a stick: the same checks and states as over the line, with a person waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from appliance.config import Settings
from appliance.errors import BadInput
from appliance.ports import Clock
from sync.errors import PointerRefused
from sync.fetch.client import ReleaseClient
from sync.switch.machine import ON_THE_WAY, ON_TRIAL
from sync.switch.switcher import Switcher, SwitchLimits
from sync.wire import SwitchReport
from sync.wire import SwitchState as S

EVERY_S = 1.0
LONGEST_S = 2 * 3600.0  # for copying from a slow stick, rehearsing, and quiet
QUIET_S = 10.0
MOST_QUIET_S = 120.0  # somebody stands there and waits; no ask is lost by going on
STANDS_S = 20.0  # for a running store to answer with it

Told = Callable[[SwitchReport], None]


def install(
    settings: Settings,
    folder: Path,
    *,
    ring: str,
    root: bytes,
    clock: Clock,
    release: str = "",
    told: Told = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> SwitchReport:
    """Take a release from a repository's copy in `folder` as far as it goes.

    Neither the ring's window, splay nor percent hold it up: somebody came for it. All that
    is signed holds: the ring's pointer must name it, or whoever installs names a release that is
    not older than the live one.

    Args:
        settings: The store's, as installed.
        folder: On the stick: `backroom release media` made it.
        ring: The store's.
        root: The first trusted root's file.
        clock: Judges expiry.
        release: Which one; '' for the one the ring points at.
        told: Hears of each new state.
        sleep: Between two looks.

    Returns:
        Where it came to: on probation, or live where no store runs now; else refused, with why.

    Raises:
        BadInput: Another release is on trial, or the folder is none.
        PointerRefused: The ring is paused and no release was named, or it is older.
        Untrusted, FetchFailed, CannotWrite: The stick does not verify or read, or the disk is full.
    """
    if not (folder / "metadata").is_dir():
        raise BadInput(
            f"{folder} is no copy of a repository: it has no metadata.",
            hint="Make one at headquarters: backroom release media DIR",
        )
    client = ReleaseClient(settings.home / "agent" / "tuf", folder, root, clock=clock)
    try:
        limits = SwitchLimits(quiet_s=QUIET_S, most_wait_s=MOST_QUIET_S)
        switch = Switcher(settings, clock, ring=ring, limits=limits)
        wanted = release or _named(client, ring)
        told(_offered(switch, client, wanted))
        return _taken(switch, client, told=told, sleep=sleep)
    finally:
        client.close()


def trusted_root(path: Path | None) -> bytes:
    """Return the file that all trust in a repository begins with.

    Raises:
        BadInput: None was named, or it cannot be read.
    """
    if path is None:
        raise BadInput(
            "This home is not enrolled, so it trusts no repository yet.",
            hint="Name the root that came with the machine: --root root.json",
        )
    try:
        return path.read_bytes()
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror or exc}.") from exc


def _named(client: ReleaseClient, ring: str) -> str:
    pointer = client.look(ring)
    if pointer.state != "go":
        raise PointerRefused(
            f"Ring {ring} is paused at {pointer.release}.",
            hint="Ask headquarters, or name the release: --release ID",
        )
    return pointer.release


def _offered(switch: Switcher, client: ReleaseClient, wanted: str) -> SwitchReport:
    report = switch.offer(client, wanted)
    if report.live != wanted and report.state in ON_TRIAL:
        raise BadInput(
            f"{report.live} is on trial here since {report.since:%Y-%m-%d %H:%M}.",
            hint="Wait for it to settle: backroom agent status",
        )
    return report


def _taken(
    switch: Switcher,
    client: ReleaseClient,
    *,
    told: Told,
    sleep: Callable[[float], None],
) -> SwitchReport:
    """Step until it waits for nothing here any more; the store follows by itself."""
    report = switch.report()
    for _ in range(int(LONGEST_S / EVERY_S)):
        if report.state not in ON_THE_WAY:
            break
        before, report = report, switch.step(client, is_looking=False)
        if report.state is not before.state:
            told(report)
        if report.state in ON_THE_WAY:
            sleep(EVERY_S)
    for _ in range(int(STANDS_S / EVERY_S)):  # a store that runs answers with it within seconds
        if report.state is not S.LIVE:
            return report
        sleep(EVERY_S)
        report = switch.step(client, is_looking=False)
    return report

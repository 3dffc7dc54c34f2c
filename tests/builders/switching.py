"""`python -m tests.builders.switching HOME HQ WHERE`: a store with its agent, killed at a moment.

One process is both, as `backroom run` of an enrolled home is: the store stands and follows, the
switch steps. At WHERE it kills itself with signal 9. WHERE is `before:STATE` or `after:STATE` of
the write that makes a state durable, `fetching`, `named` (the folder has its name, the record does
not say so), `rehearsing`, `opening` (the new release, beside the old one) or `opened`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from appliance import follow
from appliance.clock import SystemClock
from appliance.config import Settings, load_settings
from appliance.store.home import open_home
from sync.fetch.client import ReleaseClient
from sync.switch import switcher as switching
from sync.switch.rehearsal import Rehearse
from sync.switch.slots import Slots
from sync.switch.switcher import Switcher
from sync.wire import SwitchReport
from sync.wire import SwitchState as S
from tests.builders.switches import RING, ROOMY, limits, rehearsed

LONGEST_S = 60.0


def main() -> None:
    home, hq, where = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    settings = load_settings(home)
    _set_trap(where)
    with follow.stand(settings, every_s=0.05) as store:
        step = stepper(settings, hq, where=where)
        until = time.monotonic() + LONGEST_S
        has_failed = not where.endswith(":back")
        while time.monotonic() < until:
            if step().state is S.PROBATION and not has_failed:
                fail_asks(settings)
                has_failed = True
            time.sleep(0.05)
        print(f"never came to {where}; {store.release.manifest.id} answers")


def fail_asks(settings: Settings) -> None:
    """Have v2 fail more asks than a release on trial may."""
    with closing(open_home(settings, SystemClock())) as home:
        for _ in range(3):
            home.count_failure("v2", "engine_error")


def stepper(settings: Settings, hq: Path, *, where: str = "") -> Callable[[], SwitchReport]:
    """Return what steps a store's switch on, over the repository in `hq`."""
    clock = SystemClock()
    root = (hq / "root.json").read_bytes()
    client = ReleaseClient(settings.home / "agent" / "tuf", hq / "repo", root, clock=clock)
    switch = Switcher(
        settings,
        clock,
        ring=RING,
        limits=limits(probation_s=3600.0 if where.endswith(":back") else 0.0),
        rehearse=Rehearse(settings) if where == "rehearsing" else rehearsed,
        machine_of=lambda _: ROOMY,
    )
    return lambda: switch.step(client)


def _set_trap(where: str) -> None:
    moment, _, state = where.partition(":")
    if state:
        _around(switching, "write_record", moment, lambda _, record: record.state == state)
    elif where == "fetching":
        _around(ReleaseClient, "fetch", "half", lambda *_: True)
    elif where == "named":
        _around(Slots, "promote", "after", lambda *_: True)
    elif where == "rehearsing":
        _around(Rehearse, "_rehearsed", "half", lambda *_: True)
    elif where in {"opening", "opened"}:
        is_second = lambda settings: settings.release.name == "v2"  # noqa: E731
        _around(follow, "open_store", "half" if where == "opening" else "after", is_second)


def _around(owner: Any, name: str, moment: str, is_it: Callable[..., bool]) -> None:
    """Put a kill before, amid or after a call."""
    real = getattr(owner, name)

    def trapped(*args: Any, **how: Any) -> Any:
        if not is_it(*args):
            return real(*args, **how)
        if moment == "before":
            _kill()
        if moment == "half":
            _soon()
        done = real(*args, **how)
        _kill()
        return done

    setattr(owner, name, trapped)


def _soon() -> None:
    """Kill this process some time into the call that begins now."""
    import threading

    threading.Timer(float(os.environ.get("KILL_AFTER_S", "0.02")), _kill).start()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()

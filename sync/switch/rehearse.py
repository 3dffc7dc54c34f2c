"""`python -m sync.switch.rehearse RELEASE HOME`: a release answers its probes, in a process apart.

What a foreign model file can do to a process (a crash, all of its memory, a loop) it does to this
one. It says how it went as one line of JSON, the last it prints. HOME is its own, thrown away by
who started it: nothing a probe asks stands in the store's journal.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from appliance.codec import to_plain
from appliance.config import load_settings
from appliance.errors import BackroomError
from appliance.wiring import open_store
from sync.switch.probes import probe

NICE = 15
PR_SET_PDEATHSIG = 1  # of linux/prctl.h
# Half of an ask's deadline: at a low priority beside a store that serves, on the same machine.
SPEED_SHARE = 0.5


def main() -> None:
    """Open, ask, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", type=Path)
    parser.add_argument("home", type=Path)
    options = parser.parse_args()
    with suppress(OSError, AttributeError):
        os.nice(NICE)
        # Ends with who started it, also where that is killed: nobody would hear it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        told = _rehearsed(options.release, options.home)
    except BackroomError as exc:
        told = {"fault": str(exc), "probed": []}
    sys.stdout.write(json.dumps(told) + "\n")


def _rehearsed(release: Path, home: Path) -> dict[str, object]:
    settings = load_settings(home, {"release": release})
    with open_store(settings) as store:
        probes = store.release.manifest.probes
        probed = probe(store.ask, probes, most_s=settings.ask_deadline_s * SPEED_SHARE)
    faults = [f"{p.text!r}: {p.fault}" for p in probed if p.fault]
    return {"fault": "; ".join(faults), "probed": to_plain(probed)}


if __name__ == "__main__":
    main()

"""When the metadata a store trusts will end, read from where it is kept."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from sync.trust.roles import Expiry

MOST_BYTES = 5_000_000


def read_expiries(folder: Path) -> tuple[Expiry, ...]:
    """Return what each kept role says of its end; a file that does not parse says nothing.

    The files were verified before they were kept. This only feeds alarms: whether anything may be
    installed is decided by verifying again.
    """
    found = [_expiry(path) for path in sorted(folder.glob("*.json")) if path.is_file()]
    return tuple(one for one in found if one is not None)


def _expiry(path: Path) -> Expiry | None:
    try:
        with path.open("rb") as file:
            signed = json.loads(file.read(MOST_BYTES))["signed"]
        ends = datetime.fromisoformat(str(signed["expires"]))
        return Expiry(path.stem, int(signed["version"]), ends)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None

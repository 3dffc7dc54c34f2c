"""The `backroom` command on another clock: `python -m tests.builders.on_clock INSTANT run …`.

libfaketime would move the whole process, but under its 0.9.10 asyncio is never woken by a thread.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from appliance import cli
from appliance.clock import SystemClock


def _moved(by: timedelta) -> None:
    def now(_self: SystemClock) -> datetime:
        return datetime.now(UTC) + by

    SystemClock.now = now  # type: ignore[method-assign]


if __name__ == "__main__":
    begins_at = datetime.fromisoformat(sys.argv.pop(1))
    _moved(begins_at - datetime.now(UTC))
    cli.main()

"""Keep the demo store's live data fresh, as a till and a stock system would."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from appliance.config import Settings
from appliance.demo.seed import seed_store
from appliance.ports import Clock
from appliance.recurring import recurring

log = logging.getLogger(__name__)

LIVE_DATABASE = "live.db"

# Well under the shortest staleness limit of facts.toml (stock: 30 minutes).
EVERY = timedelta(minutes=10)


def refresh_demo(path: Path, *, now: datetime) -> bool:
    """Write the demo's live database anew when it is absent or older than `EVERY`.

    The same products, prices and counts each time; only the times move with `now`. Returns whether
    it was written.

    Raises:
        DamagedRelease: The demo's tables are missing from the program.
    """
    if path.exists():
        written_at = datetime.fromtimestamp(path.stat().st_mtime, tz=now.tzinfo)
        if timedelta() <= now - written_at < EVERY:
            return False
    seed_store(path, now=now)
    return True


@contextmanager
def keep_fresh(settings: Settings, clock: Clock) -> Iterator[None]:
    """Refresh the demo's live data while the block runs; a configured database is let alone."""
    if settings.live_database:
        yield
        return

    def step() -> None:
        try:
            refresh_demo(settings.home / LIVE_DATABASE, now=clock.now())
        # The outermost loop: a full disk now must not stop the next refresh. The facts go
        # stale meanwhile, and answers say so.
        except Exception:
            log.exception("demo_refresh_failed")

    # `wiring` has refreshed them as the store opened.
    every_s = EVERY.total_seconds()
    with recurring(step, every_s=every_s, name="demo-refresh", is_begun=True):
        yield

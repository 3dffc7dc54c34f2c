"""Keep the demo store's live data fresh, as a till and a stock system would."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from appliance.demo.seed import seed_store

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

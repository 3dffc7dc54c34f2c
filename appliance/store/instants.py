"""Instants as tables keep them, and how far a clock is believed that may be wrong.

A mini-PC without a battery starts in 1970 until the network tells it the time. So whatever ends at
an instant also has one it began at, and holds only between the two: a clock set back ends it
instead of giving it 56 years more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# A clock that is corrected by less than this has not been wrong.
STEP_BACK = timedelta(minutes=5)
# Before this program was written no clock was right.
SET_CLOCKS_ARE_AFTER = datetime(2025, 1, 1, tzinfo=UTC)


def written(at: datetime) -> str:
    """Return ISO 8601 in UTC, always as long: texts sort as their instants do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def parsed(text: str) -> datetime | None:
    """Return the instant written, None for ''."""
    return datetime.fromisoformat(text) if text else None

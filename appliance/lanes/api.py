"""What lanes have in common."""

from __future__ import annotations

from appliance.records import Draft, LaneName, Tokens


def nothing(
    lane: LaneName, why: str, *, is_late: bool = False, tokens: Tokens | None = None
) -> Draft:
    """Return the draft of a lane that has nothing to say."""
    read = tokens or Tokens()
    return Draft(lane, (), p=0.0, is_none=True, why=why, is_late=is_late, tokens=read)

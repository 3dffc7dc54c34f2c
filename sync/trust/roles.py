"""Who signs what, for how long, and when its end is near (DESIGN.md §7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

ROOT = "root"
TARGETS = "targets"
SNAPSHOT = "snapshot"
TIMESTAMP = "timestamp"
MODELS = "models"
INDEXES = "indexes"
POLICY = "policy"
RELEASES = "releases"
RINGS = "rings"

TOP = (ROOT, TARGETS, SNAPSHOT, TIMESTAMP)
CONTENT = (MODELS, INDEXES, POLICY)
DELEGATED = (*CONTENT, RELEASES, RINGS)
ROLES = (*TOP, *DELEGATED)
ONLINE = (RINGS, SNAPSHOT, TIMESTAMP)  # re-signed by whoever serves; in this order

ROOT_KEYS = ("root-1", "root-2", "root-3")
ROOT_THRESHOLD = 2
CONTENT_KEY = "content"


@dataclass(frozen=True, slots=True)
class RoleTerms:
    """What holds of one role."""

    keys: tuple[str, ...]  # names, as `backroom release init` makes them
    life_days: int  # from signing to expiry
    warn_days: int  # the alarm rings this long before
    paths: tuple[str, ...] = ()  # of targets it may sign; a star stays inside one folder
    is_online: bool = False  # its key lies with whoever serves, not in a safe


# Two days of a dead hub must not stop a store, and a stick sent by post must still install; the
# price is that a store can be held on a week-old view before its alarm rings.
TERMS: Mapping[str, RoleTerms] = {
    ROOT: RoleTerms(ROOT_KEYS, 730, 90),
    TARGETS: RoleTerms((TARGETS,), 365, 45),
    MODELS: RoleTerms((CONTENT_KEY,), 365, 45, ("models/*/*",)),
    INDEXES: RoleTerms((CONTENT_KEY,), 365, 45, ("indexes/*/*",)),
    POLICY: RoleTerms((CONTENT_KEY,), 365, 45, ("policy/*/*",)),
    RELEASES: RoleTerms((RELEASES,), 365, 45, ("releases/*", "releases/back/*")),
    RINGS: RoleTerms((RINGS,), 60, 14, ("rings/*",), is_online=True),
    SNAPSHOT: RoleTerms((SNAPSHOT,), 30, 7, is_online=True),
    TIMESTAMP: RoleTerms((TIMESTAMP,), 7, 2, is_online=True),
}


def key_names() -> tuple[str, ...]:
    """Return every key's name, each once, root's first."""
    return tuple(dict.fromkeys(name for role in ROLES for name in TERMS[role].keys))


def is_online_key(name: str) -> bool:
    """Tell whether a key by this name lies with whoever serves the repository."""
    return any(terms.is_online and name in terms.keys for terms in TERMS.values())


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a role's metadata ends."""

    role: str
    version: int
    expires_at: datetime

    def days(self, now: datetime) -> float:
        """Return days left; negative when it is past."""
        return (self.expires_at - now).total_seconds() / 86_400


@dataclass(frozen=True, slots=True)
class Alarm:
    """A role whose end is near or past."""

    role: str
    days: float
    text: str


def alarms(
    expiries: Iterable[Expiry], now: datetime, *, within_days: float | None = None
) -> tuple[Alarm, ...]:
    """Return an alarm for each role near or past its end, most urgent first.

    Args:
        expiries: Of the roles.
        now: The instant to judge at.
        within_days: The bound for every role; None: each role's own.
    """
    found = [
        Alarm(e.role, e.days(now), _alarm_text(e, now))
        for e in expiries
        if e.days(now) <= (_warn_days(e.role) if within_days is None else within_days)
    ]
    return tuple(sorted(found, key=lambda a: a.days))


def _warn_days(role: str) -> float:
    return TERMS[role].warn_days if role in TERMS else 0.0


def _alarm_text(expiry: Expiry, now: datetime) -> str:
    days = expiry.days(now)
    if days <= 0:
        return (
            f"{expiry.role} expired {-days:.1f} days ago: stores go on answering, and install"
            " nothing new."
        )
    return f"{expiry.role} expires in {days:.1f} days."

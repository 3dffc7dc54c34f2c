"""Devices, associates and sessions over a real database; PINs hashed quickly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher

from appliance.ports import Clock
from appliance.records import Role
from appliance.store.associates import SqliteAssociates
from appliance.store.db import Database
from appliance.store.devices import SqliteDevices
from appliance.store.sessions import SqliteSessions

# Argon2id all the same, with the least work it takes: a test is no burglar.
FAST_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PIN = "2580"
ANA, BEN, MIA = "1001", "1002", "1003"


@dataclass(frozen=True)
class People:
    """Everyone and everything that may come to a store's door."""

    devices: SqliteDevices
    associates: SqliteAssociates
    sessions: SqliteSessions

    @classmethod
    def at(cls, path: Path, clock: Clock, *, hours: float = 12.0) -> People:
        database = Database(path)
        return cls(
            SqliteDevices(database, clock),
            SqliteAssociates(database, clock, FAST_HASHER),
            SqliteSessions(database, clock, hours),
        )

    def move_in(self) -> None:
        """Add an associate Ana, a lead Ben and a manager Mia, who all chose the same PIN."""
        staff = ((ANA, "Ana", Role.ASSOCIATE), (BEN, "Ben", Role.LEAD), (MIA, "Mia", Role.MANAGER))
        for badge, name, role in staff:
            self.associates.put(badge, name, role)
            self.associates.set_pin(badge, PIN)

    def paired(self, name: str = "Electronics 2") -> tuple[str, str]:
        """Return a new handheld's id and token."""
        return self.devices.pair(self.devices.new_code(600), name)

    def signed_in(self, badge: str = ANA) -> str:
        """Return the token of a session of `badge` on a handheld of its own."""
        device, _ = self.paired()
        return self.sessions.begin(device, badge)

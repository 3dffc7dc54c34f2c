"""Sessions: who is signed in on which handheld, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import apsw

from appliance.ports import Clock
from appliance.records import Principal, Role
from appliance.store.db import Database
from appliance.store.instants import SET_CLOCKS_ARE_AFTER, STEP_BACK, written
from appliance.store.journal import add_row
from appliance.store.tokens import digest, new_token


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in on a handheld."""

    principal: Principal
    device_name: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SqliteSessions:
    """Sessions in the store's database.

    A session holds between the instants it began and expires at; outside of them, and once its
    device is revoked, it is nobody's. Name and role are those of today, not of the sign-in.
    """

    database: Database
    clock: Clock
    hours: float = 12.0

    def begin(self, device: str, badge: str) -> str:
        """Sign somebody in on a handheld, and out whoever was; return the session's token.

        The token is told only now.

        Raises:
            StoreError: It could not be written; nobody is signed in or out.
        """
        token, now = new_token(), self.clock.now()
        began_at, expires_at = written(now), written(now + timedelta(hours=self.hours))

        def insert(connection: apsw.Connection) -> None:
            _forget(connection, now)
            _sign_out(connection, "device = ?", device, at=now)
            connection.execute("DELETE FROM sessions WHERE device = ?", (device,))
            connection.execute(
                "INSERT INTO sessions (token_hash, device, badge, began_at, expires_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (digest(token), device, badge, began_at, expires_at),
            )
            connection.execute(
                "UPDATE devices SET seen_at = ? WHERE device = ?", (began_at, device)
            )
            told = {"device": device, "associate": badge, "until": expires_at}
            add_row(connection, "sign_in", told, at=now)

        self.database.write(insert)
        return token

    def of_token(self, token: str) -> Session | None:
        """Return the session a token belongs to, or None when it holds no more."""
        now = self.clock.now()
        rows = self.database.rows(
            "SELECT s.device, s.badge, a.role, a.name, d.name, s.expires_at FROM sessions s"
            " JOIN devices d USING (device) JOIN associates a USING (badge)"
            " WHERE s.token_hash = ? AND s.ended_at = '' AND d.revoked_at = ''"
            " AND s.began_at <= ? AND s.expires_at > ?",
            (digest(token), written(now + STEP_BACK), written(now)),
        )
        if not rows:
            return None
        device, badge, role, name, device_name, expires_at = rows[0]
        principal = Principal(device=device, badge=badge, role=Role(role), name=name)
        return Session(principal, device_name, datetime.fromisoformat(expires_at))

    def principal(self, token: str) -> Principal | None:
        """Return who is signed in by this token, or None."""
        session = self.of_token(token)
        return session.principal if session else None

    def end(self, token: str) -> None:
        """Sign out; idempotent.

        Raises:
            StoreError: It could not be written.
        """
        now = self.clock.now()
        self.database.write(
            lambda connection: _sign_out(connection, "token_hash = ?", digest(token), at=now)
        )

    def forget_dead(self) -> None:
        """Drop the sessions that hold no more; for when the server starts.

        All of them while the clock is not set: each start of such a machine is at the same hour
        of 1970, and a session would come alive again with each.

        Raises:
            StoreError: It could not be written.
        """
        now = self.clock.now()

        def forget(connection: apsw.Connection) -> None:
            if now < SET_CLOCKS_ARE_AFTER:
                connection.execute("DELETE FROM sessions")
            else:
                _forget(connection, now)

        self.database.write(forget)


def _sign_out(connection: apsw.Connection, which: str, value: str, *, at: datetime) -> None:
    """End the sessions that have not ended, each with a row of its own."""
    left = connection.execute(
        f"UPDATE sessions SET ended_at = ? WHERE ended_at = '' AND {which} RETURNING device, badge",
        (written(at), value),
    ).fetchall()
    for device, badge in left:
        add_row(connection, "sign_out", {"device": device, "associate": badge}, at=at)


def _forget(connection: apsw.Connection, now: datetime) -> None:
    connection.execute(
        "DELETE FROM sessions WHERE ended_at <> '' OR expires_at <= ? OR began_at > ?",
        (written(now), written(now + STEP_BACK)),
    )

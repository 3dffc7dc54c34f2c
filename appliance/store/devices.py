"""Handhelds and keys: what may talk to the store at all. Tokens are kept as digests only."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import apsw

from appliance.errors import BadInput, StoreError, WrongCode
from appliance.ports import Clock
from appliance.records import Role
from appliance.store.db import Database
from appliance.store.instants import SET_CLOCKS_ARE_AFTER, STEP_BACK, parsed, written
from appliance.store.journal import add_row
from appliance.store.naming import one_line
from appliance.store.tokens import digest, new_code, new_token, typed_code

HANDHELD = "handheld"
KEY = "key"
MOST_NAME_CHARS = 40
SEEN_EVERY = timedelta(hours=1)  # how exact `seen_at` is: not a write to the disk for each ask
COLUMNS = "device, name, kind, role, paired_at, seen_at, revoked_at"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Device:
    """A paired handheld, or the key of a program."""

    id: str
    name: str
    kind: str  # handheld | key
    role: Role | None  # of a key; a handheld has that of who signs in
    paired_at: datetime
    seen_at: datetime  # the latest sign-in; of a key the latest hour it was used in
    revoked_at: datetime | None = None

    @property
    def is_key(self) -> bool:
        """Whether it is somebody by itself, without a sign-in."""
        return self.kind == KEY


@dataclass(frozen=True, slots=True)
class SqliteDevices:
    """Devices in the store's database."""

    database: Database
    clock: Clock

    def new_code(self, ttl_s: float) -> str:
        """Return a code that pairs one handheld within `ttl_s` seconds.

        Raises:
            StoreError: It could not be written.
        """
        code, now = new_code(), self.clock.now()
        row = (digest(code), written(now), written(now + timedelta(seconds=ttl_s)))

        def insert(connection: apsw.Connection) -> None:
            _forget_codes(connection, now)
            connection.execute("INSERT INTO pair_codes VALUES (?, ?, ?, '')", row)

        self.database.write(insert)
        return code

    def pair(self, code: str, name: str, *, replaces: str = "") -> tuple[str, str]:
        """Use up a code; return the new handheld's id and its token, which is told only now.

        Args:
            code: As it was typed.
            name: Of the handheld.
            replaces: Token the same handheld had until now; its device is shut out. '' for none.

        Raises:
            BadInput: The name is empty or too long.
            WrongCode: The code was never given, is used up or has expired.
            StoreError: It could not be written; the code is not used up.
        """
        name, now = _name(name), self.clock.now()
        device, token = _new_id(), new_token()
        code_hash = digest(typed_code(code))

        def insert(connection: apsw.Connection) -> bool:
            connection.execute(
                "UPDATE pair_codes SET device = ? WHERE code_hash = ? AND device = ''"
                " AND made_at <= ? AND expires_at > ?",
                (device, code_hash, written(now + STEP_BACK), written(now)),
            )
            if not connection.changes():
                return False
            old = _handheld_of(connection, replaces)
            _shut_out(connection, old, now)
            _insert(connection, Device(device, name, HANDHELD, None, now, now), token, old=old)
            return True

        if not self.database.write(insert):
            raise WrongCode(
                "That code pairs nothing: it is used up, too old, or mistyped.",
                hint="Ask whoever runs the store's server for a new one: backroom device code",
            )
        return device, token

    def key(self, name: str, role: Role) -> tuple[str, str]:
        """Return a new key's id and its token, which is told only now.

        Raises:
            BadInput: The name is empty or too long.
            StoreError: It could not be written.
        """
        now, token = self.clock.now(), new_token()
        key = Device(_new_id(), _name(name), KEY, Role(role), now, now)
        self.database.write(lambda connection: _insert(connection, key, token))
        return key.id, token

    def of_token(self, token: str) -> Device | None:
        """Return the device a token belongs to; None when there is none, or it is revoked."""
        rows = self.database.rows(
            f"SELECT {COLUMNS} FROM devices WHERE token_hash = ? AND revoked_at = ''",
            (digest(token),),
        )
        if not rows:
            return None
        device = _device(rows[0])
        if abs(self.clock.now() - device.seen_at) > SEEN_EVERY:
            self._saw(device)
        return device

    def list(self) -> tuple[Device, ...]:
        """Return every device ever paired, oldest first."""
        rows = self.database.rows(f"SELECT {COLUMNS} FROM devices ORDER BY paired_at, device")
        return tuple(_device(row) for row in rows)

    def revoke(self, device: str) -> None:
        """Shut a device out, and whoever is signed in on it, from this moment; idempotent.

        Raises:
            BadInput: There is no such device.
            StoreError: It could not be written.
        """
        now = self.clock.now()

        def update(connection: apsw.Connection) -> bool:
            if not connection.execute("SELECT 1 FROM devices WHERE device = ?", (device,)).get:
                return False
            if _shut_out(connection, device, now):
                add_row(connection, "revocation", {"device": device}, at=now)
            return True

        if not self.database.write(update):
            raise BadInput("There is no device of this id.", hint="List them: backroom device list")

    def forget_codes(self) -> None:
        """Drop the codes that pair nothing any more; for when the server starts.

        All of them while the clock is not set: nobody knows how long ago they were made.

        Raises:
            StoreError: It could not be written.
        """
        now = self.clock.now()
        before = None if now < SET_CLOCKS_ARE_AFTER else now
        self.database.write(lambda connection: _forget_codes(connection, before))

    def _saw(self, device: Device) -> None:
        row = (written(self.clock.now()), device.id)
        try:
            self.database.write(
                lambda c: c.execute("UPDATE devices SET seen_at = ? WHERE device = ?", row)
            )
        except StoreError as exc:
            # Nobody is turned away for this: it is a column for a person to look at.
            log.warning("seen_at of device %s is not kept: %s", device.id, exc)


def _handheld_of(connection: apsw.Connection, token: str) -> str:
    """Return the id of the handheld a token is of, '' for none; a key is no handheld."""
    found = connection.execute(
        "SELECT device FROM devices WHERE token_hash = ? AND kind = ? AND revoked_at = ''",
        (digest(token), HANDHELD),
    ).fetchone()
    return str(found[0]) if found else ""


def _shut_out(connection: apsw.Connection, device: str, now: datetime) -> bool:
    """Shut a device out, and whoever is signed in on it; return whether it was in."""
    row = (written(now), device)
    connection.execute(
        "UPDATE devices SET revoked_at = ? WHERE device = ? AND revoked_at = ''", row
    )
    was_in = bool(connection.changes())
    connection.execute("UPDATE sessions SET ended_at = ? WHERE device = ? AND ended_at = ''", row)
    return was_in


def _insert(connection: apsw.Connection, device: Device, token: str, *, old: str = "") -> None:
    role = device.role.value if device.role else ""
    connection.execute(
        "INSERT INTO devices (device, name, kind, role, token_hash, paired_at, seen_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            device.id,
            device.name,
            device.kind,
            role,
            digest(token),
            written(device.paired_at),
            written(device.seen_at),
        ),
    )
    told = {"device": device.id, "name": device.name, "kind": device.kind}
    told |= ({"role": role} if role else {}) | ({"replaces": old} if old else {})
    add_row(connection, "pairing", told, at=device.paired_at)


def _forget_codes(connection: apsw.Connection, now: datetime | None) -> None:
    if now is None:
        connection.execute("DELETE FROM pair_codes")
        return
    connection.execute(
        "DELETE FROM pair_codes WHERE device <> '' OR expires_at <= ? OR made_at > ?",
        (written(now), written(now + STEP_BACK)),
    )


def _device(row: tuple[str, ...]) -> Device:
    device, name, kind, role, paired_at, seen_at, revoked_at = row
    return Device(
        id=device,
        name=name,
        kind=kind,
        role=Role(role) if role else None,
        paired_at=datetime.fromisoformat(paired_at),
        seen_at=datetime.fromisoformat(seen_at),
        revoked_at=parsed(revoked_at),
    )


def _name(text: str) -> str:
    hint = 'Name it by its place: "Electronics 2".'
    return one_line(text, what="A device's name", most=MOST_NAME_CHARS, hint=hint)


def _new_id() -> str:
    return uuid.uuid4().hex[:12]

"""The people of the store: badge, role, and a PIN that is kept as its argon2id hash only."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import apsw
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from appliance.errors import BadInput, LockedOut, WrongPin
from appliance.ports import Clock
from appliance.records import Role
from appliance.store.db import Database
from appliance.store.instants import parsed, written
from appliance.store.journal import add_row
from appliance.store.lockout import Tally
from appliance.store.naming import one_line

MOST_BADGE_CHARS = 16
MOST_NAME_CHARS = 60
PIN_DIGITS = (4, 12)
MOST_STRANGERS = 1_000  # badges nobody has, whose wrong PINs are counted too
# RFC 9106, section 4, the second choice, on one thread: a tenth of a second of one core. One PIN
# is looked at at a time, so that signing in never takes more than these 64 MiB.
HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)


@dataclass(frozen=True, slots=True)
class Associate:
    """Somebody who works in the store."""

    badge: str
    name: str
    role: Role
    has_pin: bool = False
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SqliteAssociates:
    """Associates in the store's database."""

    database: Database
    clock: Clock
    hasher: PasswordHasher = HASHER
    _strangers: OrderedDict[str, Tally] = field(default_factory=OrderedDict, repr=False)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def put(self, badge: str, name: str, role: Role) -> None:
        """Add an associate, or change the name and role of one; the PIN stays.

        Raises:
            BadInput: The badge or the name is not one.
            StoreError: It could not be written.
        """
        row = (_badge(badge), _name(name), Role(role).value)
        self.database.write(
            lambda connection: connection.execute(
                "INSERT INTO associates (badge, name, role) VALUES (?, ?, ?)"
                " ON CONFLICT (badge) DO UPDATE SET name = excluded.name, role = excluded.role",
                row,
            )
        )

    def set_pin(self, badge: str, pin: str) -> None:
        """Set a PIN, unlock the badge, and end where it is signed in.

        Raises:
            BadInput: There is no such badge, or the PIN is none or too easy.
            StoreError: It could not be written.
        """
        self._set_hash(badge, self.hasher.hash(_pin(pin)))

    def close(self, badge: str) -> None:
        """Let somebody who left sign in no more; what was said stays in the journal.

        Raises:
            BadInput: There is no such badge.
            StoreError: It could not be written.
        """
        self._set_hash(badge, "")

    def check(self, badge: str, pin: str, *, device: str = "") -> Associate:
        """Return the associate whose badge and PIN these are.

        As much work is done for a badge that nobody has, and its misses lock it as well. A lock is
        journaled with the device it was brought about on.

        Raises:
            LockedOut: Too many wrong PINs; this one was not looked at.
            WrongPin: They do not go together.
            StoreError: The miss could not be counted.
        """
        # What no badge can be is a stranger's too: long ones cut, lone surrogates replaced.
        badge = badge.strip()[: 2 * MOST_BADGE_CHARS].encode("utf-8", "replace").decode("utf-8")
        with self._one_at_a_time:
            tally = self._tally(badge)
            self._refuse_locked(tally)
            if not self._is_right(badge, pin):
                missed = tally.missed(self.clock.now())
                self._keep(badge, missed, is_missed_on=device)
                self._refuse_locked(missed)
                raise WrongPin(
                    "This badge and this PIN do not go together.", hint="Type both again."
                )
            if tally.misses:
                self._keep(badge, Tally())
        return self._read(badge)[0]

    def list(self) -> tuple[Associate, ...]:
        """Return everybody, by badge."""
        return self._read(None)

    def _is_right(self, badge: str, pin: str) -> bool:
        rows = self.database.rows("SELECT pin_hash FROM associates WHERE badge = ?", (badge,))
        kept = str(rows[0][0]) if rows else ""
        # A lone surrogate cannot come from a keyboard, but must not be a bug either.
        typed = pin.encode("utf-8", "surrogatepass")
        if not kept:
            self.hasher.hash(typed)  # as long as a verification takes
            return False
        try:
            return self.hasher.verify(kept, typed)
        except (VerificationError, InvalidHashError):
            return False

    def _refuse_locked(self, tally: Tally) -> None:
        wait = tally.wait(self.clock.now())
        if wait > timedelta():
            minutes = -(-wait // timedelta(minutes=1))
            raise LockedOut(
                f"{tally.misses} wrong PINs: this badge is locked for {minutes} more"
                f" {'minute' if minutes == 1 else 'minutes'}.",
                retry_after_s=wait.total_seconds(),
                hint="Wait, or ask whoever runs the store's server for a new PIN.",
            )

    def _tally(self, badge: str) -> Tally:
        rows = self.database.rows(
            "SELECT misses, locked_until FROM associates WHERE badge = ?", (badge,)
        )
        kept = Tally(int(rows[0][0]), parsed(rows[0][1])) if rows else self._stranger(badge)
        tally = kept.at(self.clock.now())
        if tally != kept:
            self._keep(badge, tally)
        return tally

    def _stranger(self, badge: str) -> Tally:
        return self._strangers.get(badge, Tally())

    def _keep(self, badge: str, tally: Tally, *, is_missed_on: str | None = None) -> None:
        now = self.clock.now()
        until = written(tally.locked_until) if tally.locked_until else ""

        def update(connection: apsw.Connection) -> bool:
            connection.execute(
                "UPDATE associates SET misses = ?, locked_until = ? WHERE badge = ?",
                (tally.misses, until, badge),
            )
            is_known = bool(connection.changes())
            if is_missed_on is not None and tally.locked_until:
                # A stranger's badge is not written down: a PIN may have been typed in its place.
                who = {"device": is_missed_on, "associate": badge if is_known else ""}
                add_row(connection, "lock_out", {**who, "until": until}, at=now)
            return is_known

        if self.database.write(update):
            return
        self._strangers[badge] = tally
        self._strangers.move_to_end(badge)
        if len(self._strangers) > MOST_STRANGERS:
            self._strangers.popitem(last=False)

    def _set_hash(self, badge: str, pin_hash: str) -> None:
        badge, now = badge.strip(), written(self.clock.now())

        def update(connection: apsw.Connection) -> int:
            connection.execute(
                "UPDATE associates SET pin_hash = ?, misses = 0, locked_until = '' WHERE badge = ?",
                (pin_hash, badge),
            )
            found = int(connection.changes())
            connection.execute(
                "UPDATE sessions SET ended_at = ? WHERE badge = ? AND ended_at = ''", (now, badge)
            )
            return found

        if not self.database.write(update):
            raise BadInput(
                "Nobody has this badge.",
                hint="Add them first: backroom associate add BADGE --name NAME --role ROLE",
            )

    def _read(self, badge: str | None) -> tuple[Associate, ...]:
        rows = self.database.rows(
            "SELECT badge, name, role, pin_hash <> '', locked_until FROM associates"
            " WHERE ?1 IS NULL OR badge = ?1 ORDER BY badge",
            (badge,),
        )
        return tuple(
            Associate(number, name, Role(role), bool(has_pin), parsed(until))
            for number, name, role, has_pin, until in rows
        )


def _badge(text: str) -> str:
    badge = text.strip()
    if not badge.isascii() or not badge.isalnum() or len(badge) > MOST_BADGE_CHARS:
        raise BadInput(
            f"A badge has 1 to {MOST_BADGE_CHARS} letters and digits.",
            hint="Type it as it is printed: 1001",
        )
    return badge


def _name(text: str) -> str:
    hint = 'As on the badge: --name "Maria Alvarez"'
    return one_line(text, what="A name", most=MOST_NAME_CHARS, hint=hint)


def _pin(pin: str) -> str:
    """Return a PIN that may be set.

    Five guesses before a lock are enough for the PINs half of all people would choose.
    """
    least, most = PIN_DIGITS
    if not (pin.isascii() and pin.isdigit() and least <= len(pin) <= most):
        raise BadInput(f"A PIN has {least} to {most} digits.", hint="Choose another.")
    steps = {int(b) - int(a) for a, b in pairwise(pin)}
    if steps in ({0}, {1}, {-1}):
        raise BadInput("That PIN is among the first anyone would try.", hint="Choose another.")
    return pin

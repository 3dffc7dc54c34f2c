"""Stores and their devices in the ledger: codes, enrolment, links of the chain, rings, revocation.

Every function here is one transaction's work on a connection, and can be run again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from appliance.errors import BadInput, WrongCode
from sync.hub.keys import code_digest, key_digest, new_code, new_key
from sync.hub.tables import codes, devices, keys, nonces, stores
from sync.hub.wishes import end_streams, put_wish
from sync.wire import Wish, WishKind

STORE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)
RING = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
ACTIVE, REVOKED, QUARANTINED = "active", "revoked", "quarantined"
FIND_DEVICE = (
    select(
        devices.c.id,
        devices.c.store,
        stores.c.ring,
        devices.c.public_key,
        devices.c.state,
        devices.c.why,
        devices.c.link,
        devices.c.link_before,
    )
    .join(stores, stores.c.number == devices.c.store)
    .where(devices.c.id == bindparam("device"))
)


@dataclass(frozen=True, slots=True)
class Device:
    """A machine that is, or was, a store."""

    id: str
    store: str
    ring: str  # of the store, now
    public_key: bytes
    state: str  # active | revoked | quarantined
    why: str
    link: int
    link_before: int


def check_names(store: str, ring: str) -> None:
    """Make sure that a store's number and a ring's name can stand in paths and tables.

    Raises:
        BadInput: One of them cannot.
    """
    if not STORE.fullmatch(store):
        raise BadInput(
            f"{store!r} is no store's number.", hint="Letters, digits, . _ -; at most 32: 0001"
        )
    if not RING.fullmatch(ring):
        raise BadInput(
            f"{ring!r} is no ring's name.", hint="Lower-case letters, digits, . _ -: pilot"
        )


def put_code(
    connection: Connection, digest: str, *, store: str, ring: str, now: datetime, hours: float
) -> None:
    """Keep a code's digest; the store is known from now on, in the ring it has or else in this."""
    connection.execute(
        insert(codes).values(
            digest=digest,
            store=store,
            ring=ring,
            made_at=now,
            expires_at=now + timedelta(hours=hours),
        )
    )
    if connection.execute(select(stores.c.number).where(stores.c.number == store)).first() is None:
        connection.execute(insert(stores).values(number=store, ring=ring, made_at=now))


def redeem(
    connection: Connection,
    digest: str,
    *,
    public_key: bytes,
    device: str,
    machine: str,
    now: datetime,
) -> Device:
    """Use up a code: `device` is the store's from now on, and the one before is out.

    The same key may show the same code again while it lasts: the answer may have been lost.

    Raises:
        WrongCode: It was never given, has expired, or another key has used it.
    """
    code = connection.execute(select(codes).where(codes.c.digest == digest)).first()
    if code is None or now >= code.expires_at:
        raise _wrong_code()
    taken = connection.execute(
        update(codes)
        .where(codes.c.digest == digest, codes.c.used_at.is_(None))
        .values(used_at=now, device=device)
    )
    if taken.rowcount != 1:
        mine = find_device(connection, str(code.device or ""))
        if mine is None or mine.public_key != public_key or mine.state != ACTIVE:
            raise _wrong_code()
        return mine
    # First of all this row: two machines that enrol as one store at once come one after the other.
    connection.execute(update(stores).where(stores.c.number == code.store).values(ring=code.ring))
    why = "The store was enrolled again."
    before = end_devices(connection, code.store, state=REVOKED, why=why, now=now)
    end_streams(connection, before, now=now)
    connection.execute(
        insert(devices).values(
            id=device,
            store=code.store,
            public_key=public_key,
            state=ACTIVE,
            why="",
            machine=machine,
            enrolled_at=now,
        )
    )
    return Device(device, code.store, code.ring, public_key, ACTIVE, "", 0, 0)


def _wrong_code() -> WrongCode:
    return WrongCode(
        "This code enrols nothing: it was never given, is used up or has expired.",
        hint="Ask headquarters for a new one: backroom hub code --store STORE --ring RING",
    )


def find_device(connection: Connection, device: str) -> Device | None:
    """Return a device, or None."""
    row = connection.execute(FIND_DEVICE, {"device": device}).first()
    return None if row is None else Device(*row)


def end_devices(
    connection: Connection, store: str, *, state: str, why: str, now: datetime
) -> list[str]:
    """Shut a store's devices out; return which ones were in."""
    was = [ACTIVE, QUARANTINED] if state == REVOKED else [ACTIVE]
    rows = connection.execute(
        update(devices)
        .where(devices.c.store == store, devices.c.state.in_(was))
        .values(state=state, why=why, ended_at=now)
        .returning(devices.c.id)
    )
    return [str(row.id) for row in rows]


def advance(connection: Connection, device: Device, *, shown: int) -> int:
    """Give a device's chain its next link, and return it."""
    link = max(device.link, shown) + 1
    connection.execute(
        update(devices).where(devices.c.id == device.id).values(link=link, link_before=shown)
    )
    return link


def use_nonce(connection: Connection, device: str, nonce: str, *, now: datetime) -> bool:
    """Use a nonce up; return False when it was used before."""
    found = select(nonces.c.at).where(nonces.c.device == device, nonces.c.nonce == nonce)
    if connection.execute(found).first() is not None:
        return False
    connection.execute(insert(nonces).values(device=device, nonce=nonce, at=now))
    return True


def forget_nonces(connection: Connection, *, before: datetime) -> None:
    """Forget nonces so old that their requests would be refused for the time they are signed at."""
    connection.execute(delete(nonces).where(nonces.c.at < before))


def move(connection: Connection, store: str, ring: str, *, now: datetime) -> None:
    """Put a store into another ring; its stream ends, for that knows the old one.

    Raises:
        BadInput: There is no such store, or the ring's name cannot be one.
    """
    check_names(store, ring)
    moved = connection.execute(update(stores).where(stores.c.number == store).values(ring=ring))
    if moved.rowcount != 1:
        raise BadInput(f"There is no store {store}.", hint="List them: backroom hub stores")
    active = (devices.c.store == store, devices.c.state == ACTIVE)
    listening = connection.execute(select(devices.c.id).where(*active)).scalars().all()
    end_streams(connection, listening, now=now)
    put_wish(connection, Wish(WishKind.LOOK, ring=ring), now=now, store=store)


def give_codes(
    connection: Connection, wanted: Sequence[tuple[str, str]], *, now: datetime, hours: float
) -> list[str]:
    """Return a new code for each store and ring; all of them or none.

    Raises:
        BadInput: A store's number or a ring's name cannot be one.
    """
    given = []
    for store, ring in wanted:
        check_names(store, ring)
        code = new_code()
        put_code(connection, code_digest(code), store=store, ring=ring, now=now, hours=hours)
        given.append(code)
    return given


def shut_out(connection: Connection, store: str, *, now: datetime) -> None:
    """Revoke a store's device and end its streams.

    Raises:
        BadInput: It has none.
    """
    why = "Headquarters revoked this device."
    ended = end_devices(connection, store, state=REVOKED, why=why, now=now)
    if not ended:
        raise BadInput(
            f"Store {store} has no machine that is in.", hint="List them: backroom hub stores"
        )
    end_streams(connection, ended, now=now)


def put_key(connection: Connection, name: str, *, now: datetime) -> str:
    """Return a new operator's key; only its digest is kept."""
    key = new_key()
    row = {"digest": key_digest(key), "name": name[:120], "made_at": now}
    connection.execute(insert(keys).values(row))
    return key


def drop_keys(connection: Connection, name: str, *, now: datetime) -> int:
    """Take back the operators' keys of a name; return how many there were."""
    mine = (keys.c.name == name, keys.c.revoked_at.is_(None))
    return connection.execute(update(keys).where(*mine).values(revoked_at=now)).rowcount

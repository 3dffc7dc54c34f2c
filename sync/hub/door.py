"""Whose request it is: a store's device by its token, an operator's program by its key.

The token is checked without a look-up, the device's standing in the ledger at every request: a
revoked one is out at its next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from litestar import Request
from sqlalchemy import Connection, select

from appliance.ports import Clock
from sync.hub.keys import key_digest
from sync.hub.ledger import Ledger
from sync.hub.problems import refused
from sync.hub.registry import ACTIVE, QUARANTINED, Device, find_device
from sync.hub.tables import keys
from sync.hub.tokens import LONGEST, Signer

T = TypeVar("T")
SCHEME = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """The device that sends a request. What it may see is its store's, and nothing else."""

    device: str
    store: str
    ring: str
    expires_at: datetime  # of its token


@dataclass(frozen=True, slots=True)
class Door:
    """Tells who a request is from."""

    ledger: Ledger
    signer: Signer
    clock: Clock

    async def device(self, request: Request[Any, Any, Any]) -> Caller:
        """Return the device a request is from.

        Raises:
            Refused: 401 without a good token; 403 for a device that is revoked or quarantined.
            LedgerError: The ledger could not be read.
        """
        return await self.reading(request, lambda _connection, caller: caller)

    async def reading(
        self, request: Request[Any, Any, Any], work: Callable[[Connection, Caller], T]
    ) -> T:
        """Return what `work` reads for the device a request is from, in the same look-up.

        Raises:
            Refused: 401 without a good token; 403 for a device that is revoked or quarantined.
            LedgerError: The ledger could not be read.
        """
        claimed = self.signer.device_of(bearer(request), now=self.clock.now())
        if claimed is None:
            detail = "The token is forged or has expired."
            raise refused(401, "bad_token", detail, "Ask for a new one at /v1/token.")
        device, expires_at = claimed

        def look(connection: Connection) -> T:
            found = find_device(connection, device)
            check_standing(found)
            assert found is not None
            return work(connection, Caller(device, found.store, found.ring, expires_at))

        return await self.ledger.reading(look)

    async def operator(self, request: Request[Any, Any, Any]) -> str:
        """Return the name of the operator's key a request came with.

        Raises:
            Refused: 401, it is none of ours.
            LedgerError: The ledger could not be read.
        """
        digest = key_digest(bearer(request))

        def look(connection: Connection) -> str | None:
            query = select(keys.c.name).where(keys.c.digest == digest, keys.c.revoked_at.is_(None))
            return connection.execute(query).scalar()

        name = await self.ledger.reading(look)
        if name is None:
            hint = "Make one: backroom hub key NAME"
            raise refused(401, "bad_key", "This is no operator's key.", hint)
        return name


def bearer(request: Request[Any, Any, Any]) -> str:
    """Return a request's bearer token.

    Raises:
        Refused: 401, there is none.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != SCHEME or not token or len(token) > LONGEST:
        raise refused(
            401, "no_token", "There is no bearer token.", "Enrol, then ask for one at /v1/token."
        )
    return token


def check_standing(device: Device | None) -> None:
    """Make sure that a device is in.

    Raises:
        Refused: 401 when there is none, 403 when it is out.
    """
    if device is None:
        hint = "Enrol this store again: backroom agent enrol"
        raise refused(401, "unknown_device", "The hub knows no such device.", hint)
    if device.state == ACTIVE:
        return
    code = "identity_quarantined" if device.state == QUARANTINED else "revoked"
    hint = "Enrol again with a new code from headquarters."
    raise refused(403, code, device.why or "This device is revoked.", hint)

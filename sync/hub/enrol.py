"""`POST /v1/enrol` and `/v1/token`: the only ways in for somebody without an identity."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler, post
from sqlalchemy import Connection

from appliance.errors import WrongCode
from appliance.web.limits import Buckets
from appliance.web.problems import Refused
from sync.hub.alarms import CLONE, JOURNAL_BACK, close_alarm, open_alarm
from sync.hub.bodies import MOST_BYTES, answered, read_record
from sync.hub.door import check_standing
from sync.hub.keys import code_digest, new_device
from sync.hub.parts import Hub
from sync.hub.problems import SkewProblem, refused
from sync.hub.proofs import is_signed, read_public_key
from sync.hub.registry import (
    QUARANTINED,
    Device,
    advance,
    end_devices,
    find_device,
    redeem,
    use_nonce,
)
from sync.hub.repository import newest_root
from sync.hub.tokens import follows
from sync.hub.wishes import end_streams
from sync.wire import (
    ENROL,
    TOKEN,
    Enrol,
    Enrolled,
    TokenGrant,
    TokenRequest,
    proof_text,
    token_text,
)

MOST_MACHINE_BYTES = 8 * 1024
SHORTEST_NONCE, LONGEST_NONCE = 8, 64
CLONED = "One identity was used by two machines."
NO_PROOF = "The key's signature does not fit."


def enrol_handlers(hub: Hub) -> list[HTTPRouteHandler]:
    """Return the handlers over a hub."""

    @post(ENROL, request_max_body_size=MOST_BYTES)
    async def enrol(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Make a machine a store's, for a one-time code and the proof that it holds its key."""
        address = address_of(request, proxy=hub.settings.proxy)
        _throttle(hub.limits.enrols_of, address)
        _throttle(hub.limits.enrols, "")
        asked = await read_record(request, Enrol)
        public_key = read_public_key(asked.public_key)
        signed = proof_text(asked.code, asked.public_key)
        if public_key is None or not is_signed(
            signed, signature=asked.proof, public_key=public_key
        ):
            raise refused(403, "bad_proof", NO_PROOF, "Sign sync.wire.proof_text.")
        root = newest_root(hub.settings.repository_folder)
        device = await _redeemed(hub, asked, public_key)
        return answered(
            Enrolled(device.id, device.store, device.ring, now=hub.clock.now(), root=root)
        )

    @post(TOKEN, request_max_body_size=MOST_BYTES)
    async def token(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Give a device that proves it holds its key a token for some minutes."""
        asked = await read_record(request, TokenRequest)
        try:
            return answered(await _granted(hub, asked))
        except Refused as exc:
            if exc.problem.status == 401:
                address = address_of(request, proxy=hub.settings.proxy)
                _throttle(hub.limits.failures_of, address)
            raise

    return [enrol, token]


def address_of(request: Request[Any, Any, Any], *, proxy: str) -> str:
    """Return the address a request comes from; a trusted proxy says whose it passes on."""
    peer = request.client.host if request.client else ""
    if proxy and peer == proxy:
        # The last entry is the proxy's own; those before it anybody can write.
        return request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()[:64] or peer
    return peer


def _throttle(buckets: Buckets, key: str) -> None:
    wait_s = buckets.take(key)
    if wait_s:
        raise refused(429, "too_many_tries", "Too many tries.", "Wait.", wait_s=wait_s)


async def _redeemed(hub: Hub, asked: Enrol, public_key: bytes) -> Device:
    digest, new, now = code_digest(asked.code), new_device(), hub.clock.now()
    machine = msgspec.json.encode(asked.machine)
    if len(machine) > MOST_MACHINE_BYTES:
        raise refused(400, "bad_record", f"`machine` is over {MOST_MACHINE_BYTES:,} bytes.")

    def work(connection: Connection) -> Device:
        device = redeem(
            connection,
            digest,
            public_key=public_key,
            device=new,
            machine=machine.decode(),
            now=now,
        )
        if device.id == new:  # the one before is out
            for kind in (CLONE, JOURNAL_BACK):
                close_alarm(connection, device.store, kind, now=now)
        return device

    try:
        return await hub.ledger.writing(work)
    except WrongCode as exc:
        raise refused(403, exc.code, exc.message, "Ask headquarters for a new code.") from exc


async def _granted(hub: Hub, asked: TokenRequest) -> TokenGrant:
    now = hub.clock.now()
    device = await hub.ledger.reading(lambda connection: find_device(connection, asked.device))
    signed = token_text(asked.device, asked.nonce, asked.at, asked.chain)
    key = b"" if device is None else device.public_key
    if device is None or not is_signed(signed, signature=asked.signature, public_key=key):
        # One answer for both: who guesses ids learns nothing.
        raise refused(401, "unknown_device", "No such device, or not its signature.", "Enrol.")
    check_standing(device)
    if not SHORTEST_NONCE <= len(asked.nonce) <= LONGEST_NONCE or asked.at.tzinfo is None:
        detail = "`nonce` is 8 to 64 characters and `at` has a zone."
        raise refused(400, "bad_record", detail)
    if abs((now - asked.at).total_seconds()) > hub.settings.skew_s:
        raise Refused(_skewed(now.isoformat()))
    link = await _linked(hub, asked)
    expires_at = now + timedelta(minutes=hub.settings.token_minutes)
    return TokenGrant(
        token=hub.signer.token(device.id, expires_at=expires_at),
        expires_at=expires_at.replace(microsecond=0),
        now=now,
        chain=hub.signer.chain(device.id, link),
    )


def _skewed(now: str) -> SkewProblem:
    detail = "The request's `at` is too far from the hub's time."
    return SkewProblem(401, "clock_skew", detail, "Go by `now` and sign again.", now=now)


async def _linked(hub: Hub, asked: TokenRequest) -> int:
    """Return the number of the device's next link, durable, its nonce used up.

    Raises:
        Refused: 401 for a nonce that comes again; 403 when two machines have one identity.
    """
    now = hub.clock.now()
    shown = hub.signer.link_of(asked.chain, asked.device)

    def work(connection: Connection) -> int | None:
        device = find_device(connection, asked.device)
        check_standing(device)
        assert device is not None
        if not use_nonce(connection, device.id, asked.nonce, now=now):
            raise refused(401, "nonce_replayed", "This nonce was used before.", "Draw another.")
        if shown is not None and follows(shown, link=device.link, before=device.link_before):
            return advance(connection, device, shown=shown)
        why = f"{CLONED} Link {shown} was shown after link {device.link} had been given."
        ended = end_devices(connection, device.store, state=QUARANTINED, why=why, now=now)
        end_streams(connection, ended, now=now)
        open_alarm(connection, device.store, CLONE, why, now=now)
        return None

    link = await hub.ledger.writing(work)
    if link is None:
        hint = "Enrol again with a new code from headquarters."
        raise refused(403, "identity_quarantined", CLONED, hint)
    return link

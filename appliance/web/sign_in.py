"""`/v1/devices/pair`, `/v1/sign-in`, `/v1/sign-out`, `/v1/me`: a device comes in, then a person."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler

from appliance.records import LOCAL, Role
from appliance.store.devices import MOST_NAME_CHARS
from appliance.store.sessions import Session
from appliance.web.bodies import read_body
from appliance.web.desk import Desk
from appliance.web.identity import DEVICE_COOKIE, SESSION_COOKIE, Identity, Standing, tokens_of
from appliance.web.limits import Buckets
from appliance.web.openapi import documented
from appliance.web.origin import is_tls
from appliance.web.problems import Problem, Refused
from appliance.web.store import StoreLike

# A shift starts: a few handhelds behind one address sign in at once, and some mistype.
TRIES_PER_MINUTE = 20.0
TRIES_AT_ONCE = 20
MOST_PEERS = 4_096
SIGN_INS_WAITING = 32  # about three seconds of PINs
DEVICE_COOKIE_S = 400 * 24 * 3_600  # the most a browser keeps; each sign-in begins it anew


# Told in the document, and checked by `SqliteDevices`, which says what is wrong in words.
NAME = {
    "maxLength": MOST_NAME_CHARS,
    "pattern": r"^[^\u0000-\u001f\u007f]*\S[^\u0000-\u001f\u007f]*$",
}


class PairBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a handheld sends to be paired."""

    code: str  # from `backroom device code`; single use
    name: Annotated[str, msgspec.Meta(extra_json_schema=NAME)]  # of the handheld: "Electronics 2"

    def __repr__(self) -> str:
        """Return no secret, wherever it may be printed."""
        return "PairBody(…)"


class SignInBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an associate types."""

    badge: str
    pin: str

    def __repr__(self) -> str:
        """Return no secret, wherever it may be printed."""
        return "SignInBody(…)"


class PairedBody(msgspec.Struct, frozen=True):
    """A handheld, paired; its token is told this once."""

    device: str
    token: str


class SignedInBody(msgspec.Struct, frozen=True):
    """Who signed in; the session's token is told this once."""

    name: str
    role: Role
    expires_at: datetime
    token: str


class MeBody(msgspec.Struct, frozen=True):
    """Who sends a request, and what is needed before it may ask."""

    signed_in: bool
    device: str = ""  # its id; "local" in the demo
    device_name: str = ""
    name: str = ""  # of who is signed in
    role: str = ""
    needs: str = ""  # "" | pair | sign_in


@dataclass(frozen=True, slots=True)
class Door:
    """Where devices are paired and people sign in, off the event loop."""

    store: StoreLike
    identity: Identity
    desk: Desk  # one PIN at a time: each takes a core and 64 MiB for a tenth of a second
    tries: Buckets

    async def pair(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Pair the handheld that sends a code; the device it was until now is shut out."""
        self._take_try(request)
        hint = 'Send {"code": "…", "name": "…"}.'
        body = read_body(await request.body(), PairBody, code="not_a_pairing", hint=hint)
        # Only the browser that holds the old device's token can have it replaced.
        old = tokens_of(request).device
        pair = self.store.devices.pair
        device, token = await asyncio.to_thread(pair, body.code, body.name, replaces=old)
        cookies = [
            _cookie(request, DEVICE_COOKIE, token, max_age=DEVICE_COOKIE_S),
            _cookie(request, SESSION_COOKIE),
        ]
        return _json(PairedBody(device, token), cookies)

    async def begin(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Sign in who types a badge and a PIN on a paired handheld."""
        self._take_try(request)
        device = await asyncio.to_thread(self.identity.handheld, request)
        hint = 'Send {"badge": "…", "pin": "…"}.'
        body = read_body(await request.body(), SignInBody, code="not_a_sign_in", hint=hint)
        future = self.desk.submit(lambda: self._begin(device, body))
        token, session = await asyncio.shield(asyncio.wrap_future(future))
        cookies = [_cookie(request, SESSION_COOKIE, token, max_age=self._session_s())]
        if kept := request.cookies.get(DEVICE_COOKIE):
            cookies.append(_cookie(request, DEVICE_COOKIE, kept, max_age=DEVICE_COOKIE_S))
        who = session.principal
        return _json(SignedInBody(who.name, who.role, session.expires_at, token), cookies)

    def end(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Sign out whoever is signed in, if anybody is."""
        token = tokens_of(request).session
        if self.store.sessions.principal(token):
            self.store.sessions.end(token)
        return _json(MeBody(signed_in=False), [_cookie(request, SESSION_COOKIE)])

    def me(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Tell who is signed in, and what is needed next; in the demo, take dead cookies back."""
        tokens = tokens_of(request)
        standing = self.identity.standing(tokens)
        if standing.leads_nowhere and not tokens.is_bearer and self.identity.is_open:
            dead = [name for name in (DEVICE_COOKIE, SESSION_COOKIE) if name in request.cookies]
            demo = MeBody(signed_in=True, device=LOCAL, role=Role.ASSOCIATE.value)
            return _json(demo, [_cookie(request, name) for name in dead])
        return _json(_me(standing))

    def _begin(self, device: str, body: SignInBody) -> tuple[str, Session]:
        associate = self.store.associates.check(body.badge, body.pin, device=device)
        token = self.store.sessions.begin(device, associate.badge)
        session = self.store.sessions.of_token(token)
        if session is None:  # revoked while the PIN was looked at
            raise Refused(Problem(401, "not_paired", "This device was shut out just now."))
        return token, session

    def _session_s(self) -> int:
        return math.ceil(self.store.settings.session_hours * 3_600)

    def _take_try(self, request: Request[Any, Any, Any]) -> None:
        wait_s = math.ceil(self.tries.take(_peer(request)))
        if wait_s:
            detail = "Too many tries to pair or sign in came from this address."
            hint = "Wait, then try again."
            raise Refused(Problem(429, "too_many_tries", detail, hint, retry_after_s=wait_s))


def open_door(store: StoreLike) -> Door:
    """Return the door of a store; whoever asked for it closes its desk."""
    tries = Buckets(TRIES_PER_MINUTE, TRIES_AT_ONCE, most_keys=MOST_PEERS, monotonic=time.monotonic)
    desk = Desk(at_once=1, waiting=SIGN_INS_WAITING, of="sign-ins")
    return Door(store, Identity(store), desk, tries)


def sign_in_handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of the door."""

    @post(
        "/v1/devices/pair",
        status_code=200,
        **documented(
            PairedBody,
            example=PairedBody("9f86d081884c", "bd_4Qm8…"),
            takes=(PairBody, PairBody("K7WM3RXQ", "Electronics 2")),
            refuses=(400, 413, 429),
            is_public=True,
        ),
    )
    async def pair(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Pair a handheld with a one-time code; its token comes back, and as a cookie."""
        return await door.pair(request)

    @post(
        "/v1/sign-in",
        status_code=200,
        **documented(
            SignedInBody,
            example=SignedInBody(
                "Dana", Role.LEAD, datetime(2026, 11, 23, 7, 2, tzinfo=UTC), "bs_…"
            ),
            takes=(SignInBody, SignInBody("2041", "482913")),
            refuses=(400, 413, 429),
        ),
    )
    async def sign_in(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Sign in on a paired handheld by badge and PIN; too many misses lock the badge."""
        return await door.begin(request)

    @post(
        "/v1/sign-out",
        status_code=200,
        sync_to_thread=True,
        **documented(MeBody, example=MeBody(signed_in=False), is_public=True),
    )
    def sign_out(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Sign out whoever is signed in, if anybody is."""
        return door.end(request)

    @get(
        "/v1/me",
        sync_to_thread=True,
        **documented(
            MeBody,
            example=MeBody(signed_in=True, device="9f86d081884c", name="Dana", role="lead"),
            is_public=True,
        ),
    )
    def me(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Tell who is signed in, and what is needed before one may ask."""
        return door.me(request)

    return [pair, sign_in, sign_out, me]


def _me(standing: Standing) -> MeBody:
    who, device = standing.principal, standing.device
    if who is None:
        if device is None:
            return MeBody(signed_in=False, needs="pair")
        return MeBody(signed_in=False, device=device.id, device_name=device.name, needs="sign_in")
    return MeBody(
        signed_in=True,
        device=who.device,
        device_name=standing.session.device_name if standing.session else who.name,
        name=who.name,
        role=who.role.value,
    )


def _peer(request: Request[Any, Any, Any]) -> str:
    """Return whom tries are counted for: an address, or of IPv6 the network it may vary in."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return host


def _cookie(
    request: Request[Any, Any, Any], name: str, value: str = "", *, max_age: int = 0
) -> Cookie:
    """Return a cookie that only this server reads; without a value one that takes it back."""
    return Cookie(
        name,
        value=value,
        max_age=max_age,
        secure=is_tls(request),
        httponly=True,
        samesite="strict",
    )


def _json(plain: msgspec.Struct, cookies: list[Cookie] | None = None) -> Response[bytes]:
    body = msgspec.json.encode(plain)
    return Response(body, status_code=200, media_type=MediaType.JSON, cookies=cookies or [])

"""Who sends a request: its token's owner, or on this machine alone the demo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from litestar import Request
from litestar.params import QueryParameter

from appliance.errors import StoreError
from appliance.records import LOCAL, Principal, Role
from appliance.store.devices import Device
from appliance.store.sessions import Session
from appliance.web.origin import is_loopback
from appliance.web.problems import Problem, Refused
from appliance.web.store import StoreLike

DEVICE_COOKIE = "backroom_device"
SESSION_COOKIE = "backroom_session"
DEMO = "demo"
RoleQuery = Annotated[
    str,
    QueryParameter(
        description="To ask as, none above one's own; empty for one's own.",
        schema_extra={"enum": ["", *(role.value for role in Role)]},
    ),
]
BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens a request came with, '' for none; a header outranks cookies altogether."""

    device: str
    session: str
    is_bearer: bool = False

    @property
    def are_none(self) -> bool:
        """Whether it came with no token at all."""
        return not (self.device or self.session or self.is_bearer)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a request's tokens lead: to a device, to a session on it, or nowhere."""

    device: Device | None = None
    session: Session | None = None

    @property
    def leads_nowhere(self) -> bool:
        """Whether the tokens are nobody's, or there are none."""
        return self.device is None and self.session is None

    @property
    def principal(self) -> Principal | None:
        """Who it is, or None when nobody is signed in."""
        if self.session:
            return self.session.principal
        if self.device and self.device.is_key and self.device.role:
            key = self.device
            return Principal(device=key.id, badge="", role=self.device.role, name=key.name)
        return None


@dataclass(frozen=True, slots=True)
class Identity:
    """Tells who a request is from; reads the database, so off the event loop."""

    store: StoreLike

    @property
    def is_open(self) -> bool:
        """Whether a request without any token is the demo's: this machine reaches itself only.

        With a public name there is a proxy on this machine, through which everybody reaches it.
        """
        settings = self.store.settings
        return (
            settings.sign_in == "auto" and not settings.public_name and is_loopback(settings.host)
        )

    def of(self, request: Request[Any, Any, Any], *, role: Role | None = None) -> Principal:
        """Return who sends the request, in the role it names.

        Args:
            request: Any request.
            role: What its body or query names; in the demo any, else none above one's own.

        Raises:
            Refused: 401 `not_paired` or `not_signed_in`; 403 `role_not_yours`.
            StoreError: The database could not be read.
        """
        tokens = tokens_of(request)
        if tokens.are_none and self.is_open:
            return Principal(device=LOCAL, badge=DEMO, role=role or Role.ASSOCIATE)
        standing = self.standing(tokens)
        principal = standing.principal
        if principal is None:
            raise _not_signed_in() if standing.device else _not_paired()
        if role is None:
            return principal
        if role.value not in principal.role.audiences:
            detail = f"You are signed in as {principal.role}, and asked as {role}."
            raise Refused(Problem(403, "role_not_yours", detail, "Leave the role out."))
        return replace(principal, role=role)

    def may(self, request: Request[Any, Any, Any], role: Role) -> bool:
        """Tell whether who sends the request may act in a role; nobody may."""
        try:
            self.of(request, role=role)
        except (Refused, StoreError):
            return False
        return True

    def handheld(self, request: Request[Any, Any, Any]) -> str:
        """Return the id of the handheld that sends the request, whoever is signed in on it.

        Raises:
            Refused: 401 `not_paired`; 403 `not_a_handheld` for a key.
            StoreError: The database could not be read.
        """
        standing = self.standing(tokens_of(request))
        if standing.session:
            return standing.session.principal.device
        if standing.device is None:
            raise _not_paired()
        if standing.device.is_key:
            detail = "A key is somebody by itself; nobody signs in with it."
            hint = "Ask with it as it is, or pair a handheld."
            raise Refused(Problem(403, "not_a_handheld", detail, hint))
        return standing.device.id

    def standing(self, tokens: Tokens) -> Standing:
        """Return how far tokens lead; a session on another device than the one named is none.

        As a cookie a session counts only beside its own device's: alone it was carried away, or
        its handheld was paired anew. A program's bearer is one token, so there it counts alone.

        Raises:
            StoreError: The database could not be read.
        """
        session = self.store.sessions.of_token(tokens.session) if tokens.session else None
        device = self.store.devices.of_token(tokens.device) if tokens.device else None
        if session and not tokens.is_bearer and session.principal.device != (device and device.id):
            session = None
        return Standing(device, session)


def tokens_of(request: Request[Any, Any, Any]) -> Tokens:
    """Return a request's tokens; a bearer's may be that of a session, a handheld or a key."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == BEARER:
        token = token.strip()
        if token == DEMO:  # OpenAI's client refuses to send no key at all: this one is none
            return Tokens("", "")
        return Tokens(token, token, is_bearer=True)
    cookies = request.cookies
    return Tokens(cookies.get(DEVICE_COOKIE, ""), cookies.get(SESSION_COOKIE, ""))


def named_role(name: str) -> Role | None:
    """Return the role of this name, None for ''.

    Raises:
        Refused: 400, there is no such role.
    """
    try:
        return Role(name) if name else None
    except ValueError as exc:
        roles = ", ".join(r.value for r in Role)
        raise Refused(Problem(400, "bad_role", "No such role.", f"Roles: {roles}.")) from exc


def _not_paired() -> Refused:
    detail = "This device is not paired with the store, or was shut out."
    hint = "Pair it with a code from whoever runs the store's server: backroom device code"
    return Refused(Problem(401, "not_paired", detail, hint))


def _not_signed_in() -> Refused:
    detail = "Nobody is signed in on this device, or the time is over."
    return Refused(Problem(401, "not_signed_in", detail, "Sign in with your badge and PIN."))

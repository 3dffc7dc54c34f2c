"""Which pages may use a browser to talk to the store: its own, under the store's own name."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from litestar import Request

from appliance.web.problems import Problem, Refused

LOCAL_NAME = "localhost"
CHANGES_NOTHING = {"GET", "HEAD", "OPTIONS"}
LAST_PORT = 65_535
# RFC 3986, 3.2, without user names and percent signs, which no browser sends in a Host header.
AUTHORITY = re.compile(
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{0,5}))?", re.ASCII
)
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Authority:
    """A server as it is named in a Host or Origin header."""

    name: str  # lower case; of IPv6 in brackets
    port: int | None = None  # None: its scheme's own


def is_loopback(host: str) -> bool:
    """Return whether a host, as in an address or the settings, is this machine and no other."""
    if host.lower() == LOCAL_NAME:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def authority_in(text: str) -> Authority | None:
    """Return the server that a header names; None when it names none, or an impossible port."""
    found = AUTHORITY.fullmatch(text)
    if found is None:
        return None
    port = int(found[2]) if found[2] else None
    if port is not None and not 0 < port <= LAST_PORT:
        return None
    return Authority(found[1].lower(), port)


def refuse_foreign(request: Request[Any, Any, Any], *, host: str, public_name: str = "") -> None:
    """Refuse what another site's page sends through a browser in the store.

    Args:
        request: Any request.
        host: What the server listens on. On loopback there is no sign-in to stop a page whose
            own name was pointed at 127.0.0.1 (DNS rebinding), so the name asked for must be a
            loopback's too, or the public one.
        public_name: Of a TLS proxy on this machine; '' for none.

    Raises:
        Refused: 403, the request came by a foreign name or from a foreign page.
    """
    named = request.headers.getall("host", [])
    asked_for = authority_in(named[0]) if len(named) == 1 else None
    if not _is_ours(asked_for, named, host=host, public_name=public_name):
        detail = "This server was asked for by a name that is not its own."
        hint = "Open it as http://localhost or http://127.0.0.1, with its port, or by public_name."
        raise Refused(Problem(403, "foreign_host", detail, hint))
    origins = request.headers.getall("origin", [])
    if not origins or request.method in CHANGES_NOTHING:
        return
    if len(origins) > 1 or not _is_own_page(origins[0], asked_for, public_name=public_name):
        detail = "The request came from a page of another site."
        raise Refused(Problem(403, "foreign_origin", detail, "Use the store's own page."))


def is_tls(request: Request[Any, Any, Any]) -> bool:
    """Return whether the page of a request came over TLS, to this server or the proxy before it.

    For a request that `refuse_foreign` let through.
    """
    origin = request.headers.get("origin", "")
    return request.scope["scheme"] == "https" or origin.startswith("https://")


def _is_ours(asked_for: Authority | None, named: list[str], *, host: str, public_name: str) -> bool:
    if asked_for is None:
        # HTTP/1.0 needs no Host; from the network such a client is no browser.
        return not any(named) and not is_loopback(host)
    if not is_loopback(host):
        return True
    return is_loopback(asked_for.name) or _is_named(asked_for, public_name)


def _is_own_page(origin: str, asked_for: Authority | None, *, public_name: str) -> bool:
    scheme, mark, rest = origin.partition("://")
    page = authority_in(rest)
    if page is None or not mark or scheme not in DEFAULT_PORTS:
        return False
    if scheme == "https" and _is_named(page, public_name):
        return True
    default = DEFAULT_PORTS[scheme]
    return asked_for is not None and (page.name, page.port or default) == (
        asked_for.name,
        asked_for.port or default,
    )


def _is_named(authority: Authority, public_name: str) -> bool:
    return bool(public_name) and authority.name == public_name.lower()

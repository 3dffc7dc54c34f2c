"""Which pages may use a browser to talk to the store: its own, under the store's own name."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from litestar import Request

from appliance.web.problems import Problem, Refused

LOCAL_NAME = "localhost"
CHANGES_NOTHING = {"GET", "HEAD", "OPTIONS"}


def is_loopback(host: str) -> bool:
    """Return whether a host, as in an address or the settings, is this machine and no other."""
    if host.lower() == LOCAL_NAME:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def refuse_foreign(request: Request[Any, Any, Any], *, host: str) -> None:
    """Refuse what another site's page sends through a browser in the store.

    Args:
        request: Any request.
        host: What the server listens on. On loopback there is no sign-in to stop a page whose
            own name was pointed at 127.0.0.1 (DNS rebinding), so the name asked for must be a
            loopback's too.

    Raises:
        Refused: 403, the request came by a foreign name or from a foreign page.
    """
    asked_for = request.headers.get("host", "")
    if is_loopback(host) and ("@" in asked_for or not is_loopback(_name(asked_for))):
        detail = "This server answers only on this machine, and was asked for by another name."
        hint = "Open it as http://localhost or http://127.0.0.1, with its port."
        raise Refused(Problem(403, "foreign_host", detail, hint))
    origin = request.headers.get("origin")
    if origin is None or request.method in CHANGES_NOTHING:
        return
    if origin.partition("://")[2] != asked_for:
        detail = "The request came from a page of another site."
        raise Refused(Problem(403, "foreign_origin", detail, "Use the store's own page."))


def _name(authority: str) -> str:
    """Return the name in a Host header, without its port."""
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""

"""Certificates, also where this machine's clock cannot be right.

A mini-PC whose battery is empty starts in 1970, when no certificate of today is valid yet. Then
they are judged by when the hub was last heard instead, which is the latest instant that surely was.
"""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx

from appliance.errors import BadInput, LineDown
from sync.agent.memory import HubClock

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which `ssl` has no name for.
NO_CHECK_TIME = 0x200000
# A certificate lives a year and some; a hub that was not heard for longer is a clock that is off.
LONGEST_QUIET = timedelta(days=400)
A_DAY = timedelta(days=1)


def is_clock_off(clock: HubClock, *, since: datetime) -> bool:
    """Tell whether this machine's clock cannot be right, so that no certificate would be.

    Args:
        clock: By the hub's time.
        since: The hub's time at enrolment: it is never earlier again.
    """
    known, now = clock.memory.known, clock.machine.now()
    heard_at = known.contact_at or since
    is_absurd = now < since - A_DAY or now > heard_at + LONGEST_QUIET
    return is_absurd or abs(known.offset_s) > A_DAY.total_seconds()


def check_certificate(answer: httpx.Response, *, heard_at: datetime) -> None:
    """Make sure that the certificate had not ended when the hub was last heard.

    Raises:
        LineDown: It had.
    """
    stream = answer.extensions.get("network_stream")
    told = stream.get_extra_info("ssl_object") if stream is not None else None
    certificate = told.getpeercert() if told is not None else None
    if not certificate:
        return
    if ssl.cert_time_to_seconds(str(certificate["notAfter"])) < heard_at.timestamp():
        raise LineDown(
            f"The hub's certificate ended before it was last heard, at {heard_at:%Y-%m-%d}.",
            hint="Tell headquarters: it needs a new certificate.",
        )


def context_for(hub: str, ca_file: str, *, is_clock_off: bool) -> ssl.SSLContext | bool:
    """Return how certificates are judged; they always are.

    Args:
        hub: Its URL.
        ca_file: Of a certificate authority of the company's own; '' for the public ones.
        is_clock_off: Leave their dates to `check_certificate`.

    Raises:
        BadInput: The file holds none.
    """
    if urlsplit(hub).scheme != "https":
        return True  # nothing is loaded for a hub on this machine
    try:
        context = (
            ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context()
        )
    except (OSError, ssl.SSLError) as exc:
        raise BadInput(
            f"ca_file {ca_file} holds no certificates: {type(exc).__name__}.",
            hint="Name a PEM file in agent.toml.",
        ) from exc
    if is_clock_off:
        context.verify_flags |= NO_CHECK_TIME
    return context

"""Tokens and chains, signed by the hub's own key: any worker checks them without a look-up.

A token says whose it is and until when, not whether that device has been revoked since: the door
asks the ledger (`sync.hub.door`).
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

import msgspec

TOKEN = "brt1"  # noqa: S105 - the format's mark, not a token
LONGEST = 512  # characters of a token or chain that are looked at
MAC_BYTES = 16  # of a chain's mark; it names a link and opens nothing


@dataclass(frozen=True, slots=True)
class Signer:
    """The hub's key; older ones still verify until the tokens they signed have expired."""

    key: bytes = field(repr=False)
    older: tuple[bytes, ...] = field(default=(), repr=False)

    def token(self, device: str, *, expires_at: datetime) -> str:
        """Return a token of a device."""
        body = _coded(msgspec.json.encode([device, int(expires_at.timestamp())]))
        return f"{TOKEN}.{body}.{_coded(_mac(self.key, f'{TOKEN}.{body}'))}"

    def device_of(self, token: str, *, now: datetime) -> tuple[str, datetime] | None:
        """Return whose token it is and when it expires; None if it is forged or has expired."""
        if len(token) > LONGEST:
            return None
        signed, _, mac = token.rpartition(".")
        mark, _, body = signed.partition(".")
        found = _decoded(mac)
        if mark != TOKEN or found is None:
            return None
        keys = (self.key, *self.older)
        if not any(hmac.compare_digest(_mac(key, signed), found) for key in keys):
            return None
        device, expires = msgspec.json.decode(_decoded(body) or b"", type=tuple[str, int])
        expires_at = datetime.fromtimestamp(expires, UTC)
        return (device, expires_at) if now < expires_at else None

    def chain(self, device: str, link: int) -> str:
        """Return the chain that a device's grant number `link` gives it."""
        return f"{link}.{_coded(_mac(self.key, f'chain {device} {link}')[:MAC_BYTES])}"

    def link_of(self, chain: str, device: str) -> int | None:
        """Return a chain's number; 0 for the empty one, None if the hub never gave it."""
        if not chain:
            return 0
        number, _, mac = chain.partition(".")
        if len(chain) > LONGEST or not (number.isascii() and number.isdigit()):
            return None
        found = _decoded(mac) or b""
        link = int(number)
        texts = (_mac(key, f"chain {device} {link}")[:MAC_BYTES] for key in (self.key, *self.older))
        return link if any(hmac.compare_digest(text, found) for text in texts) else None


def follows(shown: int, *, link: int, before: int) -> bool:
    """Tell whether a shown link may be answered with a new one; False: one identity, two machines.

    Args:
        shown: What the device shows.
        link: Of the last grant.
        before: What was shown for it: the device may have lost its answer, or the power before it
            was durable, and shows the same again. Not the grant in between: that one was lost.

    A link *newer* than the last grant was given by this hub and forgotten since: the hub's database
    is an older copy. That is not the store's doing.
    """
    return shown == before or shown >= link


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), sha256)


def _coded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes | None:
    try:
        return urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except (NotBase64, ValueError):
        return None

"""Proofs that somebody holds an Ed25519 key, checked."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY_BYTES = 32
LONGEST = 128  # characters of base64 that are looked at


def read_public_key(text: str) -> bytes | None:
    """Return the raw bytes of a public key in base64; None if it is none."""
    raw = _decoded(text)
    if raw is None or len(raw) != KEY_BYTES:
        return None
    try:
        Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        return None
    return raw


def is_signed(text: bytes, *, signature: str, public_key: bytes) -> bool:
    """Tell whether the key's owner signed `text`; `signature` in base64."""
    raw = _decoded(signature)
    if raw is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _decoded(text: str) -> bytes | None:
    if len(text) > LONGEST:
        return None
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        return None

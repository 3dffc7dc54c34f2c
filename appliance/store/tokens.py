"""Secrets handed out: long random tokens, short pairing codes, and the digests kept of both."""

from __future__ import annotations

import hashlib
import secrets

# Without 0 O, 1 I L, 2 Z, 5 S, 8 B and V (U): read off one screen and typed on another. 24 signs,
# eight of them: 10^11 codes, against a handful of tries a minute in the minutes one lives.
ALPHABET = "34679ACDEFGHJKMNPQRTUWXY"
CODE_CHARS = 8
TOKEN_BYTES = 32


def new_token() -> str:
    """Return 256 random bits as text that fits a header and a cookie."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_code() -> str:
    """Return a pairing code."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARS))


def typed_code(text: str) -> str:
    """Return a code as it was given out: capitals, without the spaces and dashes of a reader."""
    return "".join(sign for sign in text.upper() if not sign.isspace() and sign != "-")


def digest(secret: str) -> str:
    """Return the hex sha256: enough for what is random, which nobody can guess through."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

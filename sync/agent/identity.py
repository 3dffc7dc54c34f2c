"""What this machine is to the hub: a name, a store, a ring, and a key that never leaves it."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from appliance.codec import from_plain
from appliance.errors import BadInput
from sync.agent.errors import NotEnrolled
from sync.agent.folder import AgentFolder, write_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Identity:
    """`agent/identity.json`."""

    hub: str  # URL, without a slash at its end
    device: str
    store: str
    ring: str  # at enrolment; the hub may move the store
    enrolled_at: datetime  # the hub's time
    is_insecure: bool = False  # plain HTTP was allowed by hand


def read_identity(folder: AgentFolder) -> Identity:
    """Return what this machine is.

    Raises:
        NotEnrolled: It is nothing yet.
        BadInput: The file is damaged.
    """
    try:
        plain = json.loads(folder.identity.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise NotEnrolled(
            f"{folder.home} is not enrolled at any hub.",
            hint=f"With a code from headquarters: backroom agent enrol URL CODE"
            f" --home {folder.home}",
        ) from exc
    except (OSError, ValueError) as exc:
        raise BadInput(
            f"{folder.identity} cannot be read: {type(exc).__name__}.",
            hint="Enrol again with a new code: backroom agent leave, then enrol.",
        ) from exc
    return from_plain(plain, Identity)


def check_url(url: str, *, is_insecure: bool) -> str:
    """Return a hub's URL without its last slash.

    Raises:
        BadInput: It is no URL, or plain HTTP to another machine.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise BadInput(f"{url!r} is no hub's address.", hint="Like https://hub.example.com")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and not is_insecure:
        raise BadInput(
            f"{url} is plain HTTP: on the way everybody could read and change what passes.",
            hint="Use https://, or --insecure on a line that is encrypted below.",
        )
    return url.strip().rstrip("/")


def make_key(path: Path) -> DeviceKey:
    """Return the key at `path`, made and kept durably if there is none.

    Raises:
        BadInput: It cannot be written, or what is there is no key.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    if path.exists():
        return read_key(path)
    made = Ed25519PrivateKey.generate()
    pem = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_secret(path, pem.decode())
    return DeviceKey(made)


def read_key(path: Path) -> DeviceKey:
    """Return the device's key.

    Raises:
        BadInput: There is none, or others may read it.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    again = "Enrol again with a new code: backroom agent leave, then enrol."
    try:
        if path.stat().st_mode & 0o077:
            raise BadInput(f"{path} may be read by others.", hint=f"chmod 600 {path}")
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as exc:
        found = exc.strerror if isinstance(exc, OSError) else "it is no key"
        raise BadInput(f"{path} cannot be read: {found}.", hint=again) from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(f"{path} is no Ed25519 key.", hint=again)
    return DeviceKey(key)


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """Signs for this machine; only its public half is ever told."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> str:
        """The 32 raw bytes of the public half, in base64."""
        return b64encode(self.private.public_key().public_bytes_raw()).decode()

    def sign(self, text: bytes) -> str:
        """Return the signature of `text`, in base64."""
        return b64encode(self.private.sign(text)).decode()

"""The hub's secrets: its token key on disk, and what is told once and kept as a digest."""

from __future__ import annotations

import os
import secrets
from hashlib import sha256
from pathlib import Path

from appliance.errors import BadInput
from appliance.files import sync_folder
from sync.hub.tokens import Signer

KEY_BYTES = 32
MOST_KEYS = 4
# Crockford's alphabet: no I, L, O or U, so that a code read over the telephone arrives.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_CHARS = 20  # 100 bits
GROUP = 5
CONFUSED = str.maketrans("ILO", "110")


def make_token_key(path: Path) -> None:
    """Write a new key to a file that only its owner reads; one that is there stays.

    Raises:
        BadInput: It cannot be written.
    """
    if path.exists():
        return
    make_private_folder(path.parent)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as exc:
        raise BadInput(
            f"{path} cannot be written: {exc.strerror}.", hint=f"Check: ls -ld {path.parent}"
        ) from exc


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner enters.

    Raises:
        BadInput: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as exc:
        raise BadInput(
            f"{folder} cannot be made: {exc.strerror}.", hint=f"Check: ls -ld {folder.parent}"
        ) from exc


def read_signer(path: Path) -> Signer:
    """Return the signer of a key file: a key in hex a line, the first signs, all verify.

    Raises:
        BadInput: It is missing, others can read it, or it is no key.
    """
    try:
        mode = path.stat().st_mode & 0o777
        lines = path.read_text(encoding="ascii").split()
        found = [bytes.fromhex(line) for line in lines]
    except (OSError, ValueError) as exc:
        raise BadInput(
            f"{path} holds no key: {type(exc).__name__}.", hint="Make one: backroom hub init DIR"
        ) from exc
    if mode & 0o077:
        raise BadInput(
            f"{path} can be read by others on this machine (mode {mode:03o}).",
            hint=f"Run: chmod 600 {path}",
        )
    if not 1 <= len(found) <= MOST_KEYS or any(len(key) != KEY_BYTES for key in found):
        raise BadInput(
            f"{path} must hold 1 to {MOST_KEYS} keys of {KEY_BYTES} bytes in hex.",
            hint="Put it back from a copy: after a new key every store must enrol again.",
        )
    return Signer(found[0], tuple(found[1:]))


def new_code() -> str:
    """Return a one-time code, in groups: `7K2QM-…`."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARS))
    return "-".join(drawn[at : at + GROUP] for at in range(0, CODE_CHARS, GROUP))


def code_digest(code: str) -> str:
    """Return what is kept of a code; spaces, dashes, case and 0/O, 1/I/L do not count."""
    plain = "".join(char for char in code.upper() if char.isalnum()).translate(CONFUSED)
    return sha256(f"backroom code\n{plain}".encode("utf-8", "replace")).hexdigest()


def new_key() -> str:
    """Return a key for an operator's program."""
    return f"brk1_{secrets.token_urlsafe(KEY_BYTES)}"


def key_digest(key: str) -> str:
    """Return what is kept of an operator's key."""
    return sha256(key.encode("utf-8", "replace")).hexdigest()


def new_device() -> str:
    """Return a device's id."""
    return secrets.token_hex(12)

"""A private key in a file of its own: Ed25519, sealed with a passphrase, readable by one user."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from appliance.files import sync_folder
from sync.errors import BadKey

FORMAT = "backroom-key-1"
MODE = 0o600
# 64 MiB and a fifth of a second a guess: between what scrypt's author gives for a log-in (2**14)
# and for a file (2**20), for a hub opens three keys at its start. Source: RFC 7914 §2.
SCRYPT_N = 2**16
SCRYPT_R = 8
SCRYPT_P = 1
MOST_SCRYPT_N = 2**20  # of a file somebody else wrote: 1 GiB
LEAST_PASSPHRASE = 8  # characters
SALT_BYTES = 16
NONCE_BYTES = 12
MOST_FILE_BYTES = 8 * 1024


def seal_key(
    key: Ed25519PrivateKey,
    path: Path,
    passphrase: str,
    *,
    random: Callable[[int], bytes] = os.urandom,
    scrypt_n: int = SCRYPT_N,
) -> None:
    """Write a key, durably, to a file that must not be there yet; mode 0600 from its first byte.

    Raises:
        BadKey: The passphrase is too short, the file is there, or the folder refuses.
    """
    check_passphrase(passphrase)
    salt, nonce = random(SALT_BYTES), random(NONCE_BYTES)
    raw = key.private_bytes_raw()
    sealed = AESGCM(_derived(passphrase, salt, scrypt_n)).encrypt(nonce, raw, FORMAT.encode())
    text = json.dumps(
        {
            "format": FORMAT,
            "kdf": {"name": "scrypt", "n": scrypt_n, "r": SCRYPT_R, "p": SCRYPT_P},
            "salt": base64.b64encode(salt).decode(),
            "nonce": base64.b64encode(nonce).decode(),
            "sealed": base64.b64encode(sealed).decode(),
        },
        indent=1,
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as exc:
        raise BadKey(f"{path} cannot be written: {exc.strerror or exc}.") from exc


def open_key(path: Path, passphrase: str) -> Ed25519PrivateKey:
    """Return the key in a file.

    Raises:
        BadKey: No such file, others may read it, it is no key, or the passphrase is wrong.
    """
    plain = _read(path)
    try:
        kdf = plain["kdf"]
        n = int(kdf["n"])
        if kdf["name"] != "scrypt" or not 2 <= n <= MOST_SCRYPT_N:
            raise BadKey(f"{path}: expected scrypt with n up to {MOST_SCRYPT_N:,}, found {n:,}.")
        salt, nonce, sealed = (
            base64.b64decode(plain[name], validate=True) for name in ("salt", "nonce", "sealed")
        )
        raw = AESGCM(_derived(passphrase, salt, n)).decrypt(nonce, sealed, FORMAT.encode())
        return Ed25519PrivateKey.from_private_bytes(raw)
    except InvalidTag as exc:
        raise BadKey(
            f"{path} does not open: the passphrase is wrong, or the file was altered.",
            hint="Give it in BACKROOM_PASSPHRASE or by --passphrase-file.",
        ) from exc
    except (KeyError, TypeError, ValueError) as exc:
        raise BadKey(f"{path} is no key file of format {FORMAT}.") from exc


def check_passphrase(passphrase: str) -> None:
    """Check that a passphrase may seal a key.

    Raises:
        BadKey: It is too short.
    """
    if len(passphrase) < LEAST_PASSPHRASE:
        raise BadKey(
            f"A passphrase needs at least {LEAST_PASSPHRASE} characters, found {len(passphrase)}.",
            hint="Set BACKROOM_PASSPHRASE, or name a file by --passphrase-file.",
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise BadKey(
                f"{path} has mode {mode:04o}: others on this machine may read it.",
                hint=f"Run: chmod 600 {path}",
            )
        with path.open("rb") as file:
            plain = json.loads(file.read(MOST_FILE_BYTES))
    except FileNotFoundError as exc:
        raise BadKey(
            f"The key {path} is not here.",
            hint="Keys of root, targets, content and releases lie offline: bring the one needed.",
        ) from exc
    except OSError as exc:
        raise BadKey(f"{path} cannot be read: {exc.strerror or exc}.") from exc
    except (ValueError, RecursionError) as exc:
        raise BadKey(f"{path} is no key file of format {FORMAT}.") from exc
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise BadKey(f"{path} is no key file of format {FORMAT}.")
    return plain


def _derived(passphrase: str, salt: bytes, n: int) -> bytes:
    kdf = Scrypt(salt=salt, length=32, n=n, r=SCRYPT_R, p=SCRYPT_P)
    return kdf.derive(passphrase.encode())

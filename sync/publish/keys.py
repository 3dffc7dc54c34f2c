"""The keys a repository is signed with: files by default, a KMS or an HSM by another URI."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    CryptoSigner,
    Key,
    Signer,
    SSlibKey,
)

from appliance.files import replaced
from sync.errors import BadKey
from sync.publish.keyfile import SCRYPT_N, check_passphrase, open_key, seal_key
from sync.trust.roles import is_online_key, key_names

LIST = "keys.json"
FOLDER_MODE = 0o700
FILE_SCHEME = "file"
ONLINE = "online"  # these two folders are copied to different machines
OFFLINE = "offline"

Passphrase = Callable[[str], str]  # a key's name -> its passphrase


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key by name: where its private half lies, and its public half."""

    name: str  # of the role it serves: root-1 …, targets, content, releases, rings …
    uri: str  # file:PATH inside the key folder, or what securesystemslib knows: awskms:, hsm: …
    public: Key


class KeyFolder:
    """`keys.json` (public: names, URIs, public halves) and the key files beside it.

    A name can have several keys, the newest last: the older ones are kept for as long as a rotation
    has to be signed with both.
    """

    def __init__(self, folder: Path, passphrase: Passphrase) -> None:
        """Remember where keys lie; nothing is opened yet.

        Args:
            folder: Of `keys.json`.
            passphrase: Asked for a file key's passphrase, once a key.
        """
        self.folder = folder
        self._passphrase = passphrase
        self._signers: dict[str, Signer] = {}

    def make(
        self, names: Iterable[str] | None = None, *, scrypt_n: int = SCRYPT_N
    ) -> tuple[HeldKey, ...]:
        """Make a file key for each name and add it to the list; return the new ones.

        Args:
            names: Of keys; None: all that a repository needs.
            scrypt_n: Cost of a guess at the passphrase.

        Raises:
            BadKey: A passphrase is too short, or the folder cannot be written.
        """
        made = tuple(
            self._made(name, scrypt_n) for name in (key_names() if names is None else names)
        )
        self.add(made)
        return made

    def add(self, keys: Iterable[HeldKey]) -> None:
        """Put keys on the list: also how a KMS's or an HSM's key is taken in.

        Raises:
            BadInput: The list cannot be written.
        """
        held = {key.public.keyid: key for key in (*self.listed(), *keys)}
        listed = [
            {"name": k.name, "uri": k.uri, "keyid": k.public.keyid, "public": k.public.to_dict()}
            for k in held.values()
        ]
        with replaced(self.folder / LIST) as file:
            json.dump({"keys": listed}, file, indent=1)

    def listed(self) -> tuple[HeldKey, ...]:
        """Return all keys on the list, older before newer.

        Raises:
            BadKey: The list does not parse.
        """
        path = self.folder / LIST
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            return tuple(_held(one) for one in plain["keys"])
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
            raise BadKey(f"{path} is no list of keys: {exc}.") from exc

    def newest(self, name: str) -> HeldKey:
        """Return the key that serves a name now.

        Raises:
            BadKey: There is none.
        """
        found = [key for key in self.listed() if key.name == name]
        if not found:
            raise BadKey(
                f"{self.folder} lists no key {name}.", hint="Name the folder by --keys FOLDER."
            )
        return found[-1]

    def signer(self, keyid: str) -> Signer:
        """Return the signer of a key id; opened once.

        Raises:
            BadKey: The key is not on the list, not here, or does not open.
        """
        if keyid not in self._signers:
            held = next((key for key in self.listed() if key.public.keyid == keyid), None)
            if held is None:
                raise BadKey(f"{self.folder} lists no key with id {keyid[:12]}….")
            self._signers[keyid] = self._opened(held)
        return self._signers[keyid]

    def available(self, keyids: Iterable[str]) -> tuple[Signer, ...]:
        """Return the signers of those ids whose private half is here.

        A key file that is here and does not open is an error all the same: a wrong passphrase
        must not look like a key in a safe.

        Raises:
            BadKey: One that is here does not open.
        """
        here = {key.public.keyid for key in self.listed() if self.is_here(key)}
        return tuple(self.signer(keyid) for keyid in keyids if keyid in here)

    def is_here(self, key: HeldKey) -> bool:
        """Tell whether a key can be used from here; a KMS's or HSM's is taken to be."""
        scheme, _, rest = key.uri.partition(":")
        return scheme != FILE_SCHEME or (self.folder / rest).exists()

    def _made(self, name: str, scrypt_n: int) -> HeldKey:
        passphrase = self._passphrase(name)
        check_passphrase(passphrase)
        private = Ed25519PrivateKey.generate()
        signer = CryptoSigner(private)
        place = ONLINE if is_online_key(name) else OFFLINE
        folder = self.folder / place
        _make_private(self.folder, folder)
        path = folder / f"{name}.{signer.public_key.keyid[:8]}.key"
        seal_key(private, path, passphrase, scrypt_n=scrypt_n)
        self._signers[signer.public_key.keyid] = signer
        uri = f"{FILE_SCHEME}:{path.relative_to(self.folder).as_posix()}"
        return HeldKey(name, uri, signer.public_key)

    def _opened(self, held: HeldKey) -> Signer:
        scheme, _, rest = held.uri.partition(":")
        if scheme == FILE_SCHEME:
            private = open_key(self.folder / rest, self._passphrase(held.name))
            public = SSlibKey.from_crypto(private.public_key())
            if public.keyid != held.public.keyid:
                raise BadKey(f"{self.folder / rest} is not the key that {LIST} says it is.")
            return CryptoSigner(private, public)
        try:
            return Signer.from_priv_key_uri(held.uri, held.public, self._passphrase)
        except Exception as exc:  # a vendor's library raises what it likes
            schemes = ", ".join(sorted([FILE_SCHEME, *SIGNER_FOR_URI_SCHEME]))
            raise BadKey(
                f"The key {held.name} at {scheme}: does not open: {exc}.",
                hint=f"Schemes: {schemes}.",
            ) from exc


def _held(plain: dict[str, Any]) -> HeldKey:
    public = Key.from_dict(str(plain["keyid"]), dict(plain["public"]))
    return HeldKey(str(plain["name"]), str(plain["uri"]), public)


def _make_private(*folders: Path) -> None:
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(FOLDER_MODE)
    except OSError as exc:
        raise BadKey(f"{folders[-1]} cannot be made: {exc.strerror or exc}.") from exc


def given_key(name: str, uri: str, public: Path) -> HeldKey:
    """Return a KMS's or an HSM's key for a name, by its URI and its public half in PEM.

    Raises:
        BadKey: The file is no public key.
    """
    try:
        key = SSlibKey.from_crypto(load_pem_public_key(public.read_bytes()))
    except (OSError, ValueError, UnsupportedAlgorithm) as exc:
        raise BadKey(f"{public} is no public key in PEM: {exc}.") from exc
    return HeldKey(name, uri, key)

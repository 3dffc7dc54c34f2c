"""Key files, and the folder that holds them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner

from sync.errors import BadKey
from sync.publish.keyfile import open_key, seal_key
from sync.publish.keys import HeldKey, KeyFolder, given_key
from tests.builders.repositories import CHEAP, PASSPHRASE, key_folder


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    path = tmp_path / "one.key"
    seal_key(Ed25519PrivateKey.generate(), path, PASSPHRASE, scrypt_n=CHEAP)
    return path


def test_a_key_comes_back_as_it_was_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    path = tmp_path / "one.key"

    seal_key(key, path, PASSPHRASE, scrypt_n=CHEAP)

    assert open_key(path, PASSPHRASE).private_bytes_raw() == key.private_bytes_raw()
    assert path.stat().st_mode & 0o777 == 0o600
    assert key.private_bytes_raw().hex() not in path.read_text()


def test_a_wrong_passphrase_or_an_altered_file_opens_nothing(sealed: Path) -> None:
    with pytest.raises(BadKey, match="passphrase is wrong"):
        open_key(sealed, "another horse")
    plain = json.loads(sealed.read_text())
    plain["salt"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    sealed.write_text(json.dumps(plain))
    with pytest.raises(BadKey, match="passphrase is wrong"):
        open_key(sealed, PASSPHRASE)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b'{"format": "backroom-key-1"}', b"[" * 9_000]
)
def test_what_is_no_key_file_is_told(sealed: Path, content: bytes) -> None:
    sealed.write_bytes(content)

    with pytest.raises(BadKey, match="no key file"):
        open_key(sealed, PASSPHRASE)


def test_a_file_that_wants_all_memory_for_its_guess_is_refused(sealed: Path) -> None:
    plain = json.loads(sealed.read_text())
    plain["kdf"]["n"] = 2**30
    sealed.write_text(json.dumps(plain))

    with pytest.raises(BadKey, match="scrypt"):
        open_key(sealed, PASSPHRASE)


def test_a_key_others_may_read_is_refused(sealed: Path) -> None:
    sealed.chmod(0o640)

    with pytest.raises(BadKey, match="chmod 600"):
        open_key(sealed, PASSPHRASE)


def test_a_key_is_never_written_over_and_short_passphrases_seal_nothing(sealed: Path) -> None:
    with pytest.raises(BadKey, match="cannot be written"):
        seal_key(Ed25519PrivateKey.generate(), sealed, PASSPHRASE, scrypt_n=CHEAP)
    with pytest.raises(BadKey, match="at least 8"):
        seal_key(Ed25519PrivateKey.generate(), sealed.with_name("b"), "short", scrypt_n=CHEAP)


def test_keys_lie_apart_by_who_holds_them(tmp_path: Path) -> None:
    keys = key_folder(tmp_path / "keys")

    keys.make(scrypt_n=CHEAP)

    online = {p.name.split(".")[0] for p in (tmp_path / "keys/online").iterdir()}
    offline = {p.name.split(".")[0] for p in (tmp_path / "keys/offline").iterdir()}
    assert online == {"rings", "snapshot", "timestamp"}
    assert offline == {"root-1", "root-2", "root-3", "targets", "content", "releases"}
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0


def test_a_key_in_a_safe_is_passed_over_and_a_wrong_passphrase_is_not(tmp_path: Path) -> None:
    made = key_folder(tmp_path / "keys").make(["root-1", "root-2"], scrypt_n=CHEAP)
    ids = [key.public.keyid for key in made]
    (tmp_path / "keys" / made[0].uri.removeprefix("file:")).unlink()

    again = key_folder(tmp_path / "keys")
    assert [s.public_key.keyid for s in again.available(ids)] == ids[1:]
    with pytest.raises(BadKey, match="not here"):
        again.signer(ids[0])
    wrong = KeyFolder(tmp_path / "keys", lambda name: "another horse")
    with pytest.raises(BadKey, match="passphrase is wrong"):
        wrong.available(ids)


def test_a_key_file_in_anothers_place_is_refused(tmp_path: Path) -> None:
    one, two = key_folder(tmp_path / "keys").make(["root-1", "root-2"], scrypt_n=CHEAP)
    files = [tmp_path / "keys" / key.uri.removeprefix("file:") for key in (one, two)]
    files[0].write_bytes(files[1].read_bytes())

    with pytest.raises(BadKey, match="not the key"):
        key_folder(tmp_path / "keys").signer(one.public.keyid)


def test_a_list_that_does_not_parse_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")

    with pytest.raises(BadKey, match="no list of keys"):
        key_folder(tmp_path).listed()


class Vault(CryptoSigner):
    """A vendor's signer, as securesystemslib lets one be registered."""

    held: CryptoSigner

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: object, secrets_handler=None):  # type: ignore[no-untyped-def,override]
        if priv_key_uri.endswith("gone"):
            raise RuntimeError("no such slot")
        return cls.held


def test_a_key_of_an_hsm_signs_by_its_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = generate_private_key(SECP256R1())
    Vault.held = CryptoSigner(private)
    monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, "ourvault", Vault)
    pem = tmp_path / "public.pem"
    pem.write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    keys = key_folder(tmp_path / "keys")
    key = given_key("releases", "ourvault:slot-3", pem)
    keys.add([key])

    signature = keys.signer(key.public.keyid).sign(b"a release")

    key.public.verify_signature(signature, b"a release")
    gone = HeldKey("rings", "ourvault:gone", Vault.held.public_key)
    other = key_folder(tmp_path / "other")
    other.add([gone])
    with pytest.raises(BadKey, match="no such slot"):
        other.signer(gone.public.keyid)
    with pytest.raises(BadKey, match="PEM"):
        given_key("releases", "ourvault:x", tmp_path / "keys/keys.json")

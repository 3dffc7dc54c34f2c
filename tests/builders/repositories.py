"""Small releases and a real signed repository of them; only the sealing of keys is cheap."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from appliance.ports import Clock
from sync.publish.keys import KeyFolder
from sync.publish.repository import Repository

PASSPHRASE = "correct horse"
CHEAP = 2**4  # of scrypt

PARTS: Mapping[str, bytes] = {
    "specialist/base.gguf": b"GGUF" + bytes(range(256)) * 1024,
    "index.db": b"index " * 40_000,
    "rules/rules.cedar": b"permit (principal, action, resource);\n",
    "prompts.toml": b'[specialist]\ninstruction = "Answer."\n',
}


def release(
    folder: Path, release_id: str, counter: int, parts: Mapping[str, bytes] = PARTS
) -> Path:
    """Write a release whose parts are the bytes given; return its folder."""
    for name, content in parts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    manifest = {
        "id": release_id,
        "counter": counter,
        "created_at": "2026-11-22T00:00:00Z",
        "min_agent": "0.1.0",
        "disk_needed": sum(map(len, parts.values())),
        "parts": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in parts.items()
        },
        "compatibility": {"values": "slots"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return folder


def key_folder(folder: Path) -> KeyFolder:
    """Return a key folder that opens with PASSPHRASE; empty if new."""
    return KeyFolder(folder, lambda name: PASSPHRASE)


def repository(folder: Path, clock: Clock) -> Repository:
    """Return a new repository in `folder/repo`, its keys in `folder/keys`."""
    keys = key_folder(folder / "keys")
    keys.make(scrypt_n=CHEAP)
    made = Repository(folder / "repo", keys=keys, clock=clock)
    made.create()
    return made


def published(repo: Repository, folder: Path) -> str:
    """Sign and publish a release folder; return its id."""
    staged = repo.sign(folder)
    repo.publish()
    return staged.release


def copied(made: Repository, folder: Path, clock: Clock) -> Repository:
    """Return a repository that is a copy of one, with its keys: making one takes a second."""
    shutil.copytree(made.folder, folder / "repo")
    shutil.copytree(made.keys.folder, folder / "keys")
    return Repository(folder / "repo", keys=key_folder(folder / "keys"), clock=clock)

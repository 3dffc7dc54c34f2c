"""A release: one folder of parts that fit each other, checked against its manifest before use."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.codec import from_plain
from appliance.damage import found
from appliance.errors import BadInput, DamagedRelease

MANIFEST = "manifest.json"
HASH_CHUNK = 1 << 20
AGAIN = "Fetch the release again."


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a release."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a release says of itself (`manifest.json`)."""

    id: str
    counter: int
    created_at: datetime
    min_agent: str
    disk_needed: int  # bytes
    parts: Mapping[str, Part]  # path inside the folder -> digest and length
    compatibility: Mapping[str, Any]  # embedding_dim, tokenizer_sha256, index_schema, values
    thresholds: Mapping[str, float] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    probes: tuple[Mapping[str, Any], ...] = ()  # golden asks rehearsed on the machine


@dataclass(frozen=True, slots=True)
class Release:
    """An opened release; every part listed is there, whole."""

    folder: Path
    manifest: Manifest

    def path(self, part: str) -> Path:
        """Return the file of a part.

        Raises:
            DamagedRelease: The manifest lists no such part.
        """
        if part not in self.manifest.parts:
            raise DamagedRelease(
                f"Release {self.manifest.id} has no part {part}.",
                hint=f"Parts: {', '.join(sorted(self.manifest.parts))}.",
            )
        return self.folder / part


def open_release(folder: Path) -> Release:
    """Return the release in `folder` after checking every part's length and digest.

    Raises:
        DamagedRelease: The manifest or a part is missing, cut short or altered.
    """
    return Release(folder, check_parts(folder))


def check_parts(folder: Path, *, under: str = "") -> Manifest:
    """Check every part whose path starts with `under`; return the manifest they fit.

    Raises:
        DamagedRelease: The manifest or one of these parts is missing, cut short or altered.
    """
    manifest = read_manifest(folder)
    for name, part in manifest.parts.items():
        if name.startswith(under):
            check_part(folder / name, part, release=manifest.id)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Return a folder's manifest without touching its parts.

    Raises:
        DamagedRelease: It is missing or does not parse.
    """
    path = folder / MANIFEST
    try:
        return from_plain(json.loads(path.read_text(encoding="utf-8")), Manifest)
    except FileNotFoundError as exc:
        raise DamagedRelease(
            f"No release in {folder}: {MANIFEST} is missing.",
            hint="Point --release at a folder with a manifest.json.",
        ) from exc
    except BadInput as exc:
        raise DamagedRelease(
            f"{path} is not a release manifest. {exc.message}", hint=AGAIN
        ) from exc
    except (OSError, ValueError, RecursionError) as exc:
        raise DamagedRelease(
            f"{path} is not a release manifest: expected JSON, found {found(exc)}.",
            hint=AGAIN,
        ) from exc


def check_part(path: Path, part: Part, *, release: str) -> None:
    """Check one part's length, then its digest.

    Raises:
        DamagedRelease: Missing, of another length, or of another content.
    """
    hint = "The copy was cut short or altered. Fetch the release again."
    if not path.is_file():
        raise DamagedRelease(
            f"Release {release}: {path.name} is missing from {path.parent}.", hint=hint
        )
    found = path.stat().st_size
    if found != part.bytes:
        raise DamagedRelease(
            f"Release {release}: {path.name} is {found:,} bytes, the manifest says {part.bytes:,}.",
            hint=hint,
        )
    digest = file_sha256(path)
    if digest != part.sha256:
        raise DamagedRelease(
            f"Release {release}: {path.name} has sha256 {digest[:12]}…, the manifest says"
            f" {part.sha256[:12]}….",
            hint=hint,
        )


def file_sha256(path: Path) -> str:
    """Return the hex sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def load_instruction(path: Path, lane: str) -> str:
    """Return what `prompts.toml` tells the model of a lane.

    Raises:
        DamagedRelease: It does not parse, or tells that lane nothing.
    """
    prompt = load_toml(path).get(lane)
    instruction = prompt.get("instruction") if isinstance(prompt, dict) else None
    if not isinstance(instruction, str):
        raise DamagedRelease(
            f"{path.name}: expected a text 'instruction' in [{lane}], found none.", hint=AGAIN
        )
    return instruction


def load_text(path: Path) -> str:
    """Return a part that is text.

    Raises:
        DamagedRelease: It is missing or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise DamagedRelease(f"{path}: expected text, found {found(exc)}.", hint=AGAIN) from exc


def load_toml(path: Path) -> dict[str, Any]:
    """Return a TOML part.

    Raises:
        DamagedRelease: It is missing or does not parse.
    """
    try:
        return tomllib.loads(load_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise DamagedRelease(f"{path}: expected TOML, found {found(exc)}.", hint=AGAIN) from exc

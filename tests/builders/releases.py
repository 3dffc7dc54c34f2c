"""Copies of the demo release to be damaged: links to its parts, so that a copy costs nothing.

A part is damaged by putting a file in the link's place; the release itself is never written to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from appliance.config import DEMO_RELEASE
from appliance.release import MANIFEST

Damage = Callable[[bytes], bytes | None]  # None: the file is gone


def linked_release(folder: Path) -> Path:
    """Return a new folder that holds the demo release, each file a link to the true one."""
    for part in DEMO_RELEASE.rglob("*"):
        if part.is_file():
            link = folder / part.relative_to(DEMO_RELEASE)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(part)
    return folder


def damage(release: Path, part: str, how: Damage) -> None:
    """Put a damaged file in a part's place."""
    path = release / part
    content = how(path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)


def seal(release: Path, part: str) -> None:
    """Have the manifest say what the part now is, as whoever made the release would."""
    content = (release / part).read_bytes()
    manifest = json.loads((release / MANIFEST).read_text(encoding="utf-8"))
    digest = hashlib.sha256(content).hexdigest()
    manifest["parts"][part] = {"sha256": digest, "bytes": len(content)}
    (release / MANIFEST).unlink()
    (release / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def gone(content: bytes) -> None:
    """Leave no file."""


def cut(content: bytes) -> bytes:
    """Leave the first half, as a copy that was broken off."""
    return content[: len(content) // 2]


def text(content: bytes) -> bytes:
    """Leave a text of the same length: an error page saved under the part's name."""
    return (b"<html>404: Not Found</html>\n" * (len(content) // 28 + 1))[: len(content)]


def flipped(content: bytes) -> bytes:
    """Turn one bit in the middle around."""
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]

"""A release that follows another: the same parts but one answer card, as headquarters words it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.codec import to_plain
from appliance.errors import BadInput
from appliance.files import replaced
from appliance.release import MANIFEST, Manifest, Part, file_sha256, read_manifest

CARDS = "cards/cards.json"


def reword(
    release: Path,
    into: Path,
    *,
    named: str,
    card: str,
    text: str,
    asks: Sequence[str],
    at: datetime,
) -> Manifest:
    """Make the release after `release` in a new folder; return its manifest.

    The card's vectors are those of its asks, which stay: only its text changes. Other parts are
    hard links, which nobody writes into.

    Args:
        release: The one before.
        into: A folder that is not there yet.
        named: Id of the new release.
        card: Whose text changes.
        text: That is said from now on.
        asks: Golden questions the new text must answer.
        at: When it is made.

    Raises:
        BadInput: `release` has no such card, or `into` is there.
        DamagedRelease: `release` has no manifest.
    """
    before = read_manifest(release)
    if into.exists():
        raise BadInput(f"{into} is there already.", hint="Choose another folder.")
    shutil.copytree(release, into, copy_function=_link)
    table: dict[str, Any] = json.loads((release / CARDS).read_text(encoding="utf-8"))
    found = [one for one in table["cards"] if one["id"] == card]
    if not found:
        raise BadInput(f"Release {before.id} has no card {card}.")
    found[0]["text"] = text
    with replaced(into / CARDS) as file:
        file.write(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    part = Part(file_sha256(into / CARDS), (into / CARDS).stat().st_size)
    probes = tuple({"text": ask, "holds": [text.split(".")[-2].strip()]} for ask in asks)
    manifest = replace(
        before,
        id=named,
        counter=before.counter + 1,
        created_at=at,
        parts={**before.parts, CARDS: part},
        probes=(*before.probes, *probes),
    )
    with replaced(into / MANIFEST) as file:
        file.write(json.dumps(to_plain(manifest), indent=1, ensure_ascii=False) + "\n")
    return manifest


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)

"""Package a release: list every part with its digest and length, and say what fits what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.codec import to_plain
from appliance.errors import BadInput
from appliance.files import replaced
from appliance.release import MANIFEST, Manifest, Part, file_sha256

MIN_AGENT = "0.1.0"
LARGEST_DEMO_BYTES = 45_000_000
REQUIRED = (
    "specialist/specialist.gguf",
    "embedder/embedder.onnx",
    "embedder/tokenizer.json",
    "index.db",
    "ranker/ranker.json",
    "ranker/excerpts.json",
    "router/router.json",
    "router/router.npz",
    "cards/cards.json",
    "cards/vectors.npy",
    "known/asks.json",
    "known/vectors.npy",
    "lexicon.toml",
    "prompts.toml",
    "facts/facts.toml",
)


def package(
    folder: Path,
    *,
    release: str,
    counter: int,
    created_at: datetime | None = None,
    compatibility: Mapping[str, Any],
    thresholds: Mapping[str, float],
    evaluation: Mapping[str, Any],
    probes: Sequence[Mapping[str, Any]],
) -> Manifest:
    """Write `manifest.json` over the parts lying in `folder` and return it.

    Raises:
        BadInput: A required part is missing; nothing is written.
    """
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        raise BadInput(
            f"{folder} lacks {', '.join(missing)}.", hint="Run the step that makes it first."
        )
    parts = {
        str(path.relative_to(folder)): Part(file_sha256(path), path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST and not path.name.startswith(".")
    }
    manifest = Manifest(
        id=release,
        counter=counter,
        created_at=created_at or datetime.now(UTC).replace(microsecond=0),
        min_agent=MIN_AGENT,
        disk_needed=sum(p.bytes for p in parts.values()) * 2,
        parts=parts,
        compatibility=dict(compatibility),
        thresholds=dict(thresholds),
        evaluation=dict(evaluation),
        probes=tuple(dict(p) for p in probes),
    )
    with replaced(folder / MANIFEST) as file:
        file.write(json.dumps(to_plain(manifest), indent=1, ensure_ascii=False) + "\n")
    return manifest

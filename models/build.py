"""Where a release is built: its folders, and the parts that several steps read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from appliance.engines.onnx import OnnxEmbedder
from appliance.files import replaced
from appliance.store.index import SqliteIndex


@dataclass(frozen=True, slots=True)
class Build:
    """Where a build reads and writes."""

    release: Path
    work: Path
    on: date  # the day whose rules are in force
    corpus: Path  # handbook, asks, catalogue.csv, lexicon.toml, intents.toml
    asks: int = 700  # held-out asks replayed through every lane
    examples: int = 0  # of intents, in each split; 0: all
    earlier: Path | None = None  # the index that stores hold: what did not change stays in place

    @property
    def catalogue(self) -> Path:
        """The chain's products."""
        return self.corpus / "catalogue.csv"


def known_files(build: Build) -> tuple[Path, Path]:
    """Return the known asks' table and vectors."""
    return build.release / "known" / "asks.json", build.release / "known" / "vectors.npy"


def open_index(build: Build) -> SqliteIndex:
    """Open the release's index with its embedder and ranker."""
    return SqliteIndex(
        build.release / "index.db",
        embedder=open_embedder(build),
        ranker=_ranker(build.release / "ranker"),
    )


def _ranker(folder: Path) -> Path:
    """Return the ranker that the store would run: of an older release, its JSON."""
    made = folder / "ranker.onnx"
    return made if made.exists() else folder / "ranker.json"


def read_table(path: Path) -> dict[str, Any]:
    """Return a JSON table; empty when there is none."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def write_table(path: Path, table: Any) -> None:
    """Write a JSON table whole."""
    with replaced(path) as file:
        file.write(json.dumps(table, indent=1, sort_keys=True) + "\n")


def open_embedder(build: Build) -> OnnxEmbedder:
    """Open the release's embedder."""
    return OnnxEmbedder(build.release / "embedder")

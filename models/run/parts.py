"""What goes into a release as it lies in the recipe's folder of parts: whatever no step makes."""

from __future__ import annotations

from pathlib import Path

from appliance.release import MANIFEST
from models.recipe import Recipe

EMBEDDER = "embedder"
MADE = frozenset(
    {"index.db", "lexicon.toml", "ranker", "known", "cards", "router", EMBEDDER, "specialist",
     "store", "report", "DATA.md", MANIFEST}
)  # fmt: skip


def untrained(recipe: Recipe) -> dict[str, Path]:
    """Return the parts that no step makes, by name: prompts, rules, facts and others."""
    folder = recipe.path(recipe.release.parts)
    found = sorted(p for p in folder.glob("*") if not p.name.startswith("."))
    return {path.name: path for path in found if path.name not in MADE}

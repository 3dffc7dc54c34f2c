"""`run.json`: the whole story of a run, enough to make it again and to see that it came out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from appliance.errors import BadInput
from appliance.files import replaced
from models.recipe import Recipe
from models.run.folder import RunFolder, digest_of
from models.run.steps import STEPS

STORY = "run.json"


def write_story(own: RunFolder, recipe: Recipe, *, machine: Mapping[str, str]) -> None:
    """Write what a run was made from and what it made, as far as it got."""
    steps = {step.name: own.record(step.name) for step in STEPS}
    story = {
        "name": recipe.name,
        "seed": recipe.seed,
        "recipe": recipe.written,
        "recipe_sha256": digest_of(recipe.written),
        # As seen from here, so that a run and its recipe can move together.
        "recipe_folder": os.path.relpath(recipe.folder, own.path),
        "machine": dict(machine),
        "steps": {
            name: {**asdict(record), "digest": record.digest}
            for name, record in steps.items()
            if record is not None
        },
    }
    with replaced(own.path / STORY) as file:
        file.write(json.dumps(story, indent=1, ensure_ascii=False) + "\n")


def told_recipe(story: Path) -> tuple[str, Path]:
    """Return the text of a run's recipe and the folder its paths are seen from.

    Raises:
        BadInput: It is no run's story.
    """
    try:
        table = json.loads(story.read_text(encoding="utf-8"))
        return str(table["recipe"]), (story.parent / table["recipe_folder"]).resolve()
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BadInput(f"{story} is no run's story: {exc!r}.") from exc


def same_outcomes(first: Path, second: Path) -> dict[str, bool]:
    """Return, by step, whether two runs made the very same files."""
    one, other = (json.loads(p.read_text(encoding="utf-8"))["steps"] for p in (first, second))
    return {name: one[name]["digest"] == other[name]["digest"] for name in one if name in other}

"""What recorded outcomes leave behind: lanes in a trained router, a promise in a release."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from appliance.codec import to_plain
from appliance.engines.onnx import OnnxEmbedder
from appliance.errors import BadInput
from appliance.files import replaced
from appliance.logistic import Logistic
from appliance.promise import EVALUATION as PROMISE
from appliance.promise import THRESHOLD
from appliance.release import MANIFEST, check_parts
from appliance.stages.text import fold
from appliance.trained_router_file import load_trained, read_trained, write_table
from models.outcomes import row_of
from models.routing.outcome_file import Outcome


def judged(outcomes: Sequence[Outcome], router: Path, *, embedder: Path) -> list[Outcome]:
    """Return the outcomes with the features a trained router sees in their texts.

    Raises:
        BadInput: An outcome has no text.
        DamagedRelease: The router or the embedder cannot be used.
    """
    model = OnnxEmbedder(embedder)
    trained = load_trained(router, dim=model.dim, embedder=model.digest)
    mute = next((o for o in outcomes if not fold(o.text)), None)
    if mute is not None:
        raise BadInput(
            f"Outcome {mute.id!r} has no text; a trained router reads its features from it.",
            hint="Record the text, or leave --router out to use the recorded features.",
        )
    texts = [fold(o.text) for o in outcomes]
    vectors = model.embed(texts)
    return [
        replace(one, features=trained.judge(text, vector).features)
        for one, text, vector in zip(outcomes, texts, vectors, strict=True)
    ]


def place_lanes(router: Path, lanes: Mapping[str, Logistic]) -> None:
    """Write the lanes' odds into a trained router."""
    table = read_trained(router) | {"lanes": {n: row_of(m) for n, m in lanes.items()}}
    write_table(router, table)


def place_promise(release: Path, promise: Mapping[str, Any]) -> None:
    """Write a promise into a release's manifest: its threshold, and how it was proven.

    The release's parts stay as they are, so its digests hold; a signed release is signed anew.

    Args:
        release: The folder, whole.
        promise: As `promised.as_row` gives it.

    Raises:
        DamagedRelease: The release is not whole.
    """
    manifest = check_parts(release)
    threshold = promise["threshold"]
    kept = {k: v for k, v in manifest.thresholds.items() if k != THRESHOLD}
    made = replace(
        manifest,
        # Without a threshold nothing is promised: no figure then stands in for one.
        thresholds=kept if threshold is None else {**kept, THRESHOLD: threshold},
        evaluation={**manifest.evaluation, PROMISE: dict(promise)},
    )
    with replaced(release / MANIFEST) as file:
        file.write(json.dumps(to_plain(made), indent=1, ensure_ascii=False) + "\n")

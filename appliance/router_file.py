"""The learned parts that are plain weights, as files of a release: router, excerpts, drafts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.damage import BROKEN_ARRAYS, found
from appliance.errors import DamagedRelease
from appliance.logistic import Logistic
from appliance.stages.excerpt import FEATURES
from appliance.stages.intent import EXTRAS, OUT_OF_SCOPE, WORD_BUCKETS, IntentModel
from appliance.stages.route import RouterModel

HINT = "Fetch the release again."


@dataclass(frozen=True, slots=True)
class Draft:
    """How a lane's signals tell a right draft, and the least p at which it is accepted."""

    confidence: Logistic
    accept_at: float


def load_router(table: Path, weights: Path, *, dim: int) -> RouterModel:
    """Return the router written as `router.json` and `router.npz`.

    Raises:
        DamagedRelease: A file is missing or foreign, or the shapes do not fit each other or `dim`.
    """
    fields = _json(table)
    matrix, bias = _arrays(weights)
    try:
        intents = tuple(map(str, fields["intents"]))
        known = frozenset(map(str, fields["known_words"]))
        model = RouterModel(
            intent=IntentModel(intents, matrix, bias, known),
            scope=_logistic(fields["scope"], table),
            lanes={k: _logistic(v, table) for k, v in fields["lanes"].items()},
            out_of_scope_at=float(fields["out_of_scope_at"]),
            try_at={str(k): float(v) for k, v in fields["try_at"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise DamagedRelease(
            f"{table} is not a router: expected intents, known_words, scope, lanes,"
            f" out_of_scope_at and try_at, found {found(exc)}.",
            hint=HINT,
        ) from exc
    if OUT_OF_SCOPE not in intents or len(set(intents)) < 2:
        raise DamagedRelease(
            f"{table.name} needs the intent {OUT_OF_SCOPE!r} and one in scope.", hint=HINT
        )
    expected = (len(intents), dim + WORD_BUCKETS + len(EXTRAS))
    if matrix.shape != expected or bias.shape != expected[:1]:
        raise DamagedRelease(
            f"{weights.name} has weights of shape {matrix.shape} and a bias of {bias.shape};"
            f" {expected[0]} intents over {expected[1]} inputs need {expected} and {expected[:1]}.",
            hint="Router and embedder are of different releases. " + HINT,
        )
    return model


def _arrays(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weights and the bias in a router's `.npz`."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            lacking = [name for name in ("weights", "bias") if name not in arrays]
            if not lacking:
                matrix = np.asarray(arrays["weights"], dtype=np.float32)
                return matrix, np.asarray(arrays["bias"], dtype=np.float32)
        came_upon = f"no {lacking[0]!r}"
    except BROKEN_ARRAYS as exc:
        came_upon = found(exc, path=path)
    raise DamagedRelease(
        f"{path} is not a router: expected the arrays 'weights' and 'bias', found {came_upon}.",
        hint=HINT,
    )


def load_excerpts(path: Path) -> Logistic:
    """Return the excerpt ranker written as JSON.

    Raises:
        DamagedRelease: Missing, foreign, or with features this program does not compute.
    """
    ranker = _logistic(_json(path), path)
    unknown = set(ranker.weights) - set(FEATURES)
    if unknown:
        raise DamagedRelease(
            f"{path.name} weighs {min(unknown)!r}, which this program does not compute.",
            hint="The release needs a newer program.",
        )
    return ranker


def load_drafts(path: Path) -> dict[str, Draft]:
    """Return, per lane that needs a model, how its signals tell a right draft.

    Raises:
        DamagedRelease: Missing or foreign.
    """
    fields = _json(path)
    try:
        return {
            str(lane): Draft(_logistic(row, path), float(row["accept_at"]))
            for lane, row in fields["drafts"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise DamagedRelease(
            f"{path} has no drafts to judge: expected weights, bias and accept_at by lane, found"
            f" {found(exc)}.",
            hint=HINT,
        ) from exc


def _logistic(fields: Any, path: Path) -> Logistic:
    try:
        weights = {str(k): float(v) for k, v in fields["weights"].items()}
        return Logistic(weights, float(fields["bias"]))
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise DamagedRelease(
            f"{path} holds no logistic weights: expected numbers by name and a bias, found"
            f" {found(exc)}.",
            hint=HINT,
        ) from exc


def _json(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise DamagedRelease(
            f"{path} cannot be read as JSON: expected an object, found {found(exc)}.", hint=HINT
        ) from exc
    if not isinstance(fields, dict):
        raise DamagedRelease(
            f"{path} must hold an object; found a {type(fields).__name__}.", hint=HINT
        )
    return fields

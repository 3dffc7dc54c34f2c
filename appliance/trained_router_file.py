"""A router trained from examples, as a folder: `trained.json` and `trained.npz`.

Weights travel as float16, halving the file; the figures of a router are measured on them as read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.damage import BROKEN_ARRAYS, found
from appliance.errors import DamagedRelease
from appliance.files import replaced, replaced_file
from appliance.logistic import Logistic
from appliance.records import LaneName
from appliance.stages.grams import GRAM_BUCKETS
from appliance.stages.scope import VIEWS, Scale, TrainedRouter, Views

TABLE, WEIGHTS = "trained.json", "trained.npz"
KIND = "backroom-trained-router-1"
ARRAYS = ("joint", "inner", "outer", "near")
HINT = "Train it again: backroom models router train --help"


def load_trained(folder: Path, *, dim: int, embedder: str) -> TrainedRouter:
    """Return the router in a folder.

    Args:
        folder: Where `backroom models router train` left it.
        dim: Length of the embedder's vectors.
        embedder: The embedder's digest.

    Raises:
        DamagedRelease: A file is missing or foreign, or it was trained on another embedder.
    """
    table = read_trained(folder)
    if table.get("embedder") != embedder:
        raise DamagedRelease(
            f"{folder / TABLE} was trained on embedder {table.get('embedder')}; this release's is"
            f" {embedder}.",
            hint="A router fits one embedder. " + HINT,
        )
    views = _views(folder / WEIGHTS)
    try:
        model = TrainedRouter(
            intents=tuple(map(str, table["intents"])),
            views=views,
            scales=_scales(table["scales"]),
            in_scope_at=float(table["in_scope_at"]),
            right=_logistic(table["right"]),
            lanes={LaneName(k).value: _logistic(v) for k, v in table["lanes"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise DamagedRelease(
            f"{folder / TABLE} is not a trained router: expected intents, scales, in_scope_at,"
            f" right and lanes, found {found(exc)}.",
            hint=HINT,
        ) from exc
    _check_shapes(model, folder / WEIGHTS, dim=dim)
    return model


def read_trained(folder: Path) -> dict[str, Any]:
    """Return the table of a trained router's folder.

    Raises:
        DamagedRelease: There is none, or it is something else.
    """
    path = folder / TABLE
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise DamagedRelease(
            f"{path} cannot be read as a trained router: expected JSON, found {found(exc)}.",
            hint=HINT,
        ) from exc
    if not isinstance(table, dict) or table.get("kind") != KIND:
        raise DamagedRelease(
            f'{path} is not a trained router: its "kind" is not {KIND}.', hint=HINT
        )
    return table


def write_trained(folder: Path, table: Mapping[str, Any], views: Views) -> None:
    """Write a trained router; the weights first, so that a table always has its weights."""
    arrays: dict[str, NDArray[Any]] = {"rarity": views.rarity.astype(np.float16)}
    for name in ARRAYS:
        weights, bias = getattr(views, name)
        arrays |= {name: weights.astype(np.float16), f"{name}_bias": bias.astype(np.float32)}
    with replaced_file(folder / WEIGHTS) as beside, beside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    write_table(folder, table)


def write_table(folder: Path, table: Mapping[str, Any]) -> None:
    """Write a trained router's table alone, whole."""
    with replaced(folder / TABLE) as file:
        file.write(json.dumps({**table, "kind": KIND}, indent=1, sort_keys=True) + "\n")


def as_served(views: Views) -> Views:
    """Return the weights as they will be read back: rounded to float16."""

    def rounded(pair: tuple[Any, Any]) -> tuple[Any, Any]:
        return pair[0].astype(np.float16).astype(np.float32), pair[1].astype(np.float32)

    return Views(
        joint=rounded(views.joint),
        inner=rounded(views.inner),
        outer=rounded(views.outer),
        near=rounded(views.near),
        rarity=views.rarity.astype(np.float16).astype(np.float32),
    )


def _views(path: Path) -> Views:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            pairs = {
                name: (_array(arrays, name), _array(arrays, f"{name}_bias")) for name in ARRAYS
            }
            return Views(**pairs, rarity=_array(arrays, "rarity"))
    except BROKEN_ARRAYS as exc:
        raise DamagedRelease(
            f"{path} is not a trained router's weights: expected {', '.join(ARRAYS)} and rarity,"
            f" found {found(exc, path=None if isinstance(exc, KeyError | OSError) else path)}.",
            hint=HINT,
        ) from exc


def _array(arrays: Any, name: str) -> NDArray[np.float32]:
    return np.asarray(arrays[name], dtype=np.float32)


def _scales(fields: Mapping[str, Any]) -> tuple[Scale, Scale, Scale]:
    joint, deep, near = (
        Scale(float(row["middle"]), float(row["spread"]), float(row["weight"]))
        for row in (fields[view] for view in VIEWS)
    )
    if min(joint.spread, deep.spread, near.spread) <= 0:
        raise ValueError("a spread that is not positive")
    return joint, deep, near


def _logistic(fields: Mapping[str, Any]) -> Logistic:
    weights = {str(k): float(v) for k, v in fields["weights"].items()}
    return Logistic(weights, float(fields["bias"]))


def _check_shapes(model: TrainedRouter, path: Path, *, dim: int) -> None:
    names, hidden, views = len(model.intents), len(model.views.inner[1]), model.views
    wide = dim + GRAM_BUCKETS
    expected = {
        "joint": (names, wide),
        "inner": (hidden, wide),
        "outer": (names, hidden),
        "near": (names, dim),
    }
    for name, shape in expected.items():
        weights, bias = getattr(views, name)
        if weights.shape != shape or bias.shape != shape[:1]:
            raise DamagedRelease(
                f"{path.name} has {name} of shape {weights.shape}; {names} intents over vectors of"
                f" {dim} need {shape}.",
                hint=HINT,
            )
    if names < 2 or views.rarity.shape != (GRAM_BUCKETS,):
        raise DamagedRelease(
            f"{path.name} fits {names} intents and {views.rarity.shape} grams; expected two intents"
            f" or more and ({GRAM_BUCKETS},).",
            hint=HINT,
        )

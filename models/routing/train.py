"""Train a router from labelled examples alone: fit, choose the threshold, measure, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.engines.onnx import OnnxEmbedder
from appliance.logistic import Logistic
from appliance.stages.intent import OUT_OF_SCOPE
from appliance.stages.scope import VIEWS, Floats, Scale, TrainedRouter, Views, scope_features
from appliance.trained_router_file import as_served, load_trained, write_trained
from models.build import write_table
from models.outcomes import fit, row_of
from models.routing.curves import confusion, ece, reliability, risk_coverage
from models.routing.embedded import embedded
from models.routing.examples_file import Examples, Labelled, read_training, read_validation
from models.routing.scope_fit import Rows, fit_views, view_logits, view_odds
from models.routing.threshold import TURNED_AWAY, Chosen, HeldOut, choose, measured, trade

FOLDS = 4
MOST_FOLDED = 4000  # examples; of more, one part in FOLDS is held out once
TIMED = 200  # questions the router is timed on
REPORT = "report.json"
Logits = tuple[Floats, Floats, Floats]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training reads and writes."""

    examples: Path
    out: Path
    embedder: Path
    cache: Path
    validation: Path | None = None
    test: Path | None = None  # measured, never chosen on
    turned_away: float = TURNED_AWAY
    seed: int = 2026


@dataclass(frozen=True, slots=True)
class Part:
    """Examples with their rows; `truth` is the place of the intent, -1 out of scope."""

    labelled: Sequence[Labelled]
    rows: Rows
    truth: NDArray[np.int64]

    def where(self, kept: NDArray[Any]) -> Part:
        """Return these of it."""
        places = np.flatnonzero(kept)
        return Part(
            [self.labelled[int(i)] for i in places], self.rows.take(places), self.truth[places]
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """Views, and what turns their logits into an intent, a score and a probability."""

    views: Views
    scales: tuple[Scale, Scale, Scale]
    chosen: Chosen
    right: Logistic


def train(plan: Plan, *, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Train, measure and write a router; return its report.

    Raises:
        BadInput: The examples cannot be used.
    """
    examples = read_training(plan.examples)
    names = examples.intents
    others = {
        name: read_validation(path, intents=names)
        for name, path in (("validation", plan.validation), ("test", plan.test))
        if path is not None
    }
    embedder = OnnxEmbedder(plan.embedder)
    ours = _part(examples, names, embedder=embedder, cache=plan.cache, say=say)
    parts = {
        name: _part(found, names, embedder=embedder, cache=plan.cache, say=say)
        for name, found in others.items()
    }
    fitted = _fitted(ours, parts.get("validation"), names=names, plan=plan, say=say)
    report = _report(examples, fitted, parts, names=names, plan=plan)
    _write(plan, fitted, names=names, embedder=embedder.digest, figures=report["figures"])
    router = load_trained(plan.out, dim=embedder.dim, embedder=embedder.digest)
    report["figures"]["ms_after_embedding"] = _timed(router, ours)
    write_table(plan.out / REPORT, report)
    return report


def _part(
    found: Examples,
    names: Sequence[str],
    *,
    embedder: OnnxEmbedder,
    cache: Path,
    say: Callable[[str], None],
) -> Part:
    texts = [row.text for row in found.rows]
    rows = Rows.of(texts, embedded(texts, embedder=embedder, cache=cache, say=say))
    at = {name: place for place, name in enumerate(names)} | {OUT_OF_SCOPE: -1}
    return Part(found.rows, rows, np.array([at[row.label] for row in found.rows], dtype=np.int64))


def _fitted(
    examples: Part,
    validation: Part | None,
    *,
    names: Sequence[str],
    plan: Plan,
    say: Callable[[str], None],
) -> Fitted:
    """Fit on the examples in scope; choose on the validation, or else on folds held out."""
    ours = examples.where(examples.truth >= 0)
    foreign = [p.where(p.truth < 0).rows for p in (examples, validation) if p is not None]
    if validation is None:
        say(f"no validation file: held-out folds of the {len(ours.truth):,} examples choose")
        logits, truth = _unseen(ours, intents=len(names), seed=plan.seed)
    say(f"fitting {len(names)} intents on {len(ours.truth):,} examples")
    views = as_served(fit_views(ours.rows, ours.truth, intents=len(names), seed=plan.seed))
    if validation is not None:
        kept = validation.where(validation.truth >= 0)
        logits, truth = view_logits(views, kept.rows), kept.truth
    scales = _scales(logits)
    outside = [_scores(view_logits(views, rows), scales) for rows in foreign if len(rows.vectors)]
    held_out = HeldOut(
        _scores(logits, scales),
        view_odds(logits).argmax(axis=1) == truth,
        np.concatenate(outside) if outside else np.zeros(0),
    )
    chosen = choose(held_out, turned_away=plan.turned_away)
    features = _features(logits, scales, names)
    return Fitted(views, scales, chosen, fit(features, [bool(r) for r in held_out.right]))


def _unseen(part: Part, *, intents: int, seed: int) -> tuple[Logits, NDArray[np.int64]]:
    """Return the logits of examples by views that were not fitted on them, and their truth."""
    fold = _folds(part.truth, seed=seed)
    tried = range(FOLDS if len(part.truth) <= MOST_FOLDED else 1)
    found, truth = [], []
    for n in tried:
        rest, held = part.where(fold != n), part.where(fold == n)
        if not len(held.truth):
            continue
        views = fit_views(rest.rows, rest.truth, intents=intents, seed=seed)
        found.append(view_logits(as_served(views), held.rows))
        truth.append(held.truth)
    joint, deep, near = (np.concatenate(view) for view in zip(*found, strict=True))
    return (joint, deep, near), np.concatenate(truth)


def _folds(truth: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    """Return each example's fold, of every intent about as many in each.

    Neighbours, as drawn, are in different folds, so that none holds all of an intent's examples.
    """
    chance = np.random.default_rng(seed)
    fold = np.zeros(len(truth), dtype=np.int64)
    for name in np.unique(truth):
        places = chance.permutation(np.flatnonzero(truth == name))
        fold[places] = (np.arange(len(places)) + int(name)) % FOLDS
    return fold


def _scales(logits: Logits) -> tuple[Scale, Scale, Scale]:
    """Return how each view counts: standardised on questions in scope, all alike."""
    tops = [view.max(axis=1) for view in logits]
    joint, deep, near = (
        Scale(float(top.mean()), max(float(top.std()), 1e-6), 1.0 / len(VIEWS)) for top in tops
    )
    return joint, deep, near


def _scores(logits: Logits, scales: Sequence[Scale]) -> NDArray[np.float64]:
    parts = [
        (view.max(axis=1).astype(np.float64) - s.middle) / s.spread * s.weight
        for view, s in zip(logits, scales, strict=True)
    ]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def _features(
    logits: Logits, scales: Sequence[Scale], names: Sequence[str]
) -> list[dict[str, float]]:
    """Return what tells whether an intent is right: as routing computes it, but for its name."""
    odds, scores = view_odds(logits), _scores(logits, scales)
    table = []
    for row, score in zip(odds, scores, strict=True):
        second, best = np.sort(row)[-2:]
        found = scope_features(
            names[int(row.argmax())], p=float(best), second=float(second), score=float(score)
        )
        table.append({name: v for name, v in found.items() if not name.startswith("intent:")})
    return table


def _report(
    examples: Examples,
    fitted: Fitted,
    parts: dict[str, Part],
    *,
    names: Sequence[str],
    plan: Plan,
) -> dict[str, Any]:
    """Return figures and drawings, per file that was measured."""
    figures: dict[str, Any] = {
        "intents": len(names),
        "examples": len(examples.ours),
        "repeats": examples.repeats,
        "out_of_scope_examples": len(examples.foreign),
        "in_scope_at": round(fitted.chosen.at, 4),
        "chosen_by": fitted.chosen.rule,
        "seed": plan.seed,
    }
    drawings: dict[str, Any] = {}
    for name, part in parts.items():
        figures[name], drawings[name] = _measured(part, fitted, names)
    return {"figures": figures, "drawings": drawings}


def _measured(part: Part, fitted: Fitted, names: Sequence[str]) -> tuple[dict[str, Any], Any]:
    ours, foreign = part.where(part.truth >= 0), part.where(part.truth < 0)
    logits = view_logits(fitted.views, ours.rows)
    said = view_odds(logits).argmax(axis=1)
    right = said == ours.truth
    outside = np.zeros(0)
    if len(foreign.truth):
        outside = _scores(view_logits(fitted.views, foreign.rows), fitted.scales)
    held_out = HeldOut(_scores(logits, fitted.scales), right, outside)
    p = [fitted.right.p(row) for row in _features(logits, fitted.scales, names)]
    found = measured(held_out, at=fitted.chosen.at) | {"ece": round(ece(p, right), 4)}
    accepted = held_out.ours >= fitted.chosen.at
    told = [names[i] if ok else OUT_OF_SCOPE for i, ok in zip(said, accepted, strict=True)]
    drawn = {
        "reliability": reliability(p, right),
        "risk_coverage": risk_coverage(p, right),
        "scope_trade": trade(held_out),
        "confusion": confusion([names[i] for i in ours.truth], told),
    }
    return found, drawn


def _write(
    plan: Plan, fitted: Fitted, *, names: Sequence[str], embedder: str, figures: dict[str, Any]
) -> None:
    table = {
        "embedder": embedder,
        "intents": list(names),
        "in_scope_at": fitted.chosen.at,
        "right": row_of(fitted.right),
        "lanes": {},
        "scales": {
            view: {"middle": s.middle, "spread": s.spread, "weight": s.weight}
            for view, s in zip(VIEWS, fitted.scales, strict=True)
        },
        "figures": figures,
    }
    write_trained(plan.out, table, fitted.views)


def _timed(router: TrainedRouter, part: Part) -> float:
    """Return the median milliseconds of judging a question whose embedding is at hand."""
    seconds = []
    for row, vector in list(zip(part.labelled, part.rows.vectors, strict=True))[:TIMED]:
        begun = time.perf_counter()
        router.judge(row.text, vector)
        seconds.append(time.perf_counter() - begun)
    return round(float(np.median(seconds)) * 1000, 3)

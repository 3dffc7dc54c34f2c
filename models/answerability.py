"""Train and measure the answerability model: which sentence answers an ask, and whether any does.

Two parts that are fitted one after the other. A linear score over each sentence's features: more
than that learns how the training asks differ from new ones (a hidden layer of 32, or projected
vectors, lost 2 to 17 points of held-out hit@1). And over the whole field a head of one small hidden
layer, which tells an ask that nothing found answers; for those the answering document is left out
of the search. Two numbers are then set on asks of their own: how sharply the score tells sentences
apart, and the head's odds. Other asks still are what is reported. None of them may be one that the
embedder was tuned on: those lie nearer to their answers than any new ask does, and a model taught
by them finds 7 in 100 fewer.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.stages.excerpt import FEATURES
from models.excerpts import Candidates, calibration_error
from models.small_onnx import Nodes, Weights, graph, quantized, save

HIDDEN = 16
SEED = 7
PENALTY, MOST_STEPS = 10.0, 2_000
UNANSWERED = 0.25  # share of asks that nothing answers, as calibration and its error assume
SHARPNESS = np.geomspace(0.25, 4.0, 25)  # tried
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Model:
    """The trained weights; `p` is what the graph computes, in numpy."""

    mean: Floats  # (features,)
    scale: Floats
    score: Floats
    sharpness: float
    hidden: Floats  # (pooled, HIDDEN)
    hidden_bias: Floats
    out: Floats  # (HIDDEN, 1)
    out_bias: float

    def p(self, features: Floats) -> Floats:
        """Return each sentence's probability, (n,)."""
        share, field = pooled((features - self.mean) / self.scale, self.score, self.sharpness)
        inner = np.maximum(field @ self.hidden + self.hidden_bias, 0.0)
        logit = float((inner @ self.out)[0]) + self.out_bias
        answered = 1.0 / (1.0 + np.exp(-logit))
        found: Floats = (share * answered).astype(np.float32)
        return found


def pooled(scaled: Floats, score: Floats, sharpness: float) -> tuple[Floats, Floats]:
    """Return each sentence's share of the field, (n,), and what the head sees of it.

    That is: the features of the sentence that the score expects, the highest of each feature, the
    highest score, and how far the shares stand apart.
    """
    scores = scaled @ score
    odds = np.exp(sharpness * (scores - scores.max()))
    share = odds / odds.sum()
    more = np.array([scores.max(), (share * share).sum()])
    field = np.concatenate([share @ scaled, scaled.max(axis=0), more])
    return share.astype(np.float32), field.astype(np.float32)


def train(found: Sequence[Candidates], nothing: Sequence[Candidates], *, seed: int = SEED) -> Model:
    """Return a model fitted to asks that are answered, and to the same without their document."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415

    features = np.concatenate([c.features for c in found]).astype(np.float64)
    labels = np.concatenate([c.labels for c in found])
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale < 1e-6] = 1.0
    fitted = LogisticRegression(max_iter=2_000).fit((features - mean) / scale, labels)
    score = fitted.coef_[0].astype(np.float32)
    known = [*found, *nothing]
    fields = np.stack([pooled((c.features - mean) / scale, score, 1.0)[1] for c in known])
    # Early stopping on a tenth of some hundred asks is a lottery (AUROC .91 to .95 by the seed);
    # to the end with a strong penalty it is .959 with any.
    head = MLPClassifier(
        (HIDDEN,), alpha=PENALTY, solver="lbfgs", max_iter=MOST_STEPS, random_state=seed
    )
    with warnings.catch_warnings():  # what is still to be gained after so many steps is nothing
        warnings.simplefilter("ignore", ConvergenceWarning)
        head.fit(fields, [bool(c.labels.any()) for c in known])
    return Model(
        mean.astype(np.float32),
        scale.astype(np.float32),
        score,
        1.0,
        head.coefs_[0].astype(np.float32),
        head.intercepts_[0].astype(np.float32),
        head.coefs_[1].astype(np.float32),
        float(head.intercepts_[1][0]),
    )


def calibrate(model: Model, found: Sequence[Candidates], nothing: Sequence[Candidates]) -> Model:
    """Return the model with its sharpness and its head's odds fitted to asks it did not learn."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    answered = [c for c in found if c.labels.any()]
    sharpness = max(SHARPNESS, key=lambda by: _likelihood(model, answered, float(by)))
    known = [*found, *nothing]
    flat = replace(model, sharpness=1.0)
    odds = np.array([float(flat.p(c.features).sum()) for c in known]).clip(1e-6, 1 - 1e-6)
    logits = np.log(odds / (1 - odds))[:, None]
    fitted = LogisticRegression().fit(
        logits, [bool(c.labels.any()) for c in known], sample_weight=weights_of(found, nothing)
    )
    by, more = float(fitted.coef_[0][0]), float(fitted.intercept_[0])
    return replace(
        model, sharpness=float(sharpness), out=model.out * by, out_bias=model.out_bias * by + more
    )


def weights_of(found: Sequence[Candidates], nothing: Sequence[Candidates]) -> NDArray[np.float64]:
    """Return a weight per ask, those without an answer UNANSWERED of the whole."""
    each = UNANSWERED / (1 - UNANSWERED) * len(found) / max(1, len(nothing))
    return np.concatenate([np.ones(len(found)), np.full(len(nothing), each)])


def _likelihood(model: Model, answered: Sequence[Candidates], sharpness: float) -> float:
    total = 0.0
    for c in answered:
        scaled = (c.features - model.mean) / model.scale
        total += np.log(max(1e-9, pooled(scaled, model.score, sharpness)[0][c.labels].sum()))
    return total


def report(
    odds: Sequence[Floats],
    found: Sequence[Candidates],
    nothing: Sequence[Candidates],
    *,
    told: Sequence[float],
) -> dict[str, Any]:
    """Return how well probabilities find the sentence, and tell that nothing answers.

    Args:
        odds: Of each ask's sentences: those of `found` first, then those of `nothing`.
        found: Asks searched as they are; a few of them find no answer either.
        nothing: Asks without the document that answers them.
        told: How sure each ask's sentences are, together, that something answers.
    """
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    known = [*found, *nothing]
    right = np.array([bool(c.labels[p.argmax()]) for p, c in zip(odds, known, strict=True)])
    two = [bool(c.labels[np.argsort(-p)[:2]].any()) for p, c in zip(odds, found, strict=False)]
    first = [p.max() for p in odds]
    passages = [_passage(p, c) for p, c in zip(odds, found, strict=False)]
    answered = [c.labels.any() for c in known]
    n = len(found)
    weights = weights_of(found, nothing)
    return {
        "asks": n,
        "hit@1": round(float(right[:n].mean()), 4),
        "hit@2": round(float(np.mean(two)), 4),
        "passage@1": round(float(np.mean(passages)), 4),
        "answered_auroc": round(float(roc_auc_score(answered, told)), 4),
        "ece": round(calibration_error(first[:n], right[:n].tolist()), 4),
        "ece_mixed": round(calibration_error(first, right.tolist(), weights), 4),
    }


def _passage(p: Floats, found: Candidates) -> bool:
    """Tell whether the passage of the likeliest sentence holds one that answers."""
    first = found.passages[int(p.argmax())]
    return any(y and of == first for y, of in zip(found.labels, found.passages, strict=True))


def write(model: Model, path: Path, *, figures: dict[str, Any]) -> None:
    """Write the model as an int8 graph from `features` (n, FEATURES) to `p` (n,).

    Raises:
        BadInput: The `models` extra is not installed.
    """
    save(quantized(_graph(model)), path, features=FEATURES, figures=figures)


def _graph(model: Model) -> Any:
    weights: Weights = {
        "mean": model.mean,
        "scale": model.scale,
        "score": model.score[:, None],
        "sharpness": np.array([model.sharpness], np.float32),
        "hidden": model.hidden,
        "hidden_bias": model.hidden_bias,
        "out": model.out,
        "out_bias": np.array([model.out_bias], np.float32),
        "columns": np.array([1], np.int64),
        "rows": np.array([0], np.int64),
    }
    nodes: Nodes = (
        ("Sub", ("features", "mean"), ("centred",), {}),
        ("Div", ("centred", "scale"), ("scaled",), {}),
        ("MatMul", ("scaled", "score"), ("scores",), {}),
        ("Mul", ("scores", "sharpness"), ("sharp",), {}),
        ("Softmax", ("sharp",), ("share",), {"axis": 0}),
        ("Mul", ("share", "scaled"), ("shared",), {}),
        ("ReduceSum", ("shared", "rows"), ("expected",), {"keepdims": 1}),
        ("ReduceMax", ("scaled",), ("highest",), {"axes": [0], "keepdims": 1}),
        ("ReduceMax", ("scores",), ("best",), {"axes": [0], "keepdims": 1}),
        ("ReduceSumSquare", ("share",), ("apart",), {"axes": [0], "keepdims": 1}),
        ("Concat", ("expected", "highest", "best", "apart"), ("field",), {"axis": 1}),
        ("MatMul", ("field", "hidden"), ("inner",), {}),
        ("Add", ("inner", "hidden_bias"), ("biased",), {}),
        ("Relu", ("biased",), ("lit",), {}),
        ("MatMul", ("lit", "out"), ("outer",), {}),
        ("Add", ("outer", "out_bias"), ("logit",), {}),
        ("Sigmoid", ("logit",), ("answered",), {}),
        ("Mul", ("share", "answered"), ("odds",), {}),
        ("Squeeze", ("odds", "columns"), ("p",), {}),
    )
    return graph("answerability", nodes, weights, inputs={"features": ("n", len(FEATURES))})

"""What a question is about, and whether it is the store's at all: learned from labelled examples.

Three views of a question judge it: a softmax over its embedding and grams, a small network over
the same, and the distance of the embedding to each intent's middle under their common spread. The
first two say the intent, all three say how near it is to anything known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.logistic import Logistic
from appliance.ports import Vector
from appliance.records import LaneName, LaneOdds
from appliance.stages.grams import gram_row
from appliance.stages.intent import OUT_OF_SCOPE
from appliance.stages.text import words

VECTOR_SCALE = 10.0  # of the unit embedding and of the unit grams as a head reads them
GRAM_SCALE = 6.0
VIEWS = ("joint", "deep", "near")
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a question was taken for.

    Attributes:
        intent: The likeliest intent in scope.
        p: Its share among the intents, in [0, 1].
        score: How near the question is to what is known; 0 is usual for one in scope.
        is_ours: Whether the score reaches the threshold.
        features: What the lanes' odds are computed from.
    """

    intent: str
    p: float
    score: float
    is_ours: bool
    features: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Views:
    """Weights of the three views, float32.

    Attributes:
        joint: (intents, dim + GRAM_BUCKETS) and (intents,).
        inner: (hidden, dim + GRAM_BUCKETS) and (hidden,): the network's first layer, then ReLU.
        outer: (intents, hidden) and (intents,): its second.
        near: (intents, dim) and (intents,): Mahalanobis distance to the middles, as a line.
        rarity: (GRAM_BUCKETS,) weight of each bucket of grams.
    """

    joint: tuple[Floats, Floats]
    inner: tuple[Floats, Floats]
    outer: tuple[Floats, Floats]
    near: tuple[Floats, Floats]
    rarity: Floats

    def logits(self, text: str, vector: Vector) -> tuple[Floats, Floats, Floats]:
        """Return what each view says of each intent, by `VIEWS`."""
        row = wide_row(vector, gram_row(text, rarity=self.rarity))
        joint = self.joint[0] @ row + self.joint[1]
        hidden = np.maximum(self.inner[0] @ row + self.inner[1], 0.0)
        deep = self.outer[0] @ hidden + self.outer[1]
        return joint, deep, self.near[0] @ vector + self.near[1]


@dataclass(frozen=True, slots=True)
class Scale:
    """How a view's largest logit counts towards the score: (logit - middle) / spread * weight."""

    middle: float
    spread: float
    weight: float


@dataclass(frozen=True, slots=True)
class TrainedRouter:
    """A router as `backroom models router train` leaves it.

    Attributes:
        intents: In scope, in the order of the weights' rows.
        views: The weights.
        scales: Per view, how it counts towards the score.
        in_scope_at: Score under which a question is not the store's.
        right: Features -> p that the intent is right, for one in scope.
        lanes: Per lane, features -> p that its answer is right; empty until outcomes are recorded.
    """

    intents: tuple[str, ...]
    views: Views
    scales: tuple[Scale, Scale, Scale]
    in_scope_at: float
    right: Logistic
    lanes: Mapping[str, Logistic]

    def judge(self, text: str, vector: Vector) -> Judged:
        """Return what a question is about.

        Args:
            text: Folded.
            vector: Its embedding, (dim,), unit.
        """
        views = self.views.logits(text, vector)
        odds = shared_odds(views[0][None, :], views[1][None, :])[0]
        score = sum(
            (float(view.max()) - s.middle) / s.spread * s.weight
            for view, s in zip(views, self.scales, strict=True)
        )
        best, second = np.argsort(-odds)[:2]
        intent = self.intents[int(best)]
        features = scope_features(
            intent, p=float(odds[best]), second=float(odds[second]), score=score
        )
        # Signs without a word ask nothing, whatever their embedding lies near to.
        is_ours = bool(words(text)) and score >= self.in_scope_at
        return Judged(intent, float(odds[best]), score, is_ours, features)

    def ladder(self, judged: Judged) -> tuple[tuple[LaneOdds, ...], tuple[str, ...]]:
        """Return the lanes to climb, likeliest first, the hand-over last; and why."""
        handoff = LaneOdds(LaneName.HANDOFF, 1.0)
        near = f"score {judged.score:.2f}, in scope from {self.in_scope_at:.2f}"
        taken = f"{judged.intent} {judged.p:.2f}"
        if not judged.is_ours:
            return (handoff,), (f"out of scope: {near}", f"nearest is {taken}")
        if not self.lanes:
            p = self.right.p(judged.features)
            why = "no outcomes recorded: the specialist's p is that the intent is right"
            return (LaneOdds(LaneName.SPECIALIST, p), handoff), (taken, near, why)
        odds = [LaneOdds(LaneName(n), m.p(judged.features)) for n, m in self.lanes.items()]
        odds.sort(key=lambda o: -o.p)
        said = tuple(f"{o.lane.value} {o.p:.2f}" for o in odds)
        return (*odds, handoff), (taken, near, *said)


def named(judged: Judged) -> str:
    """Return the intent, or that the question is not the store's."""
    return judged.intent if judged.is_ours else OUT_OF_SCOPE


def wide_row(vector: Floats, grams: Floats) -> Floats:
    """Return embedding and grams side by side, scaled, along the last axis."""
    return np.concatenate([vector * VECTOR_SCALE, grams * GRAM_SCALE], axis=-1)


def shared_odds(joint: Floats, deep: Floats) -> Floats:
    """Return the normalised geometric mean of two softmaxes, (n, intents)."""
    both = (_log_softmax(joint) + _log_softmax(deep)) / 2.0
    odds = np.exp(both - both.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float32)


def scope_features(intent: str, *, p: float, second: float, score: float) -> dict[str, float]:
    """Return what a trained router tells lanes from."""
    return {"p": p, "margin": p - second, "score": score, f"intent:{intent}": 1.0}


def _log_softmax(logits: Floats) -> Floats:
    top = logits.max(axis=1, keepdims=True)
    return np.asarray(logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True)))

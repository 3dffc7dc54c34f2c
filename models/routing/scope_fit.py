"""Fit the three views of a trained router to labelled rows (see `appliance/stages/scope.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.stages.grams import gram_counts
from appliance.stages.scope import Floats, Views, shared_odds, wide_row

SHRINKAGE = 0.1  # of the common spread towards a round one: 384 directions, often few examples
BLOCK = 2048  # rows multiplied at once


@dataclass(frozen=True, slots=True)
class Rate:
    """How the two heads are learned; chosen on the validation part of CLINC150."""

    hidden: int = 384
    weight_decay: float = 0.01
    linear_peak: float = 2e-3
    deep_peak: float = 3e-3
    input_dropout: float = 0.3
    hidden_dropout: float = 0.5
    batch: int = 256
    few_batch: int = 64  # under `few` examples: more steps a pass
    few: int = 4000
    passes: int = 10
    few_passes: int = 30


@dataclass(frozen=True, slots=True)
class Rows:
    """Questions as the views read them.

    Attributes:
        vectors: (n, dim) unit embeddings.
        counts: (n, GRAM_BUCKETS) signed gram counts.
    """

    vectors: Floats
    counts: Floats

    @classmethod
    def of(cls, texts: Sequence[str], vectors: Floats) -> Rows:
        """Return the rows of folded texts."""
        counts = [gram_counts(text) for text in texts]
        empty = np.zeros((0, 0), dtype=np.float32)
        return cls(np.asarray(vectors, dtype=np.float32), np.stack(counts) if counts else empty)

    def take(self, places: NDArray[Any]) -> Rows:
        """Return these rows."""
        return Rows(self.vectors[places], self.counts[places])

    def wide(self, rarity: Floats) -> Floats:
        """Return embedding and grams side by side, (n, dim + GRAM_BUCKETS)."""
        grams = self.counts * rarity
        grams /= np.maximum(np.linalg.norm(grams, axis=1, keepdims=True), 1e-9)
        return wide_row(self.vectors, grams)


def fit_views(rows: Rows, truth: NDArray[np.int64], *, intents: int, seed: int) -> Views:
    """Return the three views' weights.

    Args:
        rows: Of the training examples.
        truth: (n,) the place of each row's intent.
        intents: How many there are.
        seed: Of initialisation, order and dropout.
    """
    rarity = _rarity(rows.counts)
    wide, rate = rows.wide(rarity), Rate()
    (joint,) = _trained(wide, truth, sizes=(wide.shape[1], intents), rate=rate, seed=seed)
    sizes = (wide.shape[1], rate.hidden, intents)
    inner, outer = _trained(wide, truth, sizes=sizes, rate=rate, seed=seed + 1)
    near = _middles(rows.vectors, truth, intents=intents)
    return Views(joint=joint, inner=inner, outer=outer, near=near, rarity=rarity)


def view_logits(views: Views, rows: Rows) -> tuple[Floats, Floats, Floats]:
    """Return what each view says of many rows, each (n, intents)."""
    joint, deep = [], []
    for at in range(0, len(rows.vectors), BLOCK):
        wide = rows.take(np.arange(at, min(at + BLOCK, len(rows.vectors)))).wide(views.rarity)
        joint.append(wide @ views.joint[0].T + views.joint[1])
        hidden = np.maximum(wide @ views.inner[0].T + views.inner[1], 0.0)
        deep.append(hidden @ views.outer[0].T + views.outer[1])
    near = rows.vectors @ views.near[0].T + views.near[1]
    if not joint:
        return near, near, near
    return np.concatenate(joint), np.concatenate(deep), near


def view_odds(logits: tuple[Floats, Floats, Floats]) -> Floats:
    """Return the odds of the intents, (n, intents)."""
    return shared_odds(logits[0], logits[1])


def _rarity(counts: Floats) -> Floats:
    """Return the log of how seldom each bucket is filled, (GRAM_BUCKETS,); never under 0."""
    filled = (counts != 0).sum(axis=0)
    return np.asarray(np.maximum(np.log(len(counts) / (filled + 1.0)), 0.0), dtype=np.float32)


def _middles(vectors: Floats, truth: NDArray[np.int64], *, intents: int) -> tuple[Floats, Floats]:
    """Return, as lines, the Mahalanobis distances to the intents' middles (linear discriminant)."""
    middles = np.stack([vectors[truth == n].mean(axis=0) for n in range(intents)])
    apart = vectors - middles[truth]
    spread = apart.T @ apart / len(vectors)
    dim = len(spread)
    round_one = np.eye(dim) * max(float(np.trace(spread)) / dim, 1e-6)
    inverse = np.linalg.inv((1 - SHRINKAGE) * spread + SHRINKAGE * round_one)
    weights = middles @ inverse
    bias = -0.5 * (weights * middles).sum(axis=1)
    return weights.astype(np.float32), bias.astype(np.float32)


def _trained(
    wide: Floats, truth: NDArray[np.int64], *, sizes: Sequence[int], rate: Rate, seed: int
) -> list[tuple[Floats, Floats]]:
    """Return the layers of a softmax, linear or with one hidden layer, learned by AdamW."""
    import torch  # noqa: PLC0415

    torch.manual_seed(seed)
    net = _net(sizes, rate)
    is_few = len(wide) < rate.few
    batch, passes = (rate.few_batch, rate.few_passes) if is_few else (rate.batch, rate.passes)
    peak = rate.linear_peak if len(sizes) == 2 else rate.deep_peak
    steps = passes * -(-len(wide) // batch)
    learner = torch.optim.AdamW(net.parameters(), lr=peak, weight_decay=rate.weight_decay)
    pace = torch.optim.lr_scheduler.OneCycleLR(learner, peak, total_steps=steps)
    data, wanted = torch.from_numpy(wide), torch.from_numpy(truth)
    net.train()
    for _ in range(passes):
        order = torch.randperm(len(wide))
        for at in range(0, len(wide), batch):
            drawn = order[at : at + batch]
            loss = torch.nn.functional.cross_entropy(net(data[drawn]), wanted[drawn])
            learner.zero_grad()
            loss.backward()
            learner.step()
            pace.step()
    layers = [part for part in net if isinstance(part, torch.nn.Linear)]
    return [(a.weight.detach().numpy(), a.bias.detach().numpy()) for a in layers]


def _net(sizes: Sequence[int], rate: Rate) -> Any:
    import torch  # noqa: PLC0415

    if len(sizes) == 2:
        return torch.nn.Sequential(torch.nn.Linear(*sizes))
    return torch.nn.Sequential(
        torch.nn.Dropout(rate.input_dropout),
        torch.nn.Linear(sizes[0], sizes[1]),
        torch.nn.ReLU(),
        torch.nn.Dropout(rate.hidden_dropout),
        torch.nn.Linear(sizes[1], sizes[2]),
    )

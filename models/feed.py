"""Groups to batches: one reading of the sources, a branch for every ask."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from appliance.lanes.prompt import Answer, Layout, Vocabulary
from models.asks import Group, reaches
from models.batch import Batch, sight

POOL = 8  # batches gathered before sorting by length, so that little is padding


@dataclass(frozen=True, slots=True)
class Weights:
    """What a token of each kind counts; the choice of the source is 1."""

    copy: float = 0.15  # a token of the cited sentence
    ask: float = 0.04  # a token of the question, told from the sources
    copied: int = 2  # answered asks of a group whose whole answer is said
    second: float = 0.3  # what follows a citation: its words, where no second source is needed


@dataclass(frozen=True, slots=True)
class Row:
    """One group as tokens, with the lengths of its trunk and branches."""

    tokens: list[int]
    targets: list[int]
    weights: list[float]
    scored: list[bool]
    trunk: int
    lengths: list[int]


def lay_out(rng: random.Random, vocabulary: Vocabulary, group: Group, weights: Weights) -> Row:
    """Return a group's tokens; slots start anywhere, so that all slot names are learned alike."""
    layout = Layout(vocabulary, group.sources, first_slot=rng.randrange(32))
    trunk = list(layout.context)
    row = Row(trunk, [-1] * len(trunk), [0.0] * len(trunk), [False] * len(trunk), len(trunk), [])
    asks = [(a, at) for a, at in group.asks if reaches(at, len(layout.sources))]
    left = weights.copied
    for ask, at in asks:
        asked, answer = list(layout.ask(ask)), list(layout.answer(at))
        whole = left > 0 or not isinstance(at, int)
        left -= isinstance(at, int)
        said = answer[:-1] if whole else answer[: at is not None]
        branch = asked + said
        row.tokens.extend(branch)
        row.targets.extend([*asked[1:], *answer][: len(branch)])
        row.weights.extend([weights.ask] * (len(asked) - 1) + [1.0] + _after(at, said, weights))
        row.scored.extend([False] * (len(asked) - 1) + [True])
        row.scored.extend(isinstance(at, tuple) and place == 0 for place in range(len(said)))
        row.lengths.append(len(branch))
    return row


def _after(at: Answer, said: Sequence[int], weights: Weights) -> list[float]:
    """Return the weights of what follows the first citation."""
    if isinstance(at, tuple):
        return [1.0, 0.5]
    first = 0.0 if at is None else max(weights.second, weights.copy)
    return [first or weights.copy] * len(said[:1]) + [weights.copy] * len(said[1:])


def batches(
    make: Callable[[random.Random], Group],
    vocabulary: Vocabulary,
    *,
    rng: random.Random,
    tokens: int,
    weights: Weights,
) -> Iterator[Batch]:
    """Yield batches of about `tokens` tokens, rows of like length together."""
    while True:
        rows, total = [], 0
        while total < POOL * tokens:
            rows.append(lay_out(rng, vocabulary, make(rng), weights))
            total += len(rows[-1].tokens)
        rows.sort(key=lambda r: len(r.tokens))
        cut: list[list[Row]] = [[]]
        for row in rows:
            if cut[-1] and (len(cut[-1]) + 1) * len(row.tokens) > tokens * 1.15:
                cut.append([])
            cut[-1].append(row)
        rng.shuffle(cut)
        yield from map(_stack, cut)


def _stack(rows: Sequence[Row]) -> Batch:
    # numpy, not torch: thousands of small torch calls wait on its threads.
    time = max(len(r.tokens) for r in rows)
    size = (len(rows), time)
    tokens, positions = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    targets, owners = np.full(size, -1), np.full(size, -1)
    weights, scored = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=bool)
    for i, row in enumerate(rows):
        n = len(row.tokens)
        tokens[i, :n], targets[i, :n], weights[i, :n] = row.tokens, row.targets, row.weights
        scored[i, :n] = row.scored
        at = row.trunk
        owners[i, :at], positions[i, :at] = 0, np.arange(at)
        for branch, length in enumerate(row.lengths, start=1):
            owners[i, at : at + length] = branch
            positions[i, at : at + length] = row.trunk + np.arange(length)
            at += length
    targets[weights == 0] = -1
    return Batch(
        torch.from_numpy(tokens),
        torch.from_numpy(targets),
        torch.from_numpy(weights),
        torch.from_numpy(positions),
        sight(owners),
        torch.from_numpy(scored),
    )

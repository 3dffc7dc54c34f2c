"""A batch of training sequences, and the warm-up that needs no text.

Measured: without copying first, a small model answers with a
slot chosen by chance, and its loss does not show it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Sequences and what is asked of them; `targets` is −1 where nothing is."""

    tokens: Tensor  # (batch, time) int64
    targets: Tensor  # (batch, time) int64: the token to say at each place
    weights: Tensor  # (batch, time) float32
    positions: Tensor | None = None  # (batch, time) int64; None: 0, 1, 2 …
    mask: Tensor | None = None  # (batch, 1, time, time) bool; None: causal
    scored: Tensor | None = None  # (batch, time) bool: places that count as answers; None: all


def copies(rng: random.Random, *, vocabulary: int, size: int = 64) -> Iterator[Batch]:
    """Yield random sequences of 6–24 tokens said twice; the second saying is supervised."""
    draw = torch.Generator().manual_seed(rng.getrandbits(63))
    while True:
        length = rng.randint(6, 24)
        half = torch.randint(vocabulary, (size, length), generator=draw)
        tokens = torch.cat([half, half], dim=1)
        targets = torch.full_like(tokens, -1)
        targets[:, length:-1] = half[:, 1:]
        yield Batch(tokens, targets, (targets >= 0).float())


def sight(owners: IntArray) -> Tensor:
    """Return the mask (batch, 1, time, time) of trunks (owner 0) and their branches (1, 2 …).

    Each branch sees the trunk and itself and stands right after the trunk, so several asks over
    the same sources train at the price of one reading of them, each exactly as it is served.
    Padding (owner −1) sees itself alone: a query that sees nothing would give not-a-number.

    Args:
        owners: (batch, time).
    """
    time = owners.shape[1]
    seen = (owners[:, :, None] == owners[:, None, :]) | (owners[:, None, :] == 0)
    seen &= np.tri(time, dtype=bool)[None]
    return torch.from_numpy(seen[:, None])

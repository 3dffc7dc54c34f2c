"""Where tokens start: those that ask for the same things point the same way.

Positive pointwise mutual information between tokens of asks and tokens of the sentences that answer
them, by singular value decomposition (latent semantic analysis). Only training asks are counted.
Source: Levy and Goldberg, "Neural word embedding as implicit matrix factorization", 2014.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Rows = NDArray[np.float64]


def meanings(
    pairs: Iterable[tuple[Sequence[int], Sequence[int]]],
    *,
    vocabulary: int,
    size: int,
    share: float,
    seed: int,
) -> Tensor:
    """Return (vocabulary, size) unit rows: `share` of each from use, the rest its own.

    Args:
        pairs: Tokens of an ask and of its sentence with title.
        vocabulary: Number of tokens.
        size: Length of a row.
        share: 0: all tokens unlike each other; 1: use alone.
        seed: Of the rows' own part.
    """
    counts = np.full((vocabulary, vocabulary), 1e-6, dtype=np.float64)
    for ask, said in pairs:
        both = np.unique(np.concatenate([ask, said]).astype(int))
        counts[np.ix_(both, both)] += 1.0 / len(both)
    total = counts.sum()
    rows = counts.sum(1, keepdims=True)
    smooth = counts.sum(0, keepdims=True) ** 0.75
    smooth *= total / smooth.sum()
    pmi = np.maximum(np.log(counts * total / (rows * smooth)) - 0.5, 0)
    draw = np.random.default_rng(seed)
    # Randomised range finder: exact decomposition of 2,048² is seconds of two cores for nothing.
    sketch = pmi @ (pmi.T @ draw.standard_normal((vocabulary, size + 32)))
    basis = np.linalg.qr(sketch)[0]
    u, s, _ = np.linalg.svd(basis.T @ pmi, full_matrices=False)
    use = (basis @ u)[:, :size] * np.sqrt(s[:size])
    use = use @ np.linalg.qr(draw.standard_normal((size, size)))[0]  # each head sees some of all
    own = draw.standard_normal((vocabulary, size))
    mixed = share**0.5 * _unit(use) + (1 - share) ** 0.5 * _unit(own)
    return torch.from_numpy(_unit(mixed)).float()


def _unit(rows: Rows) -> Rows:
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Rows = rows / np.maximum(norm, 1e-9)
    return unit

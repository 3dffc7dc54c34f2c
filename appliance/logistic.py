"""Logistic regression as a release carries it: weights by feature name, and a bias."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

FARTHEST = 30.0  # beyond e^±30 a probability is 0 or 1 in double precision


@dataclass(frozen=True, slots=True)
class Logistic:
    """p = 1 / (1 + e^-(bias + Σ weight × feature)); what is not weighed counts nothing."""

    weights: Mapping[str, float]
    bias: float

    def p(self, features: Mapping[str, float]) -> float:
        """Return the probability in (0, 1)."""
        score = 0.0
        for name, weight in self.weights.items():
            score += weight * features.get(name, 0.0)
        return 1.0 / (1.0 + math.exp(-max(-FARTHEST, min(FARTHEST, self.bias + score))))

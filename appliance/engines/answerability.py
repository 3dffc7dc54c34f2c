"""Which sentence answers an ask, and whether any does: a small int8 ONNX graph.

It sees the features of `stages.excerpt`; it is trained by `models/answerability.py` on rows that
the same code made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.engines.small_onnx import AGAIN, SmallGraph
from appliance.errors import DamagedRelease


class OnnxAnswerability:
    """`ports.Answerability` over `ranker/answerability.onnx`; safe from many threads."""

    def __init__(self, path: Path, *, features: Sequence[str]) -> None:
        """Open the graph and run it once.

        Args:
            path: The file.
            features: What the caller computes of a sentence, in its order.

        Raises:
            DamagedRelease: The file is missing, cut short, foreign, or for another program.
        """
        self._graph = SmallGraph(path, known=features, inputs={"features"})
        self.figures = self._graph.figures
        found = self(np.zeros((2, len(features)), np.float32))
        if found.shape != (2,) or not np.isfinite(found).all():
            raise DamagedRelease(
                f"{path.name} gives an array of shape {found.shape} for 2 sentences; (2,) was"
                " expected.",
                hint=AGAIN,
            )

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return each sentence's probability, (n,); what they lack of 1 is that none answers."""
        found: NDArray[np.float32] = self._graph.run(features=self._graph.taken(features))
        return found

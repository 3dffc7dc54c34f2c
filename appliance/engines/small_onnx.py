"""Small ONNX graphs of a release: opened, and asked what they were made for.

A graph names its features, so that one made for a newer program is refused instead of misread.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from appliance.engines.onnx import ORT_ERRORS, open_session, reason
from appliance.errors import DamagedRelease

SCHEMA = "1"
AGAIN = "Fetch the release again."


class SmallGraph:
    """An opened graph with what it says of itself.

    Attributes:
        path: Its file.
        figures: What was measured when it was made.
    """

    def __init__(self, path: Path, *, known: Sequence[str], inputs: set[str]) -> None:
        """Open a graph.

        Args:
            path: The file.
            known: The features that this program computes, in its order.
            inputs: The inputs that the graph must take, no more and no less.

        Raises:
            DamagedRelease: It is missing, cut short, foreign, or made for another program.
        """
        if not path.is_file():
            raise DamagedRelease(f"No {path.name} in {path.parent}.", hint=AGAIN)
        self.path = path
        self._session = open_session(path, threads=1, hint=AGAIN)
        told = _told(self._session, path)
        unknown = [name for name in told["features"] if name not in known]
        if told["schema"] != SCHEMA or unknown:
            lacking = f" it takes {unknown[0]!r}," if unknown else ""
            raise DamagedRelease(
                f"{path.name} is of schema {told['schema']!r};{lacking} this program knows schema"
                f" {SCHEMA!r} with {len(known)} features.",
                hint="The release needs a newer program.",
            )
        found = {i.name for i in self._session.get_inputs()}
        if found != inputs:
            raise DamagedRelease(
                f"{path.name} takes {sorted(found)}; {sorted(inputs)} were expected.", hint=AGAIN
            )
        self._columns = [list(known).index(name) for name in told["features"]]
        self._takes_all = self._columns == list(range(len(known)))
        self.figures: dict[str, Any] = told["figures"]

    def taken(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return, of the program's features (n, known), those that the graph takes."""
        return features if self._takes_all else features[:, self._columns]

    def run(self, **inputs: Any) -> Any:
        """Return the first output.

        Raises:
            DamagedRelease: The graph does not run on these inputs.
        """
        try:
            return self._session.run(None, inputs)[0]
        except ORT_ERRORS as error:
            raise DamagedRelease(
                f"{self.path.name} loads, but onnxruntime does not run it: {reason(error)}",
                hint=AGAIN,
            ) from error


def _told(session: onnxruntime.InferenceSession, path: Path) -> dict[str, Any]:
    found = session.get_modelmeta().custom_metadata_map
    try:
        told = {name: json.loads(found[name]) for name in ("schema", "features", "figures")}
        told["features"] = [str(name) for name in told["features"]]
        told["figures"] = dict(told["figures"])
    except (KeyError, ValueError, TypeError) as error:
        raise DamagedRelease(
            f"{path.name} does not say what it was made for: expected schema, features and figures,"
            f" found {', '.join(sorted(found)) or 'nothing'}.",
            hint=AGAIN,
        ) from error
    return told

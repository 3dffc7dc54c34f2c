"""`backroom stage route --router DIR`: a trained router over a file of questions, on its own.

Only the embedder of a release is opened: no store, no index, no policy. What it cannot know (who
asks, which product is meant) a store's own `route` stage does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.codec import to_plain
from appliance.engines.onnx import MAX_CHARACTERS, OnnxEmbedder
from appliance.errors import BadInput
from appliance.ports import Embedder
from appliance.release import check_parts
from appliance.stage_runner import run_lines
from appliance.stages.scope import TrainedRouter, named
from appliance.stages.text import fold
from appliance.trained_router_file import load_trained

EMBEDDER = "embedder"


@dataclass(frozen=True, slots=True)
class RouteAlone:
    """The fields of a line -> what a trained router says of it."""

    router: TrainedRouter
    embedder: Embedder

    def __call__(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return intent, scope, lanes and reasons.

        Raises:
            BadInput: The text is empty or too long to be a question.
        """
        text = fold(fields["text"])
        if not text or len(text) > MAX_CHARACTERS:
            raise BadInput(
                f'"text" has {len(text):,} characters; expected 1 to {MAX_CHARACTERS:,}.'
            )
        judged = self.router.judge(text, self.embedder.embed([text])[0])
        lanes, reasons = self.router.ladder(judged)
        return {
            "intent": named(judged),
            "in_scope": judged.is_ours,
            "score": round(judged.score, 4),
            "lanes": to_plain(lanes),
            "reasons": list(reasons),
        }


def route_alone(folder: Path, *, release: Path, source: Path, target: Path) -> tuple[int, int]:
    """Route every line of `source` with the router in `folder`; return (records, errors).

    Args:
        folder: Of `backroom models router train`.
        release: Whose embedder the router was trained on.
        source: JSONL with "id" and "text".
        target: JSONL.

    Raises:
        BadInput: `source` cannot be read.
        DamagedRelease: The router or the embedder cannot be used, or do not fit each other.
    """
    check_parts(release, under=EMBEDDER)
    model = OnnxEmbedder(release / EMBEDDER)
    router = load_trained(folder, dim=model.dim, embedder=model.digest)
    return run_lines(RouteAlone(router, model), source=source, target=target)

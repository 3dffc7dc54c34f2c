"""What searches and ranks, opened from a release's files.

Releases of before 2026-11-23 have the search ranker as JSON alone and no answerability model: they
open all the same, and their sentences are ranked by the logistic weights.
"""

from __future__ import annotations

from appliance.engines.answerability import OnnxAnswerability
from appliance.ports import Embedder
from appliance.release import Release
from appliance.router_file import load_excerpts
from appliance.stages.excerpt import FEATURES, RankExcerpts
from appliance.store.index import SqliteIndex

ANSWERABILITY = "ranker/answerability.onnx"
RANKER, OLD_RANKER = "ranker/ranker.onnx", "ranker/ranker.json"


def open_index(release: Release, embedder: Embedder) -> SqliteIndex:
    """Return the release's index with its ranker.

    Raises:
        DamagedRelease: A part is missing or foreign.
    """
    ranker = release.path(RANKER if RANKER in release.manifest.parts else OLD_RANKER)
    return SqliteIndex(release.path("index.db"), embedder=embedder, ranker=ranker)


def open_excerpts(release: Release, index: SqliteIndex) -> RankExcerpts:
    """Return what ranks the sentences of the index's passages.

    Raises:
        DamagedRelease: A part is missing or foreign.
    """
    judge = None
    if ANSWERABILITY in release.manifest.parts:
        judge = OnnxAnswerability(release.path(ANSWERABILITY), features=FEATURES)
    return RankExcerpts(load_excerpts(release.path("ranker/excerpts.json")), index.idf, judge)

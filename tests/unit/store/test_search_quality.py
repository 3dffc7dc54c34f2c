"""Search on public data: both joined must beat words alone and vectors alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.engines.onnx import OnnxEmbedder
from appliance.index_build.build import build_index
from appliance.store.index import SqliteIndex
from appliance.store.ranker import Ranker
from models.ranker import measure, read_manual_qa

ROOT = Path(__file__).parents[3]
RELEASE = ROOT / "appliance" / "demo" / "release"
DATA = ROOT.parent / "shared" / "data" / "manual_qa"


@pytest.mark.data
def test_both_joined_beat_each_alone_on_a_manual(tmp_path: Path) -> None:
    if not DATA.is_dir():
        pytest.skip(f"needs the public data in {DATA}")
    embedder = OnnxEmbedder(RELEASE / "embedder")
    build_index(
        docs=[DATA / "sections.jsonl"],
        catalog=None,
        out=tmp_path / "manual.db",
        embedder=embedder,
        embedder_digest=embedder.digest,
    )
    ranker = Ranker.load(RELEASE / "ranker" / "ranker.json")
    index = SqliteIndex(tmp_path / "manual.db", embedder=embedder, ranker=ranker)

    table = measure(index, read_manual_qa(DATA)[::4], embedder=embedder, name="manual_qa")

    words, vectors, both = table.scores
    for alone in (words, vectors):
        assert both.hit_1 > alone.hit_1
        assert both.hit_5 > alone.hit_5
        assert both.mrr > alone.mrr
    assert both.mrr > 0.70

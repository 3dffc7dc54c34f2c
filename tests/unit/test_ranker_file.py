"""What ranks, opened from a release: the newer parts where it has them, the older ones else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.engines.answerability import OnnxAnswerability
from appliance.errors import DamagedRelease
from appliance.ranker_file import ANSWERABILITY, OLD_RANKER, RANKER, open_excerpts, open_index
from appliance.release import Manifest, Part, Release
from appliance.stages.excerpt import FEATURES
from appliance.store.ranker import OnnxRanker, Ranker
from models.answerability import Model, write
from models.small_onnx import write_ranker
from tests.builders.index import WordEmbedder, build_chain, even_ranker
from tests.builders.records import NOW

pytest.importorskip("onnx")
POOLED = 2 * len(FEATURES) + 2


def a_model() -> Model:
    ones, zeros = (np.full(len(FEATURES), x, np.float32) for x in (1, 0))
    hidden = np.zeros((POOLED, 2), np.float32)
    out = np.zeros((2, 1), np.float32)
    return Model(zeros, ones, zeros, 1.0, hidden, hidden[0], out, 0.0)


def a_release(folder: Path, *, newer: bool) -> Release:
    build_chain(folder)
    (folder / "ranker").mkdir()
    (folder / OLD_RANKER).write_text(even_ranker().as_json(), encoding="utf-8")
    (folder / "ranker" / "excerpts.json").write_text('{"weights": {}, "bias": 0}', encoding="utf-8")
    names = ["index.db", OLD_RANKER, "ranker/excerpts.json"]
    if newer:
        write_ranker(even_ranker(), folder / RANKER)
        write(a_model(), folder / ANSWERABILITY, figures={})
        names += [RANKER, ANSWERABILITY]
    parts = {name: Part("", 0) for name in names}
    return Release(folder, Manifest("larkmoor-1", 1, NOW, "0", 0, parts, {}))


def test_a_release_without_the_newer_parts_opens_as_it_did(tmp_path: Path) -> None:
    release = a_release(tmp_path, newer=False)
    index = open_index(release, WordEmbedder())
    assert isinstance(index.ranker, Ranker)
    assert open_excerpts(release, index).judge is None


def test_the_newer_parts_are_taken_where_a_release_has_them(tmp_path: Path) -> None:
    release = a_release(tmp_path, newer=True)
    index = open_index(release, WordEmbedder())
    assert isinstance(index.ranker, OnnxRanker)
    assert isinstance(open_excerpts(release, index).judge, OnnxAnswerability)


def test_a_newer_part_that_is_damaged_is_not_passed_over(tmp_path: Path) -> None:
    release = a_release(tmp_path, newer=True)
    index = open_index(release, WordEmbedder())
    (tmp_path / ANSWERABILITY).write_bytes(b"half")
    with pytest.raises(DamagedRelease):
        open_excerpts(release, index)

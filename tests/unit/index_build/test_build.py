"""One file, the same bytes for the same input, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from appliance.errors import BadInput
from appliance.index_build.build import build_index
from appliance.index_build.embeddings import EmbeddingCache, cache_path
from tests.builders.index import build_chain, open_chain, write_chain
from tests.fakes.embedder import WordEmbedder


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first = build_chain(tmp_path / "one")
    second = build_chain(tmp_path / "two")

    assert first.content_sha256 == second.content_sha256
    assert (tmp_path / "one/index.db").read_bytes() == (tmp_path / "two/index.db").read_bytes()


def test_another_word_gives_another_content(tmp_path: Path) -> None:
    before = build_chain(tmp_path).content_sha256
    docs, catalog = write_chain(tmp_path)
    (docs / "safe.md").write_text("# Safe\n\nThree managers.", encoding="utf-8")
    model = WordEmbedder()

    after = build_index(
        docs=[docs], catalog=catalog, out=tmp_path / "b.db", embedder=model, embedder_digest="x"
    )

    assert after.content_sha256 != before


def test_an_interrupted_build_resumes_and_leaves_no_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.index_build.embeddings.BATCH", 4)
    with pytest.raises(KeyboardInterrupt):
        build_chain(tmp_path, embedder=WordEmbedder(fails_after=9))
    assert not (tmp_path / "index.db").exists()

    model = WordEmbedder()
    build_chain(tmp_path, embedder=model)
    whole = WordEmbedder()
    build_chain(tmp_path / "whole", embedder=whole)

    assert model.count == whole.count - 8
    assert (tmp_path / "index.db").read_bytes() == (tmp_path / "whole/index.db").read_bytes()


def test_a_second_build_embeds_nothing_again(tmp_path: Path) -> None:
    build_chain(tmp_path)
    model = WordEmbedder()

    build_chain(tmp_path, embedder=model)

    assert model.count == 0


def test_a_damaged_cache_is_begun_anew(tmp_path: Path) -> None:
    build_chain(tmp_path)
    cache_path(tmp_path / "index.db").write_bytes(b"nonsense" * 1_000)

    build_chain(tmp_path)

    assert open_chain(tmp_path).size > 0


def test_two_builds_of_one_file_at_once_are_refused(tmp_path: Path) -> None:
    with (
        EmbeddingCache(cache_path(tmp_path / "index.db")),
        pytest.raises(BadInput, match="Another build"),
    ):
        build_chain(tmp_path)


def test_a_failed_write_leaves_the_old_index_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_chain(tmp_path)
    before = (tmp_path / "index.db").read_bytes()

    def full(*_: object) -> None:
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr("appliance.index_build.build._write_products", full)
    with pytest.raises(BadInput, match="disk is full"):
        build_chain(tmp_path)

    assert (tmp_path / "index.db").read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


def test_a_superseded_document_ends_the_day_before_its_successor(tmp_path: Path) -> None:
    report = build_chain(tmp_path)

    assert any("2026-01-31" in remark.why for remark in report.remarks)


@pytest.mark.parametrize("out", ["", "missing/folder/x.db"])
def test_the_output_is_checked_before_the_work(tmp_path: Path, out: str) -> None:
    (tmp_path / "missing").write_text("a file, not a folder")
    docs, _ = write_chain(tmp_path)
    model = WordEmbedder()

    with pytest.raises(BadInput):
        build_index(
            docs=[docs], catalog=None, out=tmp_path / out, embedder=model, embedder_digest="x"
        )

    assert model.count == 0


def test_nothing_to_index_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing to index"):
        build_index(
            docs=[],
            catalog=None,
            out=tmp_path / "i.db",
            embedder=WordEmbedder(),
            embedder_digest="x",
        )

"""A release that is not whole: the start is refused in words, and the home is left as it was."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance import cli
from tests.builders.gguf_model import tiny_gguf
from tests.builders.releases import Damage, cut, damage, flipped, gone, linked_release, seal, text
from tests.builders.server import ended

Refused = Callable[[Path, Path], str]

GGUF, ONNX, INDEX = "specialist/specialist.gguf", "embedder/embedder.onnx", "index.db"
RULES, SCHEMA, FACTS = "rules/promises.cedar", "rules/schema.cedarschema", "facts/facts.toml"
MANIFEST = "manifest.json"
PARTS = (GGUF, ONNX, INDEX, RULES, MANIFEST)
OTHERS = ("embedder/tokenizer.json", SCHEMA, "rules/notices.toml", FACTS, "router/router.npz",
          "known/vectors.npy", "ranker/ranker.onnx", "lexicon.toml")  # fmt: skip


def another_model(content: bytes) -> bytes:
    return tiny_gguf().read_bytes()


def another_database(content: bytes) -> bytes:
    return sqlite3.connect(":memory:").execute("CREATE TABLE orders (id)").connection.serialize()


def check_words(said: str, *, part: str) -> None:
    """A code, what is wrong with which file, and the next move; nothing of Python's."""
    assert "Traceback" not in said
    code, _, message = said.partition("  ")
    assert code in {"damaged_release", "damaged_index", "bad_rules"}
    assert Path(part).name in message or str(Path(part).parent) in message
    assert said.splitlines()[-1].startswith("→ ")


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Refused:
    """Give the command as this process runs it: what each fault says, without a new interpreter."""

    def serve(*_: object, **__: object) -> None:
        raise AssertionError("the store was opened")

    def run(home: Path, release: Path) -> str:
        command = ["backroom", "run", "--home", str(home), "--release", str(release)]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as left:
            cli.main()
        assert left.value.code == 1
        return capfd.readouterr().err

    monkeypatch.setattr("appliance.web.app.serve", serve)
    return run


@pytest.mark.parametrize(
    ("part", "how"),
    [(GGUF, cut), (INDEX, flipped), (MANIFEST, text)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_real_start_over_a_damaged_part_ends_with_a_sentence_and_leaves_no_file(
    tmp_path: Path, part: str, how: Damage
) -> None:
    release = linked_release(tmp_path / "release")
    damage(release, part, how)

    start = ended(tmp_path / "store", tmp_path / "log", "--release", str(release))

    assert start.status == 1
    check_words(start.said, part=part)
    assert len(start.said.splitlines()) == 2
    assert not (tmp_path / "store").exists()


# A bit of the manifest's own figures is nobody's to notice before releases are signed.
@pytest.mark.parametrize(
    ("part", "how"),
    [
        (p, how)
        for p in PARTS
        for how in (gone, cut, text, flipped)
        if (p, how) != (MANIFEST, flipped)
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_part_that_is_not_the_manifests_is_named_with_what_was_expected_and_found(
    refused: Refused, tmp_path: Path, part: str, how: Damage
) -> None:
    release = linked_release(tmp_path / "release")
    damage(release, part, how)

    said = refused(tmp_path / "store", release)

    check_words(said, part=part)
    assert any(word in said for word in ("is missing", "the manifest says", "expected JSON"))
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("part", "how", "told"),
    [
        (GGUF, text, "is not a GGUF: it starts with"),
        (GGUF, cut, "its header promises"),
        (GGUF, another_model, "is another language model: expected one with"),
        (ONNX, text, "expected a graph, found"),
        (ONNX, cut, "expected a graph, found"),
        (INDEX, text, "are not an SQLite database"),
        (INDEX, cut, "its header says"),
        (INDEX, flipped, "its tables cannot be read"),
        (INDEX, another_database, "is not a Backroom index"),
        (RULES, text, "promises.cedar:"),
        (RULES, cut, "promises.cedar:"),
        (SCHEMA, cut, "schema.cedarschema:"),
        (ONNX, flipped, "its vectors are of embedder"),
        *((part, text, "expected ") for part in OTHERS if part != SCHEMA),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_foreign_part_that_a_manifest_vouches_for_is_refused_all_the_same(
    refused: Refused, tmp_path: Path, part: str, how: Damage, told: str
) -> None:
    release = linked_release(tmp_path / "release")
    damage(release, part, how)
    seal(release, part)

    said = refused(tmp_path / "store", release)

    assert told in said
    assert "Traceback" not in said
    assert "→ " in said
    assert not (tmp_path / "store").exists()


def test_a_whole_release_gets_past_all_of_it(refused: Refused, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the store was opened"):
        refused(tmp_path / "store", linked_release(tmp_path / "release"))

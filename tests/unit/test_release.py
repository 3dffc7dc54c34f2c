"""A release is opened whole or not at all."""

from pathlib import Path

import pytest

from appliance.errors import BadInput, DamagedRelease
from appliance.lexicon_file import load_lexicon
from appliance.release import open_release
from models.package import REQUIRED, package


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in REQUIRED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(f"content of {name}".encode())
    package(
        tmp_path,
        release="test-1",
        counter=1,
        compatibility={"embedding_dim": 384},
        thresholds={},
        evaluation={},
        probes=[{"text": "how long"}],
    )
    return tmp_path


def test_a_packaged_release_opens_and_gives_its_parts(folder: Path) -> None:
    release = open_release(folder)
    assert release.manifest.id == "test-1"
    assert release.path("index.db").read_bytes() == b"content of index.db"


def test_a_part_cut_short_is_named_with_both_lengths(folder: Path) -> None:
    (folder / "index.db").write_bytes(b"cont")
    with pytest.raises(
        DamagedRelease, match=r"index\.db is 4 bytes, the manifest says 19"
    ) as caught:
        open_release(folder)
    assert "again" in caught.value.hint


def test_a_part_altered_at_the_same_length_is_noticed(folder: Path) -> None:
    (folder / "index.db").write_bytes(b"CONTENT of index.db")
    with pytest.raises(DamagedRelease, match=r"index\.db has sha256"):
        open_release(folder)


def test_a_missing_part_and_a_missing_manifest_are_named(folder: Path) -> None:
    (folder / "index.db").unlink()
    with pytest.raises(DamagedRelease, match=r"index\.db is missing"):
        open_release(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(DamagedRelease, match="No release in"):
        open_release(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "x"}'])
def test_a_foreign_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(DamagedRelease, match="not a release manifest"):
        open_release(folder)


def test_an_unlisted_part_cannot_be_reached(folder: Path) -> None:
    (folder / "extra.txt").write_text("not in the manifest", encoding="utf-8")
    with pytest.raises(DamagedRelease, match=r"no part extra\.txt"):
        open_release(folder).path("extra.txt")


def test_packaging_without_a_required_part_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"lacks .*index\.db"):
        package(
            tmp_path,
            release="x",
            counter=1,
            compatibility={},
            thresholds={},
            evaluation={},
            probes=[],
        )
    assert list(tmp_path.iterdir()) == []


def test_a_lexicon_with_an_unknown_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.toml"
    path.write_text("[slang]\nx = 'y'\n", encoding="utf-8")
    with pytest.raises(DamagedRelease, match="unknown table 'slang'"):
        load_lexicon(path)
